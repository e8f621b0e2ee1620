/*
 * What the commands share: within server/command*.c only. The thread of the client's loop; nothing
 * here blocks.
 */
#ifndef SERVER_COMMAND_INTERNAL_H
#define SERVER_COMMAND_INTERNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct client;

/* A command as it came in. */
struct command {
    struct client *client;
    const cJSON *root;
    const char *action; /* NULL where it could not be read */
};

/* The string of that key, which lives as long as the command, or NULL. */
const char *command_string(const cJSON *object, const char *key);

/* The id of the room that the command names in `target`, or NULL. */
const char *command_target(const struct command *command);

/*
 * The client's own id of the command in *out, NULL where there is none. Returns false when that is
 * not a string of 1 to 64 characters, which has been answered then.
 */
bool command_own_id(const struct command *command, const char **out);

/*
 * Reads the whole number of that key, if there is one, into *out. Returns false when it is not one
 * from `minimum` to 2^53 - 1.
 */
bool command_number(const struct command *command, const char *key, uint64_t minimum,
                    uint64_t *out);

/* Answers with an error that does not go away by itself. */
void command_refuse(const struct command *command, const char *code, const char *message);

/* The command is about to be passed on to rooms/, which answers it. */
void command_begin_request(const struct command *command);

/* Answers for a negative errno of rooms/member.h, where the request was not passed on. */
void command_end_request(const struct command *command, int error);

/*
 * Whether one more command that others are told of keeps to the user's rate. If not, it has been
 * refused.
 */
bool command_keeps_rate(const struct command *command);

/* The same for one that joins or leaves a room: who comes back joins many at once. */
bool command_keeps_join_rate(const struct command *command);

/* The same for a hint, which does not count with the others; nothing is answered. */
bool command_keeps_hint_rate(const struct command *command);

/* As above, for what may bring the client into one more room: the user's rooms are limited. */
void command_begin_join(const struct command *command);
void command_end_join(const struct command *command, int error);

/* Has what is passed on next bring the client into no more rooms than that. */
void command_limit_rooms(const struct command *command);

/* Whether the action decides something about a room, as command_order knows it. */
bool command_is_order(const char *action);
void command_order(const struct command *command);

/* The actions. */
void command_join_room(const struct command *command);
void command_join_room_private(const struct command *command);
void command_leave_room(const struct command *command);
void command_send_message(const struct command *command);
void command_edit_message(const struct command *command);
void command_delete_message(const struct command *command);
void command_create_room(const struct command *command);
void command_block(const struct command *command);
void command_unblock(const struct command *command);
void command_rooms(const struct command *command);
void command_room_members(const struct command *command);
void command_blocks(const struct command *command);
void command_history(const struct command *command);
void command_typing(const struct command *command);

#endif
