/*
 * The frame decoder: a table of what clients send and what must come of it, each fed all at once,
 * byte by byte and in random pieces; then what a table cannot say.
 */
#include "server/websocket.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/tap.h"

#define STREAM_MAX  200000
#define LOG_SIZE    4096
#define MESSAGE_MAX 100000
#define FRAMES_MAX  6
#define RANDOM_RUNS 20

enum {
    FIRST = 0x01,
    MORE = 0x00,
    LAST = 0x80,
    TEXT = 0x81,
    CLOSE = 0x88,
    PING = 0x89,
    PONG = 0x8A
};

/* How the length is written, when not in the shortest form. */
enum form { SHORTEST, IN_16, IN_64, UNMASKED, TOP_BIT };

struct frame {
    uint8_t byte0;
    size_t length;
    const char *payload; /* NULL: a pattern of `length` letters */
    enum form form;
};

#define F(byte0, literal)                                                                          \
    {                                                                                              \
        byte0, sizeof(literal) - 1, literal, SHORTEST                                              \
    }
#define L(byte0, length)                                                                           \
    {                                                                                              \
        byte0, length, NULL, SHORTEST                                                              \
    }

struct test_case {
    const char *name;
    struct frame frames[FRAMES_MAX];
    size_t count;
    const char *expected; /* the log of the events */
    size_t error_at;      /* the byte with which the error must be there; 0: do not look */
    uint32_t message_max; /* 0: MESSAGE_MAX */
};

/* Clients' bytes, as a test made them. */
struct stream {
    unsigned char bytes[STREAM_MAX];
    size_t length;
};

static uint32_t random_state = 1;

static uint32_t
next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static unsigned char
payload_byte(const struct frame *frame, size_t i)
{
    return (unsigned char)(frame->payload != NULL ? frame->payload[i] : 'a' + (int)(i % 26));
}

static void
add_byte(struct stream *stream, unsigned value)
{
    if (stream->length == STREAM_MAX)
        abort();
    stream->bytes[stream->length++] = (unsigned char)value;
}

static void
add_frame(struct stream *stream, const struct frame *frame)
{
    unsigned mask_bit = frame->form == UNMASKED ? 0 : 0x80;
    unsigned char key[4] = {0};
    size_t extended = frame->length < 126 ? 0 : frame->length < 65536 ? 2 : 8;

    if (frame->form == IN_16)
        extended = 2;
    if (frame->form == IN_64 || frame->form == TOP_BIT)
        extended = 8;
    add_byte(stream, frame->byte0);
    add_byte(stream,
             mask_bit | (extended == 0 ? (unsigned)frame->length : 125 + (extended + 3) / 5));
    for (size_t i = 0; i < extended; i++) {
        unsigned byte = (unsigned)((uint64_t)frame->length >> (8 * (extended - 1 - i)) & 0xFF);
        add_byte(stream, frame->form == TOP_BIT && i == 0 ? byte | 0x80 : byte);
    }
    if (frame->form != UNMASKED)
        for (size_t i = 0; i < 4; i++) {
            key[i] = (unsigned char)next_random();
            add_byte(stream, key[i]);
        }
    for (size_t i = 0; i < frame->length; i++)
        add_byte(stream, payload_byte(frame, i) ^ key[i % 4]);
}

static void
log_text(char *end, size_t space, const char *name, const struct websocket_event *event)
{
    char text[41];

    for (size_t i = 0; i < event->length; i++) {
        text[i] = event->data[i];
        if (text[i] == '\0')
            text[i] = '.';
    }
    text[event->length] = '\0';
    (void)snprintf(end, space, "%s(%s)", name, text);
}

/* Writes an event to the log: its name, its code, and its data or, when it is long, its length. */
static void
log_event(char *log, const struct websocket_event *event)
{
    static const char *const names[] = {"none", "text", "ping", "pong", "close", "error"};
    char *end = log + strlen(log);
    size_t space = LOG_SIZE - (size_t)(end - log);
    bool pattern = true;

    if (event->kind >= WEBSOCKET_EVENT_CLOSE) {
        (void)snprintf(end, space, "%s(%u)", names[event->kind], event->code);
        return;
    }
    for (size_t i = 0; i < event->length; i++)
        pattern = pattern && event->data[i] == (char)('a' + i % 26);
    if (event->length > 40)
        (void)snprintf(end, space, "%s[%zu]%s", names[event->kind], event->length,
                       pattern ? "" : "?");
    else
        log_text(end, space, event->compressed ? "compressed" : names[event->kind], event);
}

/* A client's connection under test. */
struct feeding {
    struct websocket_decoder decoder;
    const struct stream *stream;
    size_t start;    /* of what is not yet used */
    size_t end;      /* of what was fed */
    size_t error_at; /* `end` when the first error came */
    bool deflates;   /* what it was negotiated to */
    bool misbehaved; /* changed what it did not use, or asked for too little or too much */
    char log[LOG_SIZE];
};

/* One call with exactly the bytes that are there, so that ASan sees a read beyond them. */
static size_t
feed_once(struct feeding *feeding)
{
    const unsigned char *rest = feeding->stream->bytes + feeding->start;
    size_t length = feeding->end - feeding->start;
    char *copy = malloc(length + (length == 0));
    struct websocket_event event;
    size_t used;

    if (copy == NULL)
        abort();
    memcpy(copy, rest, length);
    used = websocket_decode(&feeding->decoder, copy, length, &event);
    if (used > length || memcmp(copy + used, rest + used, length - used) != 0)
        feeding->misbehaved = true;
    if (event.kind != WEBSOCKET_EVENT_NONE)
        log_event(feeding->log, &event);
    if (event.kind == WEBSOCKET_EVENT_ERROR && feeding->error_at == 0)
        feeding->error_at = feeding->end;
    if (used == 0 && websocket_frame_needs(copy, length) <= length)
        feeding->misbehaved = true;
    free(copy);
    feeding->start += used;
    return used;
}

/* Feeds the whole stream in pieces of at most `piece` bytes, of random sizes if `at_random`. */
static void
feed(struct feeding *feeding, const struct stream *stream, uint32_t message_max, size_t piece,
     bool at_random)
{
    bool deflates = feeding->deflates;

    memset(feeding, 0, sizeof(*feeding));
    feeding->stream = stream;
    feeding->deflates = deflates;
    websocket_decoder_init(&feeding->decoder, message_max);
    if (deflates)
        websocket_decoder_allow_compressed(&feeding->decoder);
    while (feeding->end < stream->length) {
        size_t size = at_random ? 1 + next_random() % piece : piece;
        size_t left = stream->length - feeding->end;
        feeding->end += size < left ? size : left;
        while (feed_once(feeding) > 0)
            ;
    }
    if ((!feeding->decoder.fragmented || feeding->decoder.ended) &&
        feeding->decoder.fragments != NULL)
        feeding->misbehaved = true; /* keeps a message that was handed out, or never will be */
    websocket_decoder_release(&feeding->decoder);
}

static bool
matches(const struct feeding *feeding, const char *expected, const char *how)
{
    if (strcmp(feeding->log, expected) == 0 && !feeding->misbehaved)
        return true;
    printf("# %s: got %s%s\n", how, feeding->log, feeding->misbehaved ? " and misbehaved" : "");
    return false;
}

static void
run_case(const struct test_case *test, bool deflates)
{
    static struct stream stream;
    static struct feeding feeding;
    uint32_t message_max = test->message_max != 0 ? test->message_max : MESSAGE_MAX;
    bool fine;

    stream.length = 0;
    feeding.deflates = deflates;
    for (size_t i = 0; i < test->count; i++)
        add_frame(&stream, &test->frames[i]);
    feed(&feeding, &stream, message_max, STREAM_MAX, false);
    fine = matches(&feeding, test->expected, "at once");
    if (stream.length < 2000) {
        feed(&feeding, &stream, message_max, 1, false);
        fine = matches(&feeding, test->expected, "byte by byte") && fine;
        if (test->error_at != 0 && feeding.error_at != test->error_at) {
            printf("# the error came with byte %zu, not %zu\n", feeding.error_at, test->error_at);
            fine = false;
        }
    }
    for (int i = 0; i < RANDOM_RUNS; i++) {
        feed(&feeding, &stream, message_max, stream.length < 2000 ? 12 : 30000, true);
        fine = matches(&feeding, test->expected, "in random pieces") && fine;
    }
    ok(fine, "%s", test->name);
}

#define A "\xC3\xA4"         /* two bytes */
#define E "\xE2\x82\xAC"     /* three bytes */
#define G "\xF0\x9F\x98\x80" /* four bytes */

static const struct test_case cases[] = {
    /* Messages */
    {"a text", {F(TEXT, "hello")}, 1, "text(hello)", 0, 0},
    {"an empty text", {F(TEXT, "")}, 1, "text()", 0, 0},
    {"several frames",
     {F(TEXT, "a"), F(PING, "p"), F(TEXT, "b"), F(PONG, ""), F(CLOSE, "\x03\xE8")},
     5,
     "text(a)ping(p)text(b)pong()close(1000)",
     0,
     0},
    {"a text with a NUL", {{TEXT, 3, "a\0b", SHORTEST}, F(TEXT, "c")}, 2, "text(a.b)text(c)", 0, 0},
    {"fragments", {F(FIRST, "he"), F(MORE, "l"), F(LAST, "lo")}, 3, "text(hello)", 0, 0},
    {"fragments of nothing", {F(FIRST, ""), F(MORE, ""), F(LAST, "")}, 3, "text()", 0, 0},
    {"empty fragments around one", {F(FIRST, ""), F(MORE, "x"), F(LAST, "")}, 3, "text(x)", 0, 0},
    {"two fragmented messages",
     {F(FIRST, "a"), F(LAST, "b"), F(FIRST, "c"), F(LAST, "d"), F(TEXT, "e")},
     5,
     "text(ab)text(cd)text(e)",
     0,
     0},
    {"control frames between fragments",
     {F(FIRST, "a"), F(PING, "1"), F(MORE, "b"), F(PONG, "2"), F(LAST, "c"), F(PING, "3")},
     6,
     "ping(1)pong(2)text(abc)ping(3)",
     0,
     0},
    {"a control frame within a character",
     {F(FIRST, "\xE2\x82"), F(PING, "\xFF"), F(LAST, "\xAC")},
     3,
     "ping(\xFF)text(" E ")",
     0,
     0},
    {"a close between fragments", {F(FIRST, "a"), F(CLOSE, ""), F(LAST, "b")}, 3, "close(0)", 0, 0},
    /* Lengths */
    {"125 bytes", {L(TEXT, 125)}, 1, "text[125]", 0, 125},
    {"126 bytes", {L(TEXT, 126)}, 1, "text[126]", 0, 126},
    {"65535 bytes", {L(TEXT, 65535), F(PING, "")}, 2, "text[65535]ping()", 0, 65535},
    {"65536 bytes", {L(TEXT, 65536), F(PING, "")}, 2, "text[65536]ping()", 0, 65536},
    {"125 and one more", {L(TEXT, 126)}, 1, "error(1009)", 4, 125},
    {"126 and one more", {L(TEXT, 127)}, 1, "error(1009)", 4, 126},
    {"65535 and one more", {L(TEXT, 65536)}, 1, "error(1009)", 0, 65535},
    {"65536 and one more", {L(TEXT, 65537)}, 1, "error(1009)", 0, 65536},
    {"one more than a short maximum", {L(TEXT, 11)}, 1, "error(1009)", 2, 10},
    {"fragments up to the maximum", {L(FIRST, 26), L(LAST, 26)}, 2, "text[52]", 0, 52},
    {"fragments above it", {L(FIRST, 26), L(LAST, 27)}, 2, "error(1009)", 34, 52},
    {"nothing behind a full message", {L(FIRST, 52), F(LAST, "")}, 2, "text[52]", 0, 52},
    {"the maximum is each message's",
     {L(FIRST, 26), L(LAST, 26), L(TEXT, 52)},
     3,
     "text[52]text[52]",
     0,
     52},
    {"large fragments", {L(FIRST, 52000), L(LAST, 26000)}, 2, "text[78000]", 0, 78000},
    {"a control frame does not count",
     {L(FIRST, 52), L(PING, 125), F(LAST, "")},
     3,
     "ping[125]text[52]",
     0,
     52},
    {"5 in 16 bits", {{TEXT, 5, NULL, IN_16}}, 1, "error(1002)", 4, 0},
    {"125 in 16 bits", {{TEXT, 125, NULL, IN_16}}, 1, "error(1002)", 4, 0},
    {"125 in 64 bits", {{TEXT, 125, NULL, IN_64}}, 1, "error(1002)", 10, 0},
    {"65535 in 64 bits", {{TEXT, 65535, NULL, IN_64}}, 1, "error(1002)", 0, 0},
    {"the top bit", {{TEXT, 1, NULL, TOP_BIT}}, 1, "error(1002)", 10, 0},
    /* The header */
    {"not masked", {F(TEXT, "a"), {TEXT, 1, NULL, UNMASKED}}, 2, "text(a)error(1002)", 9, 0},
    {"RSV1", {F(0xC1, "a")}, 1, "error(1002)", 1, 0},
    {"RSV2", {F(0xA1, "a")}, 1, "error(1002)", 1, 0},
    {"RSV3", {F(0x91, "a")}, 1, "error(1002)", 1, 0},
    {"RSV1 of a ping", {F(0xC9, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 3", {F(0x83, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 4", {F(0x84, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 5", {F(0x85, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 6", {F(0x86, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 7", {F(0x87, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 11", {F(0x8B, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 12", {F(0x8C, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 13", {F(0x8D, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 14", {F(0x8E, "a")}, 1, "error(1002)", 1, 0},
    {"opcode 15", {F(0x8F, "a")}, 1, "error(1002)", 1, 0},
    {"binary", {F(0x82, "a")}, 1, "error(1003)", 1, 0},
    {"binary in fragments", {F(0x02, "a"), F(LAST, "b")}, 2, "error(1003)", 1, 0},
    {"a continuation of nothing", {F(LAST, "a")}, 1, "error(1002)", 1, 0},
    {"a continuation of a whole text", {F(TEXT, "a"), F(MORE, "b")}, 2, "text(a)error(1002)", 8, 0},
    {"a text within a fragmented one", {F(FIRST, "a"), F(TEXT, "b")}, 2, "error(1002)", 8, 0},
    {"a first within a fragmented one", {F(FIRST, "a"), F(FIRST, "b")}, 2, "error(1002)", 8, 0},
    /* Control frames */
    {"a ping of 125", {L(PING, 125)}, 1, "ping[125]", 0, 0},
    {"a ping over the messages' maximum", {L(PING, 125)}, 1, "ping[125]", 0, 10},
    {"a ping of 126", {L(PING, 126)}, 1, "error(1002)", 2, 0},
    {"a pong of 65536", {L(PONG, 65536)}, 1, "error(1002)", 0, 0},
    {"a ping in 16 bits", {{PING, 5, NULL, IN_16}}, 1, "error(1002)", 2, 0},
    {"a fragmented ping", {F(0x09, "a")}, 1, "error(1002)", 1, 0},
    {"a fragmented close", {F(0x08, "")}, 1, "error(1002)", 1, 0},
    {"a close of 126", {L(CLOSE, 126)}, 1, "error(1002)", 2, 0},
    /* The close */
    {"a close without a code", {F(CLOSE, "")}, 1, "close(0)", 0, 0},
    {"half a code", {F(CLOSE, "\x03")}, 1, "error(1002)", 7, 0},
    {"a code and a reason", {F(CLOSE, "\x03\xE9 bye " A)}, 1, "close(1001)", 0, 0},
    {"nothing comes of what follows",
     {F(CLOSE, "\x03\xE8"), F(TEXT, "a"), F(0x83, "b")},
     3,
     "close(1000)",
     0,
     0},
    {"nor of what follows an error",
     {F(0x83, ""), F(TEXT, "a"), F(CLOSE, "")},
     3,
     "error(1002)",
     0,
     0},
    {"a reason not UTF-8", {F(CLOSE, "\x03\xE8\xFF")}, 1, "error(1007)", 0, 0},
    {"a reason unfinished", {F(CLOSE, "\x03\xE8\xE2\x82")}, 1, "error(1007)", 0, 0},
    /* UTF-8 */
    {"characters of each length", {F(TEXT, "a" A E G)}, 1, "text(a" A E G ")", 0, 0},
    {"a bad byte, as soon as it is there",
     {F(TEXT, "abc\xFF"
              "def")},
     1,
     "error(1007)",
     10,
     0},
    {"a surrogate", {F(TEXT, "\xED\xA0\x80 .....")}, 1, "error(1007)", 8, 0},
    {"overlong", {F(TEXT, "\xC0\x80")}, 1, "error(1007)", 7, 0},
    {"above U+10FFFF", {F(TEXT, "\xF4\x90\x80\x80")}, 1, "error(1007)", 8, 0},
    {"unfinished", {F(TEXT, "a\xE2\x82")}, 1, "error(1007)", 9, 0},
    {"unfinished in the last fragment",
     {F(FIRST, "\xE2"), F(LAST, "\x82")},
     2,
     "error(1007)",
     14,
     0},
    {"unfinished, and nothing in the last",
     {F(FIRST, "\xE2"), F(LAST, "")},
     2,
     "error(1007)",
     13,
     0},
    {"broken off in the next fragment",
     {F(FIRST, "\xE2\x82"), F(MORE, "ab")},
     2,
     "error(1007)",
     15,
     0},
    {"bad in a fragment in the middle",
     {F(FIRST, "ab"),
      F(MORE, "c\xFF"
              "d"),
      F(LAST, "")},
     3,
     "error(1007)",
     16,
     0},
};

/* The same once permessage-deflate was negotiated: what is compressed is not UTF-8. */
static const struct test_case compressed_cases[] = {
    {"compressed", {F(0xC1, "\xFF")}, 1, "compressed(\xFF)", 0, 0},
    {"compressed and not, in turn",
     {F(0xC1, "\xFF"), F(TEXT, "a"), F(0xC1, "\xFE"), F(TEXT, "b")},
     4,
     "compressed(\xFF)text(a)compressed(\xFE)text(b)",
     0,
     0},
    {"not compressed, though it may be, and not UTF-8", {F(TEXT, "\xFF")}, 1, "error(1007)", 7, 0},
    {"compressed in fragments, a ping between",
     {F(0x41, "\xFF"), F(PING, "p"), F(MORE, "\xFE"), F(LAST, "\xFD"), F(TEXT, "a")},
     5,
     "ping(p)compressed(\xFF\xFE\xFD)text(a)",
     0,
     0},
    {"text in fragments after a compressed one",
     {F(0x41, "\xFF"), F(LAST, ""), F(FIRST, "\xE2"), F(LAST, "\x82")},
     4,
     "compressed(\xFF)error(1007)",
     27,
     0},
    {"compressed above the maximum", {L(0xC1, 53)}, 1, "error(1009)", 2, 52},
    {"RSV1 of a continuation", {F(0x41, "a"), F(0xC0, "b")}, 2, "error(1002)", 8, 0},
    {"RSV1 of a ping, negotiated", {F(0xC9, "a")}, 1, "error(1002)", 1, 0},
    {"RSV1 of a close, negotiated", {F(0xC8, "")}, 1, "error(1002)", 1, 0},
    {"RSV1 and RSV2", {F(0xE1, "a")}, 1, "error(1002)", 1, 0},
    {"RSV3, negotiated", {F(0x91, "a")}, 1, "error(1002)", 1, 0},
    {"compressed binary", {F(0xC2, "a")}, 1, "error(1003)", 1, 0},
};

/* A text in three fragments, cut everywhere, also within its characters. */
static void
test_cut_characters(void)
{
    static const char text[] = "a" A "b" E "c" G "d";
    static struct stream stream;
    static struct feeding feeding;
    size_t length = sizeof(text) - 1;
    bool fine = true;

    for (size_t i = 0; i <= length; i++)
        for (size_t j = i; j <= length; j++) {
            stream.length = 0;
            add_frame(&stream, &(struct frame){FIRST, i, text, SHORTEST});
            add_frame(&stream, &(struct frame){MORE, j - i, text + i, SHORTEST});
            add_frame(&stream, &(struct frame){LAST, length - j, text + j, SHORTEST});
            for (size_t piece = 1; piece < stream.length; piece = piece * 3 + 1) {
                feed(&feeding, &stream, MESSAGE_MAX, piece, false);
                fine = matches(&feeding, "text(a" A "b" E "c" G "d)", "cut") && fine;
            }
        }
    ok(fine, "a text in three fragments, cut everywhere");
}

static bool
is_allowed(unsigned code)
{
    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
           (code >= 3000 && code < 5000);
}

static void
test_close_codes(void)
{
    static struct stream stream;
    static struct feeding feeding;
    bool fine = true;

    for (unsigned code = 0; code < 65536; code++) {
        char payload[2] = {(char)(code >> 8), (char)code};
        char expected[32];
        stream.length = 0;
        add_frame(&stream, &(struct frame){CLOSE, 2, payload, SHORTEST});
        feed(&feeding, &stream, MESSAGE_MAX, STREAM_MAX, false);
        (void)snprintf(expected, sizeof(expected), is_allowed(code) ? "close(%u)" : "error(1002)",
                       code);
        fine = matches(&feeding, expected, "code") && fine;
    }
    ok(fine, "close codes");
}

/* However the bytes come in, the same comes out: random frames, some of them damaged. */
static void
test_random_streams(void)
{
    static const uint8_t opcodes[] = {FIRST, MORE, LAST, TEXT, TEXT, PING, PONG, MORE, LAST};
    static struct stream stream;
    static struct feeding at_once;
    static struct feeding in_pieces;
    bool fine = true;

    for (int run = 0; run < 3000; run++) {
        bool fragmented = false;
        stream.length = 0;
        for (int i = 0; i < 8; i++) {
            uint8_t byte0 = opcodes[next_random() % sizeof(opcodes)];
            if (byte0 < 0x88 && next_random() % 20 != 0) /* mostly by the rules */
                byte0 = fragmented ? byte0 & 0x80 : byte0 | 0x01;
            if (byte0 < 0x88)
                fragmented = (byte0 & 0x80) == 0;
            add_frame(&stream, &(struct frame){byte0, next_random() % 140 % 126, NULL, SHORTEST});
        }
        if (run % 3 == 0)
            stream.bytes[next_random() % stream.length] ^= (unsigned char)(1u << next_random() % 8);
        feed(&at_once, &stream, 300, STREAM_MAX, false);
        feed(&in_pieces, &stream, 300, 1 + next_random() % 50, true);
        fine = matches(&in_pieces, at_once.log, at_once.log) && fine;
    }
    ok(fine, "random streams come out the same in any pieces");
}

static void
test_release(void)
{
    static struct stream stream;
    struct websocket_decoder decoder;
    struct websocket_event event;
    char *copy;

    stream.length = 0;
    add_frame(&stream, &(struct frame)L(FIRST, 1000));
    copy = malloc(stream.length);
    if (copy == NULL)
        abort();
    memcpy(copy, stream.bytes, stream.length);
    websocket_decoder_init(&decoder, MESSAGE_MAX);
    ok(websocket_decode(&decoder, copy, stream.length, &event) == stream.length &&
           event.kind == WEBSOCKET_EVENT_NONE,
       "a fragment is used and nothing is handed out");
    free(copy);
    websocket_decoder_release(&decoder);
    ok(decoder.fragments == NULL, "a release in the middle of a message frees it");
    ok(sizeof(struct websocket_decoder) <= 40, "a decoder is small");
}

static void
test_frame_needs(void)
{
    static struct stream stream;
    static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536};
    bool fine = true;

    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        stream.length = 0;
        add_frame(&stream, &(struct frame)L(TEXT, lengths[i]));
        fine = fine && websocket_frame_needs((char *)stream.bytes, 10) == stream.length;
        for (size_t j = 0; j < 10 && j < stream.length; j++) {
            size_t needs = websocket_frame_needs((char *)stream.bytes, j);
            fine = fine && needs > j && needs <= stream.length;
        }
    }
    ok(fine, "what an incomplete frame needs");
}

static void
test_writing(void)
{
    char out[WEBSOCKET_CONTROL_FRAME_MAX];
    char long_reason[200];
    bool fine;

    fine = websocket_control_frame(out, 0xA, "data", 4) == 6 && memcmp(out,
                                                                       "\x8A\x04"
                                                                       "data",
                                                                       6) == 0;
    ok(fine, "a pong");
    memset(long_reason, 'r', sizeof(long_reason));
    ok(websocket_control_frame(out, 0x9, long_reason, 125) == sizeof(out), "the longest ping");
    fine = websocket_close_frame(out, 1012, "again") == 9 && memcmp(out,
                                                                    "\x88\x07\x03\xF4"
                                                                    "again",
                                                                    9) == 0;
    ok(fine, "a close with a code and a reason");
    ok(websocket_close_frame(out, 0, "again") == 2 && memcmp(out, "\x88\x00", 2) == 0,
       "a close with no code is empty");
    ok(websocket_close_frame(out, 1000, "") == 4, "a close with no reason");
    long_reason[199] = '\0';
    ok(websocket_close_frame(out, 1000, long_reason) == 127, "a long reason is cut");
    memcpy(long_reason + 122, A, 2);
    ok(websocket_close_frame(out, 1000, long_reason) == 126, "not within a character");
    memcpy(long_reason + 121, A "r", 3);
    ok(websocket_close_frame(out, 1000, long_reason) == 127, "but right behind one");
}

int
main(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        run_case(&cases[i], false);
    for (size_t i = 0; i < sizeof(compressed_cases) / sizeof(*compressed_cases); i++)
        run_case(&compressed_cases[i], true);
    test_cut_characters();
    test_close_codes();
    test_random_streams();
    test_release();
    test_frame_needs();
    test_writing();
    return done_testing();
}
