#include "pubsub/message.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_HEADER_MAX 10   /* of an unmasked frame */
#define FRAME_FINAL_TEXT 0x81 /* FIN, opcode 1 */

/* [I] immutable once made, [a] atomic */
struct message {
    atomic_uint references; /* [a] */
    unsigned header_length; /* [I] 2, 4 or 10; 0 when the text is a frame itself */
    uint64_t seq;           /* [I] */
    size_t length;          /* [I] of the text */
    /* [I] FRAME_HEADER_MAX bytes that end with the header, and the text right behind them */
    char storage[];
};

/* Writes the header of a frame with `length` bytes of text so that it ends at `end`. */
static unsigned
write_header(char *end, size_t length)
{
    unsigned extended = length <= 125 ? 0 : length <= UINT16_MAX ? 2 : 8;
    unsigned char *header = (unsigned char *)end - extended - 2;

    header[0] = FRAME_FINAL_TEXT;
    header[1] = (unsigned char)(extended == 0 ? length : extended == 2 ? 126 : 127);
    for (unsigned i = 0; i < extended; i++)
        header[2 + i] = (unsigned char)((uint64_t)length >> (8 * (extended - 1 - i)));
    return 2 + extended;
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
    message->header_length = 0;
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
message_new(const char *text, size_t length, uint64_t seq)
{
    struct message *message = make(text, length, seq);

    if (message != NULL)
        message->header_length = write_header(message->storage + FRAME_HEADER_MAX, length);
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
    for (size_t i = 0; i < end; i++) {
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
    if (before == 1)
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

uint64_t
message_seq(const struct message *message)
{
    return message->seq;
}
