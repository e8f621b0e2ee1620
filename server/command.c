#include "server/command.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "rooms/member.h"
#include "server/client.h"
#include "server/json_guard.h"
#include "server/options.h"
#include "server/server.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define CLIENT_ID_CHARACTERS 64  /* longest id of a message */
#define ECHO_BYTES           256 /* what is said back of a refused command, at most */

/* A command as it came in. */
struct command {
    struct client *client;
    const cJSON *root;
    const char *action; /* NULL where it could not be read */
};

static const char *
string_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static const char *
short_string_of(const cJSON *object, const char *key)
{
    const char *text = string_of(object, key);
    return text != NULL && strlen(text) <= ECHO_BYTES ? text : NULL;
}

/* Answers with an error, and with what the client needs to know which command it was. */
static void
answer_error(const struct command *command, struct event_error *error)
{
    const cJSON *target = cJSON_GetObjectItemCaseSensitive(command->root, "target");

    error->refused =
        command->action != NULL && strlen(command->action) <= ECHO_BYTES ? command->action : NULL;
    error->client_id = short_string_of(command->root, "id");
    error->room_id = short_string_of(target, "id");
    atomic_fetch_add(&command->client->server->counters.errors, 1);
    struct message *message = event_error(error);
    if (message != NULL)
        client_send(command->client, message);
}

static void
refuse(const struct command *command, const char *code, const char *message)
{
    struct event_error error = {.code = code, .message = message};
    answer_error(command, &error);
}

/* The command is about to be passed on to a room, which answers it. */
static void
begin_request(const struct command *command)
{
    atomic_fetch_add(&command->client->under_way, 1);
}

/* Answers for a negative errno of rooms/member.h, where the request was not passed on. */
static void
end_request(const struct command *command, int error)
{
    struct event_error described = {0};

    if (error == 0)
        return;
    atomic_fetch_sub(&command->client->under_way, 1);
    if (error == -ECANCELED)
        return;
    event_error_for(error, &described);
    answer_error(command, &described);
}

/*
 * Whether one more command that others are told of keeps to the client's rate: each uses up its
 * share of a second, and a second's worth may come at once. If not, it is refused.
 */
static bool
keeps_rate(const struct command *command)
{
    struct client *client = command->client;
    unsigned limit = client->server->options->limit_messages;
    struct timespec now;

    if (limit == 0)
        return true;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return true;
    int64_t time = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    if (client->post_time < time)
        client->post_time = time;
    if (client->post_time + 1000000 / limit > time + 1000000) {
        answer_error(command, &(struct event_error){
                                  .code = "rate-limited",
                                  .message = "You send more a second than is allowed.",
                                  .retry = true,
                              });
        return false;
    }
    client->post_time += 1000000 / limit;
    return true;
}

static void
join_room(const struct command *command)
{
    const char *name = string_of(command->root, "message");
    size_t length;

    if (name == NULL)
        refuse(command, "bad-request", "`message` must be the room's name.");
    else if (!name_trim(&name, strlen(name), REPO_ROOM_NAME_SIZE - 1, &length))
        refuse(command, "bad-name",
               "A room's name has 1 to 128 bytes of text, and no control characters.");
    else if (keeps_rate(command)) {
        begin_request(command);
        end_request(command, member_join(&command->client->member, &command->client->server->rooms,
                                         name, length));
    }
}

static void
join_room_private(const struct command *command)
{
    struct client *client = command->client;
    const char *id = string_of(command->root, "message");

    if (id == NULL || *id == '\0')
        refuse(command, "bad-request", "`message` must be the other user's id.");
    else if (strcmp(id, client->member.id) == 0)
        refuse(command, "bad-request", "A private chat takes somebody else.");
    else if (strlen(id) >= IDENTIFIER_SIZE || strchr(id, ':') != NULL)
        refuse(command, "no-such-user", "Nobody with this id is online.");
    else if (keeps_rate(command)) {
        begin_request(command);
        end_request(command, member_join_private(&client->member, &client->server->rooms, id));
    }
}

static void
leave_room(const struct command *command)
{
    const char *id = string_of(command->root, "message");

    if (id == NULL || *id == '\0')
        refuse(command, "bad-request", "`message` must be the room's id.");
    else if (keeps_rate(command) && member_leave(&command->client->member, id) != 0)
        refuse(command, "not-a-member", "You are not in this room.");
}

/* The number of characters of valid UTF-8. */
static size_t
characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void
send_message(const struct command *command)
{
    struct client *client = command->client;
    const cJSON *target = cJSON_GetObjectItemCaseSensitive(command->root, "target");
    const cJSON *id_item = cJSON_GetObjectItemCaseSensitive(command->root, "id");
    const char *text = string_of(command->root, "message");
    const char *room_id = string_of(target, "id");
    const char *id = string_of(command->root, "id");
    size_t length = text != NULL ? strlen(text) : 0;

    if (length == 0)
        refuse(command, "bad-request", "`message` must be the text, and not empty.");
    else if (length > SERVER_MESSAGE_BYTES)
        refuse(command, "too-long", "A message has at most 10,000 bytes.");
    else if (room_id == NULL)
        refuse(command, "bad-request", "`target.id` must be the room's id.");
    else if (id_item != NULL && !cJSON_IsNull(id_item) &&
             (id == NULL || *id == '\0' || characters(id) > CLIENT_ID_CHARACTERS))
        refuse(command, "bad-request", "`id` must be a string of 1 to 64 characters.");
    else if (keeps_rate(command)) {
        begin_request(command);
        int error = member_post(&client->member, room_id, text, length, id);
        end_request(command, error == -ENOENT ? -EPERM : error);
    }
}

static void
carry_out(const struct command *command)
{
    static const struct {
        const char *action;
        void (*function)(const struct command *command);
    } table[] = {
        {"send-message", send_message},
        {"join-room", join_room},
        {"leave-room", leave_room},
        {"join-room-private", join_room_private},
    };

    if (command->action == NULL) {
        refuse(command, "bad-request", "`action` must be a string.");
        return;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(command->action, table[i].action) == 0) {
            table[i].function(command);
            return;
        }
    }
    refuse(command, "unknown-action", "There is no such action.");
}

/*
 * The bytes up to the next newline: of a line that has something unreadable nothing more is carried
 * out, and the next line is read on its own, whatever the brackets say.
 */
static size_t
rest_of_line(const char *text, size_t length)
{
    const char *newline = memchr(text, '\n', length);
    return newline != NULL ? (size_t)(newline - text) : length;
}

unsigned
command_handle(struct client *client, const char *text, size_t length)
{
    size_t at = 0;
    size_t start;
    size_t end;
    const char *problem;
    unsigned count = 0;

    while (!client->closing && json_guard_next(text + at, length - at, &start, &end, &problem)) {
        if (++count > COMMANDS_MAX)
            break;
        struct command command = {.client = client};
        cJSON *root = NULL;
        if (problem == NULL)
            root = cJSON_ParseWithLength(text + at + start, end - start);
        if (root != NULL) {
            command.root = root;
            command.action = string_of(root, "action");
            carry_out(&command);
        } else {
            refuse(&command, "bad-json", problem != NULL ? problem : "This is not valid JSON.");
            if (problem == NULL) /* else the guard has done it */
                end = start + rest_of_line(text + at + start, length - at - start);
        }
        cJSON_Delete(root);
        at += end;
    }
    return count;
}
