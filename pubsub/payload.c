#include "pubsub/payload.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/message.h"

#define MAGIC            "chatd1 "
#define MAGIC_LENGTH     (sizeof(MAGIC) - 1)
#define MAC_BYTES        ((size_t)16)
#define MAC_LENGTH       (2 * MAC_BYTES)
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

/* Writes the MAC as text: MAC_LENGTH digits and a NUL. */
static void
authenticate(char mac[MAC_LENGTH + 1], const unsigned char key[PUBSUB_KEY_SIZE],
             const char *channel, const char *instance, const char *rest, size_t rest_length)
{
    crypto_generichash_state state;
    unsigned char digest[MAC_BYTES];
    int error = crypto_generichash_init(&state, key, PUBSUB_KEY_SIZE, sizeof(digest));

    error |= crypto_generichash_update(&state, (const unsigned char *)channel, strlen(channel) + 1);
    error |= crypto_generichash_update(&state, (const unsigned char *)instance, strlen(instance));
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
payload_begin(struct payload *payload, const char *instance)
{
    int error = reserve(payload, CAPACITY_INITIAL);

    assert(payload_is_instance(instance));
    if (error != 0)
        return error;
    payload->header_length = (size_t)snprintf(payload->data, payload->capacity, MAGIC "%s %*s\n",
                                              instance, (int)MAC_LENGTH, "");
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
    char instance[PUBSUB_INSTANCE_MAX + 1];
    char mac[MAC_LENGTH + 1];
    size_t instance_length = payload->header_length - MAGIC_LENGTH - MAC_LENGTH - 2;

    memcpy(instance, payload->data + MAGIC_LENGTH, instance_length);
    instance[instance_length] = '\0';
    authenticate(mac, key, channel, instance, payload->data + payload->header_length,
                 payload->length - payload->header_length);
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

/* Reads the first line; *mac is where the MAC begins. */
static bool
read_header(struct payload_reader *reader, const char **mac)
{
    const char *instance = reader->at + MAGIC_LENGTH;
    size_t length = (size_t)(reader->end - reader->at);
    size_t instance_length;
    const char *space;

    if (length < MAGIC_LENGTH + 1 || memcmp(reader->at, MAGIC, MAGIC_LENGTH) != 0)
        return false;
    length -= MAGIC_LENGTH;
    space = memchr(instance, ' ', length);
    if (space == NULL)
        return false;
    instance_length = (size_t)(space - instance);
    if (instance_length > PUBSUB_INSTANCE_MAX || length - instance_length < MAC_LENGTH + 2 ||
        space[MAC_LENGTH + 1] != '\n')
        return false;
    memcpy(reader->instance, instance, instance_length);
    reader->instance[instance_length] = '\0';
    *mac = space + 1;
    reader->at = space + MAC_LENGTH + 2;
    return payload_is_instance(reader->instance) && strlen(reader->instance) == instance_length;
}

int
payload_open(struct payload_reader *reader, const unsigned char key[PUBSUB_KEY_SIZE],
             const char *channel, const char *data, size_t length)
{
    char expected[MAC_LENGTH + 1];
    const char *mac;
    const char *at;
    const char *text;
    uint64_t seq;

    *reader = (struct payload_reader){.at = data, .end = data + length};
    if (length > PAYLOAD_MAX || !read_header(reader, &mac))
        return -EBADMSG;
    authenticate(expected, key, channel, reader->instance, reader->at,
                 (size_t)(reader->end - reader->at));
    if (sodium_memcmp(expected, mac, MAC_LENGTH) != 0)
        return -EBADMSG;
    for (at = reader->at; at < reader->end;) {
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
