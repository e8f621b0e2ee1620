/* Inflating what clients send: round trips, the limit, and whatever is not as it should be. */
#include "server/inflater.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "server/websocket.h"
#include "test/unit/tap.h"

#define MESSAGE_MAX 65536

static struct inflater *inflater;
static char packed[200000];

/* Compresses as a client does; returns the payload's length. */
static size_t
deflate_text(const char *text, size_t length, int level, int window_bits, size_t step)
{
    z_stream stream = {0};

    if (deflateInit2(&stream, level, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    stream.next_out = (unsigned char *)packed;
    stream.avail_out = sizeof(packed);
    for (size_t at = 0; at < length; at += step) {
        stream.next_in = (unsigned char *)text + at;
        stream.avail_in = (uInt)(length - at < step ? length - at : step);
        if (deflate(&stream, Z_SYNC_FLUSH) != Z_OK)
            abort();
    }
    size_t packed_length = sizeof(packed) - stream.avail_out - 4;
    (void)deflateEnd(&stream);
    return packed_length;
}

/* The same of a text that refers to what came before it: the client keeps its context. */
static size_t
deflate_reference(void)
{
    static const char text[] = "the quick brown fox";
    z_stream stream = {0};

    if (deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflateSetDictionary(&stream, (const unsigned char *)text, sizeof(text)) != Z_OK)
        abort();
    stream.next_in = (unsigned char *)text;
    stream.avail_in = sizeof(text);
    stream.next_out = (unsigned char *)packed;
    stream.avail_out = sizeof(packed);
    if (deflate(&stream, Z_SYNC_FLUSH) != Z_OK)
        abort();
    size_t length = sizeof(packed) - stream.avail_out - 4;
    (void)deflateEnd(&stream);
    return length;
}

static struct websocket_event
expand(const void *data, size_t length)
{
    struct websocket_event event = {
        .kind = WEBSOCKET_EVENT_TEXT,
        .data = data,
        .length = length,
        .compressed = true,
    };
    bool is_expanded = inflater_expand(inflater, &event);

    if (is_expanded != (event.kind == WEBSOCKET_EVENT_TEXT))
        abort();
    return event;
}

static bool
is_text(const struct websocket_event *event, const char *text, size_t length)
{
    return event->kind == WEBSOCKET_EVENT_TEXT && !event->compressed && event->length == length &&
           memcmp(event->data, text, length) == 0;
}

/* Text that shrinks little. */
static void
fill(char *text, size_t length)
{
    uint32_t state = 5;

    for (size_t i = 0; i < length; i++) {
        state = state * 1664525u + 1013904223u;
        text[i] = (char)(' ' + (state >> 24) % 90);
    }
}

static void
test_round_trips(void)
{
    static char text[MESSAGE_MAX];
    static const int windows[] = {9, 12, 15};

    fill(text, sizeof(text));
    for (int level = 0; level <= 9; level += 3) {
        for (size_t i = 0; i < 3; i++) {
            size_t length = deflate_text(text, 30000, level, windows[i], 30000);
            struct websocket_event event = expand(packed, length);
            ok(is_text(&event, text, 30000), "level %d, a window of %d bits", level, windows[i]);
        }
    }
    size_t length = deflate_text(text, 5000, 6, 15, 7);
    struct websocket_event event = expand(packed, length);
    ok(is_text(&event, text, 5000), "with a flush every seven bytes");
    /* The examples of RFC 7692, 7.2.3, of which one ends a stream before the message does. */
    static const unsigned char hello[] = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
    event = expand(hello, sizeof(hello));
    ok(is_text(&event, "Hello", 5), "a block of fixed codes");
    static const unsigned char stored[] = {0x00, 0x05, 0x00, 0xfa, 0xff, 'H',
                                           'e',  'l',  'l',  'o',  0x00};
    event = expand(stored, sizeof(stored));
    ok(is_text(&event, "Hello", 5), "a block that is not compressed");
    static const unsigned char final[] = {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00};
    event = expand(final, sizeof(final));
    ok(is_text(&event, "Hello", 5), "a block that is the last one");
    static const unsigned char blocks[] = {0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff,
                                           0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00};
    event = expand(blocks, sizeof(blocks));
    ok(is_text(&event, "Hello", 5), "two blocks");
    event = expand("\0", 1);
    ok(is_text(&event, "", 0), "nothing");
}

static void
test_limit(void)
{
    static char text[MESSAGE_MAX + 1];
    static char bomb[20000000];

    memset(text, 'x', sizeof(text));
    size_t length = deflate_text(text, MESSAGE_MAX, 9, 15, MESSAGE_MAX);
    struct websocket_event event = expand(packed, length);
    ok(is_text(&event, text, MESSAGE_MAX), "as much as may be");
    length = deflate_text(text, MESSAGE_MAX + 1, 9, 15, MESSAGE_MAX + 1);
    event = expand(packed, length);
    ok(event.kind == WEBSOCKET_EVENT_ERROR && event.code == 1009, "one byte more");
    memset(bomb, 'x', sizeof(bomb));
    length = deflate_text(bomb, sizeof(bomb), 9, 15, sizeof(bomb));
    event = expand(packed, length);
    ok(length < MESSAGE_MAX && event.kind == WEBSOCKET_EVENT_ERROR && event.code == 1009,
       "20 MB in %zu bytes", length);
}

static void
test_invalid(const char *what, const void *data, size_t length)
{
    struct websocket_event event = expand(data, length);

    ok(event.kind == WEBSOCKET_EVENT_ERROR && event.code == 1007, "1007: %s", what);
}

static void
test_what_is_not_valid(void)
{
    static char text[5000];
    unsigned refused = 0;

    test_invalid("no byte at all", "", 0);
    test_invalid("a block of the kind that there is not", "\x06\x00", 2);
    test_invalid("a stored block whose length is not confirmed", "\x00\x05\x00\x00\x00Hello\x00",
                 11);
    test_invalid("a reference to before the beginning", packed, deflate_reference());
    test_invalid("a last block, and nothing behind it", "\xf3\x48\xcd\xc9\xc9\x07\x00", 7);
    test_invalid("a header of zlib", "\x78\x9c\xf2\x48\xcd\xc9\xc9\x07\x00", 9);
    fill(text, sizeof(text));
    size_t length = deflate_text(text, sizeof(text), 6, 15, sizeof(text));
    /* Here and there the rest reads like the end of a block: then nobody could tell. */
    for (size_t cut = 1; cut < length - 1; cut++) {
        struct websocket_event event = expand(packed, cut);
        refused += event.kind == WEBSOCKET_EVENT_ERROR && event.code == 1007;
    }
    ok(refused > length - length / 50, "1007: cut short, in %u of %zu places", refused, length - 2);
    length = deflate_text("\xC3\xA4\xC3", 3, 6, 15, 3);
    test_invalid("text that is not UTF-8", packed, length);
    static const unsigned char hello[] = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
    struct websocket_event event = expand(hello, sizeof(hello));
    ok(is_text(&event, "Hello", 5), "the next message is as good as any");
}

int
main(void)
{
    inflater = inflater_open(MESSAGE_MAX);
    if (inflater == NULL)
        abort();
    test_round_trips();
    test_limit();
    test_what_is_not_valid();
    inflater_close(&inflater);
    ok(inflater == NULL, "closing clears the pointer");
    inflater_close(&inflater);
    return done_testing();
}
