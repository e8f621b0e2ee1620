/* The commands about a room's messages. */
#include "rooms/history.h"
#include "rooms/member.h"
#include "server/client.h"
#include "server/command_internal.h"
#include "server/server.h"

#include <errno.h>
#include <string.h>

/* What a room's log is to have added. */
struct entry {
    const char *text;
    size_t length;
    uint64_t of;
    const char *room_id;
    const char *id;
};

/* Reads what is asked for; if that is not as it must be, or too much, answers, and returns false. */
static bool
read_entry(const struct command *command, bool has_text, bool has_of, struct entry *entry)
{
    *entry = (struct entry){
        .text = has_text ? command_string(command->root, "message") : NULL,
        .room_id = command_target(command),
    };
    entry->length = entry->text != NULL ? strlen(entry->text) : 0;
    if (has_text && entry->length == 0)
        command_refuse(command, "bad-request", "`message` must be the text, and not empty.");
    else if (entry->length > SERVER_MESSAGE_BYTES)
        command_refuse(command, "too-long", "A message has at most 10,000 bytes.");
    else if (entry->room_id == NULL)
        command_refuse(command, "bad-request", "`target.id` must be the room's id.");
    else if (has_of && (!command_number(command, "of", 1, &entry->of) || entry->of == 0))
        command_refuse(command, "bad-request", "`of` must be the seq of a message.");
    else
        return command_own_id(command, &entry->id) && command_keeps_rate(command);
    return false;
}

void
command_send_message(const struct command *command)
{
    struct entry entry;

    if (!read_entry(command, true, false, &entry))
        return;
    command_begin_request(command);
    int error =
        member_post(&command->client->member, entry.room_id, entry.text, entry.length, entry.id);
    command_end_request(command, error == -ENOENT ? -EPERM : error);
}

void
command_edit_message(const struct command *command)
{
    struct entry entry;

    if (!read_entry(command, true, true, &entry))
        return;
    command_begin_request(command);
    int error = member_edit(&command->client->member, entry.room_id, entry.of, entry.text,
                            entry.length, entry.id);
    command_end_request(command, error == -ENOENT ? -EPERM : error);
}

void
command_delete_message(const struct command *command)
{
    struct entry entry;

    if (!read_entry(command, false, true, &entry))
        return;
    command_begin_request(command);
    int error = member_delete(&command->client->member, entry.room_id, entry.of, entry.id);
    command_end_request(command, error == -ENOENT ? -EPERM : error);
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
        command_refuse(command, "bad-request",
                       "`before` or `after`, not both, must be a whole number.");
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
