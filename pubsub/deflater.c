#include "pubsub/deflater.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/*
 * What is best for chat, from one document to hundreds: higher levels take up to three times as long
 * for a tenth less. A state has 48 KiB, of which little is to be cleared before each message.
 */
#define LEVEL        1
#define MEMORY_LEVEL 5
#define KEPT_MAX     8 /* states that are kept while nobody uses them */

/* What a flush ends with, and a payload leaves out (RFC 7692, 7.2.1). */
static const unsigned char flush_end[4] = {0x00, 0x00, 0xff, 0xff};

struct deflater {
    z_stream stream;
    unsigned char *out;
    size_t size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf: the fields marked [m] */
static struct deflater *kept[KEPT_MAX];                  /* [m] */
static unsigned kept_count;                              /* [m] */

static struct deflater *
take_kept(void)
{
    struct deflater *deflater = NULL;

    pthread_mutex_lock(&lock);
    if (kept_count > 0)
        deflater = kept[--kept_count];
    pthread_mutex_unlock(&lock);
    return deflater;
}

static void
give_back(struct deflater *deflater)
{
    bool is_kept = false;

    pthread_mutex_lock(&lock);
    if (kept_count < KEPT_MAX) {
        kept[kept_count++] = deflater;
        is_kept = true;
    }
    pthread_mutex_unlock(&lock);
    if (is_kept)
        return;
    (void)deflateEnd(&deflater->stream); /* in the middle of a stream it says so */
    free(deflater);
}

static struct deflater *
make(void)
{
    struct deflater *deflater = calloc(1, sizeof(*deflater));

    if (deflater == NULL)
        return NULL;
    /* A negative window: without zlib's own header. */
    int error = deflateInit2(&deflater->stream, LEVEL, Z_DEFLATED, -DEFLATER_WINDOW_BITS,
                             MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    if (error == Z_OK)
        return deflater;
    assert(error == Z_MEM_ERROR);
    free(deflater);
    return NULL;
}

struct deflater *
deflater_begin(void *out, size_t size)
{
    struct deflater *deflater = take_kept();

    if (deflater == NULL)
        deflater = make();
    if (deflater == NULL)
        return NULL;
    int error = deflateReset(&deflater->stream);
    assert(error == Z_OK);
    deflater->out = out;
    deflater->size = size < UINT_MAX ? size : UINT_MAX;
    deflater->stream.next_out = deflater->out;
    deflater->stream.avail_out = (uInt)deflater->size;
    return deflater;
}

void
deflater_add(struct deflater *deflater, const void *data, size_t length)
{
    z_stream *stream = &deflater->stream;
    const unsigned char *at = data;

    while (length > 0 && stream->avail_out > 0) {
        size_t some = length < UINT_MAX ? length : UINT_MAX;
        stream->next_in = (unsigned char *)at;
        stream->avail_in = (uInt)some;
        int error = deflate(stream, Z_NO_FLUSH);
        assert(error == Z_OK);
        at += some - stream->avail_in;
        length -= some - stream->avail_in;
    }
}

size_t
deflater_finish(struct deflater *deflater)
{
    z_stream *stream = &deflater->stream;
    size_t length = 0;

    stream->avail_in = 0;
    /* A flush is whole when there is room left behind it. */
    if (stream->avail_out > 0) {
        int error = deflate(stream, Z_SYNC_FLUSH);
        assert(error == Z_OK || error == Z_BUF_ERROR);
    }
    if (stream->avail_out > 0) {
        length = deflater->size - stream->avail_out;
        assert(length > sizeof(flush_end));
        length -= sizeof(flush_end);
        assert(memcmp(deflater->out + length, flush_end, sizeof(flush_end)) == 0);
    }
    give_back(deflater);
    return length;
}
