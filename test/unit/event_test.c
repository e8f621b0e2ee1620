/* The documents that are written by hand are, byte for byte, what the JSON library makes of the same. */
#include "rooms/event.h"

#include "test/unit/tap.h"

#include "pubsub/message.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void
add_number(cJSON *object, const char *key, const char *digits)
{
    if (cJSON_AddRawToObject(object, key, digits) == NULL)
        abort();
}

static void
add_string(cJSON *object, const char *key, const char *value)
{
    if (cJSON_AddStringToObject(object, key, value) == NULL)
        abort();
}

static void
add_pair(cJSON *root, const char *key, const char *id, const char *name)
{
    cJSON *pair = cJSON_AddObjectToObject(root, key);
    add_string(pair, "id", id);
    if (name != NULL)
        add_string(pair, "name", name);
}

/* Whether the message is that document, which is freed, as is the message. */
static bool
is_equal(struct message *message, cJSON *root)
{
    size_t length = 0;
    char *expected = cJSON_PrintUnformatted(root);
    const char *text = message != NULL ? message_text(message, &length) : NULL;

    if (expected == NULL)
        abort();
    bool equal = text != NULL && length == strlen(expected) && memcmp(text, expected, length) == 0;
    if (!equal)
        printf("# %.*s\n# %s\n", (int)length, text != NULL ? text : "", expected);
    if (message != NULL)
        message_rele(message);
    cJSON_free(expected);
    cJSON_Delete(root);
    return equal;
}

/* A message in which everything that a client chooses is `text`. */
static bool
chat_is_equal(const char *text, bool has_client_id)
{
    struct repo_room room = {.id = "room-id"};
    struct repo_message chat = {
        .seq = 9007199254740991,
        .ts = INT64_MIN,
        .sender_id = "sender-id",
        .sender_name = text,
        .client_id = has_client_id ? text : NULL,
        .text = text,
        .text_length = strlen(text),
    };
    cJSON *root = cJSON_CreateObject();

    snprintf(room.name, sizeof(room.name), "%.*s", (int)sizeof(room.name) - 1, text);
    add_string(root, "action", "send-message");
    add_string(root, "message", text);
    add_pair(root, "target", room.id, room.name);
    add_pair(root, "sender", chat.sender_id, text);
    add_number(root, "seq", "9007199254740991");
    add_number(root, "ts", "-9223372036854775808");
    if (has_client_id)
        add_string(root, "id", text);
    struct message *message = event_chat(&room, &chat);
    bool has_seq = message != NULL && message_seq(message) == chat.seq;
    return is_equal(message, root) && has_seq;
}

/* An entry that is not a message as it was sent. */
static bool
entry_is_equal(struct repo_message chat, const char *action, const char *state)
{
    struct repo_room room = {.id = "room-id", .name = "room"};
    cJSON *root = cJSON_CreateObject();

    chat.seq = 7;
    chat.sender_id = "sender-id";
    chat.sender_name = "sender";
    chat.client_id = "x";
    chat.text_length = strlen(chat.text);
    add_string(root, "action", action);
    if (chat.kind != REPO_DELETE)
        add_string(root, "message", chat.text);
    add_pair(root, "target", room.id, room.name);
    add_pair(root, "sender", chat.sender_id, "sender");
    add_number(root, "seq", "7");
    add_number(root, "ts", "0");
    if (chat.kind != REPO_MESSAGE)
        add_number(root, "of", "5");
    if (state != NULL)
        add_number(root, state, "9");
    add_string(root, "id", "x");
    return is_equal(event_chat(&room, &chat), root);
}

static void
test_entries(void)
{
    struct repo_message edit = {.kind = REPO_EDIT, .of = 5, .text = "new"};
    struct repo_message gone = {.kind = REPO_EDIT, .of = 5, .text = "", .changed = 9};
    struct repo_message taken_back = {.kind = REPO_DELETE, .of = 5, .text = ""};
    struct repo_message edited = {.kind = REPO_MESSAGE, .text = "new", .changed = 9};
    struct repo_message deleted = {.kind = REPO_MESSAGE, .text = "", .changed = 9};

    ok(entry_is_equal(edit, "edit-message", NULL) &&
           entry_is_equal(gone, "edit-message", "deleted") &&
           entry_is_equal(taken_back, "delete-message", NULL),
       "edits and deletes");
    ok(entry_is_equal(edited, "send-message", "edited") &&
           entry_is_equal(deleted, "send-message", "deleted"),
       "messages that were edited or deleted");
}

static bool
ack_is_equal(const char *id, int64_t ts, const char *digits)
{
    cJSON *root = cJSON_CreateObject();

    add_string(root, "action", "message-ack");
    add_string(root, "id", id);
    add_pair(root, "target", "room-id", NULL);
    add_number(root, "seq", "1");
    add_number(root, "ts", digits);
    return is_equal(event_ack("room-id", id, 1, ts), root);
}

int
main(void)
{
    static const char *const texts[] = {
        "",
        "\"",
        "\\",
        "\\\"\n",
        "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
        "a\x7f/b",
        "\t\tx\x01\x1f\"",
    };
    char character[4] = "a?b";
    bool all = true;

    for (int i = 1; i < 128; i++) {
        character[1] = (char)i;
        all = chat_is_equal(character, true) && ack_is_equal(character, 0, "0") && all;
    }
    ok(all, "each character of ASCII");
    all = true;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        all = chat_is_equal(texts[i], true) && chat_is_equal(texts[i], false) && all;
    ok(all, "what is empty, begins or ends with an escape, or is not ASCII");
    char *longest = malloc(10001);
    if (longest == NULL)
        abort();
    memset(longest, '\x02', 10000);
    longest[10000] = '\0';
    ok(chat_is_equal(longest, true), "the longest text, all of it escapes");
    free(longest);
    ok(ack_is_equal("1", 1764000000000, "1764000000000") && ack_is_equal("1", -1, "-1") &&
           ack_is_equal("1", INT64_MAX, "9223372036854775807"),
       "numbers of any size");
    test_entries();
    return done_testing();
}
