/* Compressed messages: inflated whole, each by itself, as RFC 7692 (7.2.2) has it. */
#include "test/bench/load.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define INFLATED_MAX (1u << 20)

struct load_inflater {
    z_stream stream;
    char out[INFLATED_MAX];
};

struct load_inflater *
load_inflater_new(void)
{
    struct load_inflater *inflater = calloc(1, sizeof(*inflater));

    if (inflater == NULL || inflateInit2(&inflater->stream, -15) != Z_OK)
        abort();
    return inflater;
}

/* Returns how many bytes come of it; 0: it is broken. */
static size_t
expand(struct load_inflater *inflater, const char *payload, size_t size)
{
    static const unsigned char end[] = {0x00, 0x00, 0xff, 0xff};
    z_stream *stream = &inflater->stream;

    (void)inflateReset(stream);
    stream->next_out = (unsigned char *)inflater->out;
    stream->avail_out = sizeof(inflater->out);
    stream->next_in = (unsigned char *)payload;
    stream->avail_in = (uInt)size;
    if (inflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in > 0)
        return 0;
    stream->next_in = (unsigned char *)end;
    stream->avail_in = sizeof(end);
    if (inflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in > 0)
        return 0;
    return sizeof(inflater->out) - stream->avail_out;
}

void
load_inflate(struct load *load, struct load_client *client, const char *payload, size_t size,
             uint64_t now)
{
    const char *at = load->inflater->out;
    const char *end = at + expand(load->inflater, payload, size);

    if (at == end) {
        load->counts.bad++;
        load_end_client(load, client, "a message that does not inflate");
    }
    while (at < end && client->state != LOAD_GONE) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop != NULL ? stop : end) - at);
        load_document(load, client, at, length, now);
        at += length + 1;
    }
}
