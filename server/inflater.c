#include "server/inflater.h"

#include "rooms/utf8.h"
#include "server/websocket_header.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS 15 /* the most that a client may use */

/* In zlib's data_type: what was inflated so far ends with a block, and where it does. */
#define AT_BLOCK_END  128
#define AT_LAST_BLOCK 64 /* the last one of a stream */
#define UNUSED_BITS   31 /* how many bits of the last byte are left */
#define AT_END        (AT_BLOCK_END | AT_LAST_BLOCK | UNUSED_BITS)

struct inflater {
    z_stream stream;
    size_t message_max;
    unsigned char out[]; /* one byte more, which is never used for a message */
};

enum outcome { INFLATED, INVALID, TOO_LONG };

struct inflater *
inflater_open(size_t message_max)
{
    struct inflater *inflater = malloc(sizeof(*inflater) + message_max + 1);

    if (inflater == NULL)
        return NULL;
    inflater->message_max = message_max;
    inflater->stream = (z_stream){0};
    /* A negative window: without zlib's own header. */
    if (inflateInit2(&inflater->stream, -WINDOW_BITS) == Z_OK)
        return inflater;
    free(inflater);
    return NULL;
}

void
inflater_close(struct inflater **pointer)
{
    struct inflater *inflater = *pointer;

    *pointer = NULL;
    if (inflater == NULL)
        return;
    int error = inflateEnd(&inflater->stream);
    assert(error == Z_OK);
    free(inflater);
}

static enum outcome
inflate_part(struct inflater *inflater, const void *data, size_t length)
{
    z_stream *stream = &inflater->stream;

    stream->next_in = (unsigned char *)data;
    stream->avail_in = (uInt)length;
    while (stream->avail_in > 0) {
        int result = inflate(stream, Z_SYNC_FLUSH);
        if (stream->avail_out == 0)
            return TOO_LONG;
        /* A stream may end within a message, and another one begin (RFC 7692, 7.2.3.4). */
        if (result == Z_STREAM_END)
            result = inflateReset(stream);
        if (result != Z_OK)
            return INVALID;
    }
    return INFLATED;
}

static enum outcome
inflate_message(struct inflater *inflater, const char *data, size_t length)
{
    static const unsigned char end[4] = {0x00, 0x00, 0xff, 0xff}; /* which a payload leaves out */
    z_stream *stream = &inflater->stream;

    int error = inflateReset(stream);
    assert(error == Z_OK);
    stream->next_out = inflater->out;
    stream->avail_out = (uInt)inflater->message_max + 1;
    enum outcome outcome = inflate_part(inflater, data, length);
    if (outcome == INFLATED)
        outcome = inflate_part(inflater, end, sizeof(end));
    /* The end that was added is an empty block of whole bytes. */
    if (outcome == INFLATED && (stream->data_type & AT_END) != AT_BLOCK_END)
        return INVALID;
    return outcome;
}

bool
inflater_expand(struct inflater *inflater, struct websocket_event *event)
{
    switch (inflate_message(inflater, event->data, event->length)) {
    case INFLATED:
        break;
    case INVALID:
        return websocket_fail(event, WEBSOCKET_CLOSE_INVALID_DATA, "compressed data is not valid");
    case TOO_LONG:
        return websocket_fail(event, WEBSOCKET_CLOSE_TOO_BIG, "message is too long");
    }
    event->data = (const char *)inflater->out;
    event->length = inflater->message_max + 1 - inflater->stream.avail_out;
    event->compressed = false;
    if (!utf8_is_valid(event->data, event->length))
        return websocket_fail(event, WEBSOCKET_CLOSE_INVALID_DATA, "text is not UTF-8");
    return true;
}
