/* The commands about being in a room. */
#include "rooms/member.h"
#include "server/client.h"
#include "server/command_internal.h"
#include "server/server.h"

#include <errno.h>
#include <string.h>

/* Reads `since`; if it is not a good one, answers, and returns false. */
static bool
read_since(const struct command *command, uint64_t *since)
{
    *since = MEMBER_SINCE_NONE;
    if (command_number(command, "since", 0, since))
        return true;
    command_refuse(command, "bad-request", "`since` must be the seq of a message, or 0.");
    return false;
}

/* The same of `create`. */
static bool
read_create(const struct command *command, bool *makes)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(command->root, "create");

    *makes = !cJSON_IsFalse(item);
    if (item == NULL || cJSON_IsBool(item))
        return true;
    command_refuse(command, "bad-request", "`create` must be true or false.");
    return false;
}

/*
 * Counts the rooms of this connection with those of the user's others, and returns how many these are.
 * A client is put out of rooms without asking, too: what ended so is found here.
 */
static unsigned
count_rooms(struct client *client)
{
    unsigned now = member_room_count(&client->member);
    unsigned all = limits_move_rooms(client->server, client->member.id, &client->rooms,
                                     client->room_count, now);

    client->room_count = client->rooms != NULL ? (uint16_t)now : 0;
    return all;
}

void
command_limit_rooms(const struct command *command)
{
    struct client *client = command->client;
    unsigned all = count_rooms(client);

    member_limit_rooms(&client->member,
                       limits_rooms_left(client->server, all) + client->room_count);
}

void
command_begin_join(const struct command *command)
{
    command_limit_rooms(command);
    command_begin_request(command);
}

void
command_end_join(const struct command *command, int error)
{
    struct client *client = command->client;
    unsigned all = count_rooms(client);

    if (error == -EMFILE && limits_rooms_left(client->server, all) == 0)
        limits_count(client->server, LIMIT_ROOMS, client->member.id);
    command_end_request(command, error);
}

void
command_join_room(const struct command *command)
{
    struct client *client = command->client;
    const char *name = command_string(command->root, "message");
    struct joining how;
    size_t length;

    if (name == NULL) {
        command_refuse(command, "bad-request", "`message` must be the room's name.");
    } else if (!name_trim(&name, strlen(name), REPO_ROOM_NAME_SIZE - 1, &length)) {
        command_refuse(command, "bad-name",
                       "A room's name has 1 to 128 bytes of text, and no control characters.");
    } else if (read_since(command, &how.since) && read_create(command, &how.makes) &&
               command_own_id(command, &how.client_id) && command_keeps_join_rate(command)) {
        command_begin_join(command);
        command_end_join(command,
                         member_join(&client->member, &client->server->rooms, name, length, &how));
    }
}

void
command_join_room_private(const struct command *command)
{
    struct client *client = command->client;
    const char *id = command_string(command->root, "message");
    struct joining how = {.makes = true};

    if (id == NULL || *id == '\0') {
        command_refuse(command, "bad-request", "`message` must be the other user's id.");
    } else if (strcmp(id, client->member.id) == 0) {
        command_refuse(command, "bad-request", "A private chat takes somebody else.");
    } else if (strlen(id) >= IDENTIFIER_SIZE || strchr(id, ':') != NULL) {
        command_refuse(command, "no-such-user", "There is no user with this id.");
    } else if (read_since(command, &how.since) && command_own_id(command, &how.client_id) &&
               command_keeps_join_rate(command)) {
        command_begin_join(command);
        command_end_join(command,
                         member_join_private(&client->member, &client->server->rooms, id, &how));
    }
}

void
command_leave_room(const struct command *command)
{
    const char *id = command_string(command->root, "message");

    if (id == NULL || *id == '\0')
        command_refuse(command, "bad-request", "`message` must be the room's id.");
    else if (command_keeps_join_rate(command) && member_leave(&command->client->member, id) != 0)
        command_refuse(command, "not-a-member", "You are not in this room.");
}
