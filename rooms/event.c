#include "rooms/event.h"

#include "pubsub/message.h"
#include "rooms/document.h"
#include "rooms/history.h"
#include "rooms/utf8.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#define SEQ_MAX 9007199254740991.0 /* 2^53 - 1: JSON's numbers are doubles */

struct message *
event_welcome(const struct event_welcome *welcome)
{
    struct document document = document_begin("welcome");

    cJSON *user = document_object(&document, "user");
    document_string(&document, user, "id", welcome->user_id);
    document_string(&document, user, "name", welcome->user_name);
    if (welcome->is_account)
        document_bool(&document, user, "account", true);
    if (welcome->is_admin)
        document_bool(&document, user, "admin", true);
    if (welcome->token != NULL)
        document_string(&document, document.root, "token", welcome->token);
    document_integer(&document, document.root, "tokenExpires", welcome->token_expires);
    cJSON *server = document_object(&document, "server");
    document_string(&document, server, "version", welcome->version);
    document_string(&document, server, "instance", welcome->instance);
    cJSON *limits = document_object(&document, "limits");
    document_integer(&document, limits, "messageBytes", welcome->message_bytes);
    document_integer(&document, limits, "frameBytes", welcome->frame_bytes);
    document_integer(&document, limits, "roomNameBytes", REPO_ROOM_NAME_SIZE - 1);
    document_integer(&document, limits, "rooms", welcome->rooms);
    document_integer(&document, limits, "underWay", welcome->under_way);
    document_integer(&document, limits, "messagesPerSecond", welcome->messages_per_second);
    if (welcome->messages_per_second > 0)
        document_integer(&document, limits, "messagesAtOnce", welcome->messages_at_once);
    document_integer(&document, limits, "resume", welcome->resume);
    document_integer(&document, limits, "history", HISTORY_MAX);
    return document_finish(&document, 0, 512);
}

struct message *
event_error(const struct event_error *error)
{
    struct document document = document_begin("error");

    document_string(&document, document.root, "code", error->code);
    document_string(&document, document.root, "message", error->message);
    document_bool(&document, document.root, "retry", error->retry);
    if (error->retry_after_ms > 0)
        document_integer(&document, document.root, "retryAfter", error->retry_after_ms);
    if (error->refused != NULL)
        document_string(&document, document.root, "refused", error->refused);
    if (error->client_id != NULL)
        document_string(&document, document.root, "id", error->client_id);
    if (error->room_id != NULL)
        document_string(&document, document_object(&document, "target"), "id", error->room_id);
    event_add_until(&document, error->until);
    return document_finish(&document, 0, 256);
}

struct message *
event_room_joined(const struct event_joined *joined)
{
    const struct repo_room *room = joined->room;
    struct document document = document_begin("room-joined");

    if (joined->client_id != NULL)
        document_string(&document, document.root, "id", joined->client_id);
    cJSON *target = document_object(&document, "target");
    document_string(&document, target, "id", room->id);
    document_string(&document, target, "name", room->name);
    document_bool(&document, target, "private", room->is_private);
    if (joined->other_id != NULL)
        document_user(&document, "sender", joined->other_id, joined->other_name);
    else if (!document.failed)
        document.failed = cJSON_AddNullToObject(document.root, "sender") == NULL;
    document_integer(&document, document.root, "lastSeq", (int64_t)joined->last_seq);
    if (joined->since != UINT64_MAX)
        document_integer(&document, document.root, "since", (int64_t)joined->since);
    if (joined->truncated)
        document_bool(&document, document.root, "truncated", true);
    if (joined->rights != NULL) {
        event_add_rights(&document, joined->rights);
        event_add_own(&document, &joined->own);
    }
    return document_finish(&document, 0, 256);
}

static void
add_chat(struct document *document, const struct repo_message *chat)
{
    document_user(document, "sender", chat->sender_id, chat->sender_name);
    document_integer(document, document->root, "seq", (int64_t)chat->seq);
    document_integer(document, document->root, "ts", chat->ts);
    if (chat->kind != REPO_MESSAGE)
        document_integer(document, document->root, "of", (int64_t)chat->of);
    if (event_entry_state(chat) != NULL)
        document_integer(document, document->root, event_entry_state(chat), (int64_t)chat->changed);
    if (chat->client_id != NULL)
        document_string(document, document->root, "id", chat->client_id);
}

struct message *
event_history_entry(const struct repo_message *chat)
{
    struct document document = {.root = cJSON_CreateObject()};

    document.failed = document.root == NULL;
    if (chat->kind != REPO_MESSAGE)
        document_string(&document, document.root, "action", event_entry_action(chat->kind));
    if (chat->kind != REPO_DELETE)
        document_string(&document, document.root, "message", chat->text);
    add_chat(&document, chat);
    return document_finish(&document, chat->seq, chat->text_length + 256);
}

struct message *
event_notice(const struct repo_room *room, const char *text)
{
    struct document document = document_begin("send-message");

    document_string(&document, document.root, "message", text);
    document_room(&document, room);
    return document_finish(&document, 0, 384);
}

struct message *
event_typing(const struct repo_room *room, const char *user_id, const char *user_name)
{
    struct document document = document_begin("typing");

    document_room(&document, room);
    document_user(&document, "sender", user_id, user_name);
    return document_finish(&document, 0, 256);
}

struct message *
event_presence(bool online, const char *user_id, const char *user_name)
{
    struct document document = document_begin(online ? "user-join" : "user-left");

    document_user(&document, "sender", user_id, user_name);
    return document_finish(&document, 0, 192);
}

struct message *
event_revocation(void)
{
    struct document document = document_begin("revoked");

    return document_finish(&document, 0, 32);
}

struct message *
event_invitation(const char *to_id, const char *from_id, const char *from_name, uint64_t last_seq)
{
    struct document document = document_begin("join-room-private");

    document_string(&document, document.root, "message", to_id);
    document_user(&document, "sender", from_id, from_name);
    document_integer(&document, document.root, "lastSeq", (int64_t)last_seq);
    return document_finish(&document, 0, 256);
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
    if (!copy_string(root, "action", action, sizeof(action)))
        goto done;
    if (strcmp(action, "revoked") == 0) {
        out->kind = EVENT_REVOCATION;
        error = 0;
        goto done;
    }
    if (!copy_string(sender, "id", out->user_id, sizeof(out->user_id)) ||
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
        {"forbidden", "You may not do this here.", DENIED, false},
        {"banned", "You are banned from this room.", DENIED_BANNED, false},
        {"muted", "You are muted in this room.", DENIED_MUTED, false},
        {"invite-only", "This room is for those who were invited.", DENIED_UNINVITED, false},
        {"blocked", "This user takes nothing from you.", DENIED_BLOCKED, false},
        {"no-such-room", "There is no such room.", NO_SUCH_ROOM, false},
        {"rate-limited", "You make more rooms than is allowed. Try again later.", -EDQUOT, true},
        {"room-exists", "There is a room of this name already.", ROOM_EXISTS, false},
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
