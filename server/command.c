#include "server/command.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "server/client.h"
#include "server/command_internal.h"
#include "server/json_guard.h"
#include "server/options.h"
#include "server/server.h"

#include <errno.h>
#include <string.h>

#define CLIENT_ID_CHARACTERS 64  /* longest id of a command */
#define ECHO_BYTES           256 /* what is said back of a refused command, at most */

const char *
command_string(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

const char *
command_target(const struct command *command)
{
    return command_string(cJSON_GetObjectItemCaseSensitive(command->root, "target"), "id");
}

static const char *
short_string_of(const cJSON *object, const char *key)
{
    const char *text = command_string(object, key);
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

void
command_refuse(const struct command *command, const char *code, const char *message)
{
    struct event_error error = {.code = code, .message = message};
    answer_error(command, &error);
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

bool
command_own_id(const struct command *command, const char **out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(command->root, "id");

    *out = command_string(command->root, "id");
    if (item == NULL || cJSON_IsNull(item))
        return true;
    if (*out != NULL && **out != '\0' && characters(*out) <= CLIENT_ID_CHARACTERS)
        return true;
    command_refuse(command, "bad-request", "`id` must be a string of 1 to 64 characters.");
    return false;
}

bool
command_number(const struct command *command, const char *key, uint64_t minimum, uint64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(command->root, key);

    if (item == NULL)
        return true;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= (double)minimum) ||
        item->valuedouble > (double)SERVER_SEQ_MAX)
        return false;
    uint64_t number = (uint64_t)item->valuedouble;
    if ((double)number != item->valuedouble)
        return false;
    *out = number;
    return true;
}

void
command_begin_request(const struct command *command)
{
    atomic_fetch_add(&command->client->under_way, 1);
}

void
command_end_request(const struct command *command, int error)
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

static bool
answer_limited(const struct command *command, const char *message, int64_t retry_after_ms)
{
    answer_error(command, &(struct event_error){
                              .code = "rate-limited",
                              .message = message,
                              .retry = true,
                              .retry_after_ms = retry_after_ms,
                          });
    return false;
}

bool
command_keeps_rate(const struct command *command)
{
    struct client *client = command->client;
    int64_t retry_after_ms;

    return limits_take_message(client->server, client->member.id, &retry_after_ms) ||
           answer_limited(command, "You send more a second than is allowed.", retry_after_ms);
}

bool
command_keeps_join_rate(const struct command *command)
{
    struct client *client = command->client;
    int64_t retry_after_ms;

    return limits_take_join(client->server, client->member.id, &retry_after_ms) ||
           answer_limited(command, "You join and leave more often than is allowed.",
                          retry_after_ms);
}

bool
command_keeps_hint_rate(const struct command *command)
{
    return limits_take_hint(command->client->server, command->client->member.id);
}

static void
carry_out(const struct command *command)
{
    static const struct {
        const char *action;
        void (*function)(const struct command *command);
    } table[] = {
        {"send-message", command_send_message}, {"typing", command_typing},
        {"history", command_history},           {"join-room", command_join_room},
        {"leave-room", command_leave_room},     {"join-room-private", command_join_room_private},
        {"edit-message", command_edit_message}, {"delete-message", command_delete_message},
        {"create-room", command_create_room},   {"block", command_block},
        {"unblock", command_unblock},           {"rooms", command_rooms},
        {"room-members", command_room_members}, {"blocks", command_blocks},
    };

    if (command->action == NULL) {
        command_refuse(command, "bad-request", "`action` must be a string.");
        return;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(command->action, table[i].action) == 0) {
            table[i].function(command);
            return;
        }
    }
    if (command_is_order(command->action))
        command_order(command);
    else
        command_refuse(command, "unknown-action", "There is no such action.");
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
            command.action = command_string(root, "action");
            carry_out(&command);
        } else {
            if (problem == json_guard_too_deep)
                limits_count(client->server, LIMIT_JSON_DEPTH, client->member.id);
            command_refuse(&command, "bad-json",
                           problem != NULL ? problem : "This is not valid JSON.");
            if (problem == NULL) /* else the guard has done it */
                end = start + rest_of_line(text + at + start, length - at - start);
        }
        cJSON_Delete(root);
        at += end;
    }
    return count;
}
