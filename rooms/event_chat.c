/*
 * The documents that each stored entry needs, written straight into the message that is sent:
 * through the JSON library they would take some forty allocations.
 */
#include "rooms/event.h"

#include "pubsub/message.h"

#include <string.h>

/* Text in the making: the first time only its length is found, the second time it is written. */
struct text {
    char *at; /* NULL: the first time */
    size_t length;
};

static void
put_bytes(struct text *text, const char *bytes, size_t length)
{
    if (text->at != NULL)
        memcpy(text->at + text->length, bytes, length);
    text->length += length;
}

static void
put(struct text *text, const char *string)
{
    put_bytes(text, string, strlen(string));
}

static void
put_number(struct text *text, uint64_t number)
{
    char digits[20]; /* of 64 bits */
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put_bytes(text, digits + at, sizeof(digits) - at);
}

/* What a JSON string cannot have as it is (RFC 8259, 7). */
static bool
is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static void
put_escape(struct text *text, char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    const char *found = strchr(named, c);
    char escape[6] = {'\\', 'u', '0', '0', hex[(c >> 4) & 1], hex[c & 15]};

    if (found != NULL)
        escape[1] = names[found - named];
    put_bytes(text, escape, found != NULL ? 2 : sizeof(escape));
}

/* In quotes; valid UTF-8 without a NUL. */
static void
put_string(struct text *text, const char *string)
{
    put_bytes(text, "\"", 1);
    while (*string != '\0') {
        size_t plain = 0;
        while (string[plain] != '\0' && is_plain(string[plain]))
            plain++;
        put_bytes(text, string, plain);
        string += plain;
        if (*string != '\0')
            put_escape(text, *string++);
    }
    put_bytes(text, "\"", 1);
}

static void
put_pair(struct text *text, const char *id, const char *name)
{
    put(text, "{\"id\":");
    put_string(text, id);
    put(text, ",\"name\":");
    put_string(text, name);
    put(text, "}");
}

static void
put_seq(struct text *text, uint64_t seq, int64_t ts)
{
    put(text, ",\"seq\":");
    put_number(text, seq);
    put(text, ts < 0 ? ",\"ts\":-" : ",\"ts\":");
    put_number(text, ts < 0 ? 0 - (uint64_t)ts : (uint64_t)ts);
}

const char *
event_entry_action(enum repo_kind kind)
{
    switch (kind) {
    case REPO_EDIT:
        return "edit-message";
    case REPO_DELETE:
        return "delete-message";
    default:
        return "send-message";
    }
}

const char *
event_entry_state(const struct repo_message *chat)
{
    if (chat->changed == 0)
        return NULL;
    return chat->text_length > 0 ? "edited" : "deleted";
}

/* What an entry has that is not a message as it was sent. */
static void
put_change(struct text *text, const struct repo_message *chat)
{
    const char *state = event_entry_state(chat);

    if (chat->kind != REPO_MESSAGE) {
        put(text, ",\"of\":");
        put_number(text, chat->of);
    }
    if (state != NULL) {
        put(text, ",\"");
        put(text, state);
        put(text, "\":");
        put_number(text, chat->changed);
    }
}

static void
put_chat(struct text *text, const struct repo_room *room, const struct repo_message *chat)
{
    put(text, "{\"action\":\"");
    put(text, event_entry_action(chat->kind));
    if (chat->kind != REPO_DELETE) {
        put(text, "\",\"message\":");
        put_string(text, chat->text);
    } else {
        put(text, "\"");
    }
    put(text, ",\"target\":");
    put_pair(text, room->id, room->name);
    put(text, ",\"sender\":");
    put_pair(text, chat->sender_id, chat->sender_name);
    put_seq(text, chat->seq, chat->ts);
    put_change(text, chat);
    if (chat->client_id != NULL) {
        put(text, ",\"id\":");
        put_string(text, chat->client_id);
    }
    put(text, "}");
}

struct message *
event_chat(const struct repo_room *room, const struct repo_message *chat)
{
    struct text text = {NULL, 0};

    put_chat(&text, room, chat);
    struct message *message = message_new_unwritten(text.length, chat->seq, &text.at);
    text.length = 0;
    if (message != NULL)
        put_chat(&text, room, chat);
    return message;
}

static void
put_ack(struct text *text, const char *room_id, const char *client_id, uint64_t seq, int64_t ts)
{
    put(text, "{\"action\":\"message-ack\",\"id\":");
    put_string(text, client_id);
    put(text, ",\"target\":{\"id\":");
    put_string(text, room_id);
    put(text, "}");
    put_seq(text, seq, ts);
    put(text, "}");
}

struct message *
event_ack(const char *room_id, const char *client_id, uint64_t seq, int64_t ts)
{
    struct text text = {NULL, 0};

    put_ack(&text, room_id, client_id, seq, ts);
    struct message *message = message_new_unwritten(text.length, 0, &text.at);
    text.length = 0;
    if (message != NULL)
        put_ack(&text, room_id, client_id, seq, ts);
    return message;
}
