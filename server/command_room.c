/* The commands about being in a room. */
#include "rooms/member.h"
#include "server/client.h"
#include "server/command_internal.h"
#include "server/server.h"

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

void
command_join_room(const struct command *command)
{
    struct client *client = command->client;
    const char *name = command_string(command->root, "message");
    uint64_t since;
    size_t length;

    if (name == NULL) {
        command_refuse(command, "bad-request", "`message` must be the room's name.");
    } else if (!name_trim(&name, strlen(name), REPO_ROOM_NAME_SIZE - 1, &length)) {
        command_refuse(command, "bad-name",
                       "A room's name has 1 to 128 bytes of text, and no control characters.");
    } else if (read_since(command, &since) && command_keeps_join_rate(command)) {
        command_begin_request(command);
        command_end_request(
            command, member_join(&client->member, &client->server->rooms, name, length, since));
    }
}

void
command_join_room_private(const struct command *command)
{
    struct client *client = command->client;
    const char *id = command_string(command->root, "message");
    uint64_t since;

    if (id == NULL || *id == '\0') {
        command_refuse(command, "bad-request", "`message` must be the other user's id.");
    } else if (strcmp(id, client->member.id) == 0) {
        command_refuse(command, "bad-request", "A private chat takes somebody else.");
    } else if (strlen(id) >= IDENTIFIER_SIZE || strchr(id, ':') != NULL) {
        command_refuse(command, "no-such-user", "There is no user with this id.");
    } else if (read_since(command, &since) && command_keeps_join_rate(command)) {
        command_begin_request(command);
        command_end_request(
            command, member_join_private(&client->member, &client->server->rooms, id, since));
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
