#include "pubsub/payload.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/message.h"

#define MAGIC            "chatd2 "
#define MAGIC_LENGTH     (sizeof(MAGIC) - 1)
#define MAC_BYTES        ((size_t)16)
#define MAC_LENGTH       (2 * MAC_BYTES)
#define HEADER_MAX       (MAGIC_LENGTH + PUBSUB_INSTANCE_MAX + MAC_LENGTH + 44) /* two numbers in it */
#define ENTRY_HEAD_SIZE  48 /* "SEQ LENGTH\n" with its NUL: two numbers of at most 20 digits */
#define CAPACITY_INITIAL 1024u

bool
payload_is_instance(const char *instance)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    size_t length = strnlen(instance, PUBSUB_INSTANCE_MAX + 1);

    return length > 0 && length <= PUBSUB_INSTANCE_MAX && strspn(instance, allowed) == length;
}

/* Writes the MAC as text: MAC_LENGTH digits and a NUL. `author` is what precedes it, unended. */
static void
authenticate(char mac[MAC_LENGTH + 1], const unsigned char key[PUBSUB_KEY_SIZE],
             const char *channel, const char *author, size_t author_length, const char *rest,
             size_t rest_length)
{
    crypto_generichash_state state;
    unsigned char digest[MAC_BYTES];
    int error = crypto_generichash_init(&state, key, PUBSUB_KEY_SIZE, sizeof(digest));

    error |= crypto_generichash_update(&state, (const unsigned char *)channel, strlen(channel) + 1);
    error |= crypto_generichash_update(&state, (const unsigned char *)author, author_length);
    error |= crypto_generichash_update(&state, (const unsigned char *)"\n", 1);
    error |= crypto_generichash_update(&state, (const unsigned char *)rest, rest_length);
    error |= crypto_generichash_final(&state, digest, sizeof(digest));
    assert(error == 0);
    sodium_bin2hex(mac, MAC_LENGTH + 1, digest, sizeof(digest));
}

static int
reserve(struct payload *payload, size_t wanted)
{
    size_t capacity = payload->capacity > 0 ? payload->capacity : CAPACITY_INITIAL;
    char *data;

    while (capacity < wanted)
        capacity *= 2;
    if (capacity == payload->capacity)
        return 0;
    data = realloc(payload->data, capacity);
    if (data == NULL)
        return -ENOMEM;
    payload->data = data;
    payload->capacity = capacity;
    return 0;
}

int
payload_begin(struct payload *payload, const char *instance, uint64_t number, int64_t time)
{
    int error = reserve(payload, CAPACITY_INITIAL);

    assert(payload_is_instance(instance) && time >= 0);
    if (error != 0)
        return error;
    payload->header_length =
        (size_t)snprintf(payload->data, payload->capacity, MAGIC "%s %" PRIu64 " %" PRId64 " %*s\n",
                         instance, number, time, (int)MAC_LENGTH, "");
    payload->length = payload->header_length;
    payload->count = 0;
    return 0;
}

int
payload_add(struct payload *payload, const struct message *message)
{
    char head[ENTRY_HEAD_SIZE];
    size_t length;
    const char *text = message_text(message, &length);
    size_t head_length =
        (size_t)snprintf(head, sizeof(head), "%" PRIu64 " %zu\n", message_seq(message), length);

    if (length > PAYLOAD_MAX || payload->length + head_length + length + 1 > PAYLOAD_MAX)
        return -EMSGSIZE;
    if (reserve(payload, payload->length + head_length + length + 1) != 0)
        return -ENOMEM;
    memcpy(payload->data + payload->length, head, head_length);
    memcpy(payload->data + payload->length + head_length, text, length);
    payload->length += head_length + length;
    payload->data[payload->length++] = '\n';
    payload->count++;
    return 0;
}

void
payload_seal(struct payload *payload, const unsigned char key[PUBSUB_KEY_SIZE], const char *channel)
{
    char mac[MAC_LENGTH + 1];
    size_t author_length = payload->header_length - MAGIC_LENGTH - MAC_LENGTH - 2;

    authenticate(mac, key, channel, payload->data + MAGIC_LENGTH, author_length,
                 payload->data + payload->header_length, payload->length - payload->header_length);
    memcpy(payload->data + payload->header_length - 1 - MAC_LENGTH, mac, MAC_LENGTH);
}

void
payload_release(struct payload *payload)
{
    free(payload->data);
    *payload = (struct payload){0};
}

/* Reads a number that ends with `terminator`, and moves *at behind that. */
static bool
read_number(const char **at, const char *end, char terminator, uint64_t *number)
{
    const char *start = *at;
    uint64_t value = 0;

    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        uint64_t digit = (uint64_t)(**at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (*at == start || (*start == '0' && *at - start > 1) || *at == end || **at != terminator)
        return false;
    (*at)++;
    *number = value;
    return true;
}

/* Reads one entry, and moves *at behind it. */
static bool
read_entry(const char **at, const char *end, uint64_t *seq, const char **text, size_t *length)
{
    uint64_t number;

    if (!read_number(at, end, ' ', seq) || !read_number(at, end, '\n', &number) ||
        number >= (uint64_t)(end - *at) || (*at)[number] != '\n')
        return false;
    *text = *at;
    *length = (size_t)number;
    *at += number + 1;
    return true;
}

/* Reads who wrote it and when, up to `end`, where the MAC begins. */
static bool
read_author(struct payload_reader *reader, const char *at, const char *end)
{
    const char *space = memchr(at, ' ', (size_t)(end - at));
    size_t length = space != NULL ? (size_t)(space - at) : 0;
    uint64_t time;

    if (length == 0 || length > PUBSUB_INSTANCE_MAX)
        return false;
    memcpy(reader->instance, at, length);
    reader->instance[length] = '\0';
    at += length + 1;
    if (!read_number(&at, end, ' ', &reader->number) || !read_number(&at, end, ' ', &time) ||
        time > INT64_MAX || at != end)
        return false;
    reader->time = (int64_t)time;
    return payload_is_instance(reader->instance) && strlen(reader->instance) == length;
}

int
payload_open(struct payload_reader *reader, const unsigned char key[PUBSUB_KEY_SIZE],
             const char *channel, const char *data, size_t length)
{
    char expected[MAC_LENGTH + 1];
    const char *newline = memchr(data, '\n', length < HEADER_MAX ? length : HEADER_MAX);
    const char *author;
    const char *mac;
    const char *text;
    uint64_t seq;

    *reader = (struct payload_reader){.end = data + length};
    if (length > PAYLOAD_MAX || newline == NULL ||
        newline - data < (ptrdiff_t)(MAGIC_LENGTH + MAC_LENGTH) ||
        memcmp(data, MAGIC, MAGIC_LENGTH) != 0)
        return -EBADMSG;
    author = data + MAGIC_LENGTH;
    mac = newline - MAC_LENGTH;
    reader->at = newline + 1;
    if (!read_author(reader, author, mac))
        return -EBADMSG;
    authenticate(expected, key, channel, author, (size_t)(mac - author) - 1, reader->at,
                 (size_t)(reader->end - reader->at));
    if (sodium_memcmp(expected, mac, MAC_LENGTH) != 0)
        return -EBADMSG;
    for (const char *at = reader->at; at < reader->end;) {
        if (!read_entry(&at, reader->end, &seq, &text, &length))
            return -EBADMSG;
    }
    return 0;
}

bool
payload_next(struct payload_reader *reader, uint64_t *seq, const char **text, size_t *length)
{
    return reader->at < reader->end && read_entry(&reader->at, reader->end, seq, text, length);
}
