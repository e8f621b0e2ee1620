/* The commands about a room's messages. */
#include "rooms/history.h"
#include "rooms/member.h"
#include "server/client.h"
#include "server/command_internal.h"
#include "server/server.h"

#include <errno.h>
#include <string.h>

void
command_send_message(const struct command *command)
{
    const char *text = command_string(command->root, "message");
    const char *room_id = command_target(command);
    const char *id;
    size_t length = text != NULL ? strlen(text) : 0;

    if (length == 0) {
        command_refuse(command, "bad-request", "`message` must be the text, and not empty.");
    } else if (length > SERVER_MESSAGE_BYTES) {
        command_refuse(command, "too-long", "A message has at most 10,000 bytes.");
    } else if (room_id == NULL) {
        command_refuse(command, "bad-request", "`target.id` must be the room's id.");
    } else if (command_own_id(command, &id) && command_keeps_rate(command)) {
        command_begin_request(command);
        int error = member_post(&command->client->member, room_id, text, length, id);
        command_end_request(command, error == -ENOENT ? -EPERM : error);
    }
}

/* Reads which page is asked for; if that makes no sense, answers, and returns false. */
static bool
read_range(const struct command *command, struct history_range *range)
{
    uint64_t none = UINT64_MAX;
    uint64_t before = none;
    uint64_t after = none;
    uint64_t limit = HISTORY_DEFAULT;

    if (!command_number(command, "before", 0, &before) ||
        !command_number(command, "after", 0, &after) || (before != none && after != none)) {
        command_refuse(command, "bad-request", "`before` or `after` must be a whole number.");
        return false;
    }
    if (!command_number(command, "limit", 1, &limit)) {
        command_refuse(command, "bad-request", "`limit` must be a whole number from 1.");
        return false;
    }
    range->after = after != none ? after : 0;
    range->before = before;
    range->newest = after == none;
    range->limit = limit < HISTORY_MAX ? (size_t)limit : HISTORY_MAX;
    return true;
}

void
command_history(const struct command *command)
{
    struct client *client = command->client;
    const char *room_id = command_target(command);
    struct history_range range;
    const char *id;

    if (room_id == NULL) {
        command_refuse(command, "bad-request", "`target.id` must be the room's id.");
    } else if (read_range(command, &range) && command_own_id(command, &id)) {
        command_begin_request(command);
        int error = member_read_history(&client->member, room_id, &range, id);
        command_end_request(command, error == -ENOENT ? -EPERM : error);
    }
}

void
command_typing(const struct command *command)
{
    const char *room_id = command_target(command);

    if (room_id == NULL)
        command_refuse(command, "bad-request", "`target.id` must be the room's id.");
    else if (command_keeps_hint_rate(command) &&
             member_type(&command->client->member, room_id) == -ENOENT)
        command_refuse(command, "not-a-member", "You are not in this room.");
}
