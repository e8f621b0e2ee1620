#include "rooms/event.h"

#include "pubsub/message.h"
#include "rooms/history.h"
#include "rooms/utf8.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SEQ_MAX 9007199254740991.0 /* 2^53 - 1: JSON's numbers are doubles */

/* A document in the making: one failure on the way and there is no document. */
struct document {
    cJSON *root;
    bool failed;
};

static struct document
begin(const char *action)
{
    struct document document = {.root = cJSON_CreateObject()};
    document.failed =
        document.root == NULL || cJSON_AddStringToObject(document.root, "action", action) == NULL;
    return document;
}

static void
add_string(struct document *document, cJSON *object, const char *key, const char *value)
{
    document->failed = document->failed || cJSON_AddStringToObject(object, key, value) == NULL;
}

static void
add_bool(struct document *document, cJSON *object, const char *key, bool value)
{
    document->failed = document->failed || cJSON_AddBoolToObject(object, key, value) == NULL;
}

/* As raw digits: the library's numbers are doubles, printed slowly and not for all of 64 bits. */
static void
add_integer(struct document *document, cJSON *object, const char *key, int64_t value)
{
    char digits[24];

    if (document->failed)
        return;
    snprintf(digits, sizeof(digits), "%" PRId64, value);
    document->failed = cJSON_AddRawToObject(object, key, digits) == NULL;
}

static cJSON *
add_object(struct document *document, const char *key)
{
    cJSON *object = document->failed ? NULL : cJSON_AddObjectToObject(document->root, key);
    document->failed = object == NULL;
    return object;
}

static void
add_user(struct document *document, const char *key, const char *id, const char *name)
{
    cJSON *user = add_object(document, key);
    add_string(document, user, "id", id);
    add_string(document, user, "name", name);
}

static void
add_room(struct document *document, const struct repo_room *room)
{
    cJSON *target = add_object(document, "target");
    add_string(document, target, "id", room->id);
    add_string(document, target, "name", room->name);
}

/* Prints and frees the document; `expected` is about how many bytes it takes. */
static struct message *
finish(struct document *document, uint64_t seq, size_t expected)
{
    char *text = NULL;
    struct message *message = NULL;

    if (!document->failed)
        text = cJSON_PrintBuffered(document->root, (int)expected, false);
    if (text != NULL)
        message = message_new(text, strlen(text), seq);
    cJSON_free(text);
    cJSON_Delete(document->root);
    return message;
}

struct message *
event_welcome(const struct event_welcome *welcome)
{
    struct document document = begin("welcome");

    add_user(&document, "user", welcome->user_id, welcome->user_name);
    add_string(&document, document.root, "token", welcome->token);
    add_integer(&document, document.root, "tokenExpires", welcome->token_expires);
    cJSON *server = add_object(&document, "server");
    add_string(&document, server, "version", welcome->version);
    add_string(&document, server, "instance", welcome->instance);
    cJSON *limits = add_object(&document, "limits");
    add_integer(&document, limits, "messageBytes", welcome->message_bytes);
    add_integer(&document, limits, "frameBytes", welcome->frame_bytes);
    add_integer(&document, limits, "roomNameBytes", REPO_ROOM_NAME_SIZE - 1);
    add_integer(&document, limits, "rooms", welcome->rooms);
    add_integer(&document, limits, "underWay", welcome->under_way);
    add_integer(&document, limits, "messagesPerSecond", welcome->messages_per_second);
    add_integer(&document, limits, "resume", welcome->resume);
    add_integer(&document, limits, "history", HISTORY_MAX);
    return finish(&document, 0, 512);
}

struct message *
event_error(const struct event_error *error)
{
    struct document document = begin("error");

    add_string(&document, document.root, "code", error->code);
    add_string(&document, document.root, "message", error->message);
    add_bool(&document, document.root, "retry", error->retry);
    if (error->refused != NULL)
        add_string(&document, document.root, "refused", error->refused);
    if (error->client_id != NULL)
        add_string(&document, document.root, "id", error->client_id);
    if (error->room_id != NULL)
        add_string(&document, add_object(&document, "target"), "id", error->room_id);
    return finish(&document, 0, 256);
}

struct message *
event_room_joined(const struct event_joined *joined)
{
    const struct repo_room *room = joined->room;
    struct document document = begin("room-joined");

    cJSON *target = add_object(&document, "target");
    add_string(&document, target, "id", room->id);
    add_string(&document, target, "name", room->name);
    add_bool(&document, target, "private", room->is_private);
    if (joined->other_id != NULL)
        add_user(&document, "sender", joined->other_id, joined->other_name);
    else if (!document.failed)
        document.failed = cJSON_AddNullToObject(document.root, "sender") == NULL;
    add_integer(&document, document.root, "lastSeq", (int64_t)joined->last_seq);
    if (joined->since != UINT64_MAX)
        add_integer(&document, document.root, "since", (int64_t)joined->since);
    if (joined->truncated)
        add_bool(&document, document.root, "truncated", true);
    return finish(&document, 0, 256);
}

static void
add_chat(struct document *document, const struct repo_message *chat)
{
    add_user(document, "sender", chat->sender_id, chat->sender_name);
    add_integer(document, document->root, "seq", (int64_t)chat->seq);
    add_integer(document, document->root, "ts", chat->ts);
    if (chat->kind != REPO_MESSAGE)
        add_integer(document, document->root, "of", (int64_t)chat->of);
    if (event_entry_state(chat) != NULL)
        add_integer(document, document->root, event_entry_state(chat), (int64_t)chat->changed);
    if (chat->client_id != NULL)
        add_string(document, document->root, "id", chat->client_id);
}

struct message *
event_history_entry(const struct repo_message *chat)
{
    struct document document = {.root = cJSON_CreateObject()};

    document.failed = document.root == NULL;
    if (chat->kind != REPO_MESSAGE)
        add_string(&document, document.root, "action", event_entry_action(chat->kind));
    if (chat->kind != REPO_DELETE)
        add_string(&document, document.root, "message", chat->text);
    add_chat(&document, chat);
    return finish(&document, chat->seq, chat->text_length + 256);
}

struct message *
event_notice(const struct repo_room *room, const char *text)
{
    struct document document = begin("send-message");

    add_string(&document, document.root, "message", text);
    add_room(&document, room);
    return finish(&document, 0, 384);
}

struct message *
event_typing(const struct repo_room *room, const char *user_id, const char *user_name)
{
    struct document document = begin("typing");

    add_room(&document, room);
    add_user(&document, "sender", user_id, user_name);
    return finish(&document, 0, 256);
}

struct message *
event_presence(bool online, const char *user_id, const char *user_name)
{
    struct document document = begin(online ? "user-join" : "user-left");

    add_user(&document, "sender", user_id, user_name);
    return finish(&document, 0, 192);
}

struct message *
event_invitation(const char *to_id, const char *from_id, const char *from_name, uint64_t last_seq)
{
    struct document document = begin("join-room-private");

    add_string(&document, document.root, "message", to_id);
    add_user(&document, "sender", from_id, from_name);
    add_integer(&document, document.root, "lastSeq", (int64_t)last_seq);
    return finish(&document, 0, 256);
}

/* Copies the string of that key; false when there is none, or it is empty or too long. */
static bool
copy_string(const cJSON *object, const char *key, char *out, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsString(item))
        return false;
    size_t length = strlen(item->valuestring);
    if (length == 0 || length >= size || !utf8_is_valid(item->valuestring, length))
        return false;
    memcpy(out, item->valuestring, length + 1);
    return true;
}

/* Copies the whole number of that key; false when there is none that a double holds exactly. */
static bool
copy_seq(const cJSON *object, const char *key, uint64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= SEQ_MAX))
        return false;
    *out = (uint64_t)item->valuedouble;
    return true;
}

int
event_general_parse(const char *text, size_t length, struct event_general *out)
{
    char action[32];
    int error = -EINVAL;

    cJSON *root = cJSON_ParseWithLength(text, length);
    const cJSON *sender = cJSON_GetObjectItemCaseSensitive(root, "sender");
    if (!copy_string(root, "action", action, sizeof(action)) ||
        !copy_string(sender, "id", out->user_id, sizeof(out->user_id)) ||
        !copy_string(sender, "name", out->user_name, sizeof(out->user_name)))
        goto done;
    if (strcmp(action, "user-join") == 0)
        out->kind = EVENT_USER_JOIN;
    else if (strcmp(action, "user-left") == 0)
        out->kind = EVENT_USER_LEFT;
    else if (strcmp(action, "join-room-private") == 0)
        out->kind = EVENT_INVITATION;
    else
        goto done;
    if (out->kind == EVENT_INVITATION &&
        (!copy_string(root, "message", out->to_id, sizeof(out->to_id)) ||
         !copy_seq(root, "lastSeq", &out->last_seq)))
        goto done;
    error = 0;
done:
    cJSON_Delete(root);
    return error;
}

void
event_error_for(int error, struct event_error *out)
{
    static const struct {
        const char *code;
        const char *message;
        int error;
        bool retry;
    } table[] = {
        {"shutting-down", "The server is about to stop.", -ESHUTDOWN, true},
        {"too-many-rooms", "You are in as many rooms as is allowed.", -EMFILE, true},
        {"too-many-rooms", "The server runs as many rooms as it may.", -ENFILE, true},
        {"not-a-member", "You are not in this room.", -EPERM, false},
        {"no-such-user", "There is no user with this id.", -ENOENT, false},
        {"unavailable", "The database is busy. Try again.", -EBUSY, true},
        {"unavailable", "The server's disk is full. Try again later.", -ENOSPC, true},
        {"unavailable", "The server is out of memory. Try again later.", -ENOMEM, true},
        {"unavailable", "The server cannot do this right now. Try again.", -EAGAIN, true},
    };

    out->code = "storage-failed";
    out->message = "The server cannot store this.";
    out->retry = false;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].error == error) {
            out->code = table[i].code;
            out->message = table[i].message;
            out->retry = table[i].retry;
        }
    }
}
