#include "pubsub/message.h"

#include "pubsub/deflater.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_HEADER_MAX 10   /* of an unmasked frame */
#define FRAME_FINAL_TEXT 0x81 /* FIN, opcode 1 */
#define FRAME_COMPRESSED 0x40 /* RSV1 (RFC 7692, 6) */
/*
 * Bytes of text below which nothing is compressed, at 5 us each: an ack, a notice, who is typing or
 * who came becomes a tenth shorter, a few words of chat a fifth; from here on it is a quarter.
 */
#define DEFLATE_MIN 250

/* A compressed frame: FRAME_HEADER_MAX bytes that end with the header, and the payload. */
struct deflated {
    unsigned header_length;
    size_t length; /* of the payload */
    char storage[];
};

/* Stands for: does not pay. */
static struct deflated not_worth_it;

/* [I] immutable once made, [a] atomic */
struct message {
    atomic_uint references;              /* [a] */
    uint8_t header_length;               /* [I] 2, 4 or 10; 0 when the text is a frame itself */
    bool joined;                         /* [I] the text is frames of text */
    uint64_t seq;                        /* [I] */
    size_t length;                       /* [I] of the text */
    _Atomic(struct deflated *) deflated; /* [a] NULL until it is asked for, then for good */
    /* [I] FRAME_HEADER_MAX bytes that end with the header, and the text right behind them */
    char storage[];
};

/* Writes the header of a frame with `length` bytes of payload so that it ends at `end`. */
static uint8_t
write_header(char *end, unsigned first, size_t length)
{
    unsigned extended = length <= 125 ? 0 : length <= UINT16_MAX ? 2 : 8;
    unsigned char *header = (unsigned char *)end - extended - 2;

    header[0] = (unsigned char)first;
    header[1] = (unsigned char)(extended == 0 ? length : extended == 2 ? 126 : 127);
    for (unsigned i = 0; i < extended; i++)
        header[2 + i] = (unsigned char)((uint64_t)length >> (8 * (extended - 1 - i)));
    return (uint8_t)(2 + extended);
}

/* Makes a message whose text is still to be filled in. */
static struct message *
allocate(size_t length, uint64_t seq)
{
    struct message *message;

    if (length > SIZE_MAX - sizeof(*message) - FRAME_HEADER_MAX)
        return NULL;
    message = malloc(sizeof(*message) + FRAME_HEADER_MAX + length);
    if (message == NULL)
        return NULL;
    atomic_init(&message->references, 1);
    atomic_init(&message->deflated, NULL);
    message->header_length = 0;
    message->joined = false;
    message->seq = seq;
    message->length = length;
    return message;
}

static struct message *
make(const char *text, size_t length, uint64_t seq)
{
    struct message *message = allocate(length, seq);

    if (message != NULL && length > 0)
        memcpy(message->storage + FRAME_HEADER_MAX, text, length);
    return message;
}

struct message *
message_new_unwritten(size_t length, uint64_t seq, char **text)
{
    struct message *message = allocate(length, seq);

    if (message == NULL)
        return NULL;
    *text = message->storage + FRAME_HEADER_MAX;
    message->header_length = write_header(*text, FRAME_FINAL_TEXT, length);
    return message;
}

struct message *
message_new(const char *text, size_t length, uint64_t seq)
{
    struct message *message = make(text, length, seq);

    if (message != NULL)
        message->header_length =
            write_header(message->storage + FRAME_HEADER_MAX, FRAME_FINAL_TEXT, length);
    return message;
}

struct message *
message_new_frame(const void *frame, size_t length)
{
    return make(frame, length, 0);
}

struct message *
message_new_joined(struct message *const *messages, size_t count, size_t max_bytes, size_t *taken)
{
    size_t length;
    size_t bytes = 0;
    size_t end = 0;

    for (; end < count; end++) {
        (void)message_frame(messages[end], &length);
        if (end > 0 && bytes + length > max_bytes)
            break;
        bytes += length;
    }
    struct message *joined = allocate(bytes, 0);
    if (joined == NULL)
        return NULL;
    char *at = joined->storage + FRAME_HEADER_MAX;
    joined->joined = true;
    for (size_t i = 0; i < end; i++) {
        /* What is a frame itself may be a control frame. */
        joined->joined = joined->joined && (messages[i]->header_length > 0 || messages[i]->joined);
        const void *frame = message_frame(messages[i], &length);
        memcpy(at, frame, length);
        at += length;
    }
    *taken = end;
    return joined;
}

struct message *
message_hold(struct message *message)
{
    /* Whoever holds one already keeps it alive, so this needs no order. */
    unsigned before = atomic_fetch_add_explicit(&message->references, 1, memory_order_relaxed);

    assert(before > 0);
    return message;
}

void
message_rele(struct message *message)
{
    /* Every holder's reads come before the free, whichever holder is the last. */
    unsigned before = atomic_fetch_sub_explicit(&message->references, 1, memory_order_acq_rel);

    assert(before > 0);
    if (before > 1)
        return;
    struct deflated *deflated = atomic_load_explicit(&message->deflated, memory_order_relaxed);
    if (deflated != &not_worth_it)
        free(deflated);
    free(message);
}

const char *
message_text(const struct message *message, size_t *length)
{
    *length = message->length;
    return message->storage + FRAME_HEADER_MAX;
}

const void *
message_frame(const struct message *message, size_t *length)
{
    *length = message->header_length + message->length;
    return message->storage + FRAME_HEADER_MAX - message->header_length;
}

/* The payload of the frame at *at, which moves behind it. */
static const char *
next_payload(const char **at, size_t *length)
{
    const unsigned char *header = (const unsigned char *)*at;
    size_t extended = header[1] < 126 ? 0 : header[1] == 126 ? 2 : 8;
    const char *payload = *at + 2 + extended;

    *length = extended == 0 ? header[1] : 0;
    for (size_t i = 0; i < extended; i++)
        *length = *length << 8 | header[2 + i];
    *at = payload + *length;
    return payload;
}

static void
add_documents(struct deflater *deflater, const struct message *message)
{
    const char *at = message->storage + FRAME_HEADER_MAX;
    const char *end = at + message->length;

    if (!message->joined) {
        deflater_add(deflater, at, message->length);
        return;
    }
    for (bool is_first = true; at < end; is_first = false) {
        size_t length;
        const char *payload = next_payload(&at, &length);
        if (!is_first)
            deflater_add(deflater, "\n", 1);
        deflater_add(deflater, payload, length);
    }
}

/* Compresses the message; or not, where it would not be an eighth shorter. */
static struct deflated *
compress(const struct message *message)
{
    size_t size = message->length - message->length / 8;

    if ((message->header_length == 0 && !message->joined) || message->length < DEFLATE_MIN)
        return &not_worth_it;
    struct deflated *deflated = malloc(sizeof(*deflated) + FRAME_HEADER_MAX + size);
    if (deflated == NULL)
        return &not_worth_it;
    char *payload = deflated->storage + FRAME_HEADER_MAX;
    struct deflater *deflater = deflater_begin(payload, size);
    deflated->length = 0;
    if (deflater != NULL) {
        add_documents(deflater, message);
        deflated->length = deflater_finish(deflater);
    }
    if (deflated->length == 0) {
        free(deflated);
        return &not_worth_it;
    }
    deflated->header_length =
        write_header(payload, FRAME_FINAL_TEXT | FRAME_COMPRESSED, deflated->length);
    struct deflated *shrunk =
        realloc(deflated, sizeof(*deflated) + FRAME_HEADER_MAX + deflated->length);
    if (shrunk != NULL)
        deflated = shrunk;
    return deflated;
}

const void *
message_deflated_frame(struct message *message, size_t *length)
{
    struct deflated *deflated = atomic_load_explicit(&message->deflated, memory_order_acquire);

    if (deflated == NULL) {
        struct deflated *made = compress(message);
        /* The first one counts: what somebody has a part of stays as it is. */
        if (atomic_compare_exchange_strong(&message->deflated, &deflated, made))
            deflated = made;
        else if (made != &not_worth_it)
            free(made);
    }
    if (deflated == &not_worth_it)
        return message_frame(message, length);
    *length = deflated->header_length + deflated->length;
    return deflated->storage + FRAME_HEADER_MAX - deflated->header_length;
}

uint64_t
message_seq(const struct message *message)
{
    return message->seq;
}
