/*
 * Compressed frames: what comes out is what went in, document by document; what does not pay is left
 * as it is; it is made once, whoever asks, and freed with its message.
 */
#include "pubsub/message.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "test/unit/tap.h"

#define WINDOW_BITS 13 /* what the handshake promises */
#define THREADS     4
#define ROUNDS      200

static struct message *
make(const char *text, size_t length)
{
    struct message *message = message_new(text, length, 1);
    if (message == NULL)
        abort();
    return message;
}

/* A chat document of about `length` bytes, with numbers that do not repeat. */
static size_t
document(char *out, size_t size, size_t length, unsigned number)
{
    size_t used = (size_t)snprintf(out, size, "{\"action\":\"send-message\",\"message\":\"");
    for (unsigned i = 0; used < length; i++)
        used += (size_t)snprintf(out + used, size - used, "word %u and ", number * 7919u + i);
    used += (size_t)snprintf(out + used, size - used, "\",\"seq\":%u}", number);
    return used;
}

/* Inflates the frame as a client would; returns the length, or SIZE_MAX when it is not as agreed. */
static size_t
inflate_frame(const unsigned char *frame, size_t length, char *out, size_t size)
{
    static const unsigned char end[4] = {0, 0, 0xff, 0xff};
    size_t header = frame[1] < 126 ? 2 : frame[1] == 126 ? 4 : 10;
    size_t payload = frame[1] < 126 ? frame[1] : 0;
    z_stream stream = {0};

    for (size_t i = 2; i < header; i++)
        payload = payload << 8 | frame[i];
    if (frame[0] != 0xC1 || header + payload != length ||
        inflateInit2(&stream, -WINDOW_BITS) != Z_OK)
        return SIZE_MAX;
    stream.next_in = (unsigned char *)frame + header;
    stream.avail_in = (uInt)payload;
    stream.next_out = (unsigned char *)out;
    stream.avail_out = (uInt)size;
    int first = inflate(&stream, Z_SYNC_FLUSH);
    stream.next_in = (unsigned char *)end;
    stream.avail_in = sizeof(end);
    int second = inflate(&stream, Z_SYNC_FLUSH);
    bool is_fine = first == Z_OK && (second == Z_OK || second == Z_BUF_ERROR) &&
                   stream.avail_in == 0 && (stream.data_type & 128) != 0;
    size_t there = size - stream.avail_out;
    (void)inflateEnd(&stream);
    return is_fine ? there : SIZE_MAX;
}

static void
test_round_trip(size_t length)
{
    static char text[400000];
    static char back[500000];
    size_t frame_length;
    size_t again_length;
    size_t plain_length;

    size_t size = document(text, sizeof(text), length, 3);
    struct message *message = make(text, size);
    const unsigned char *frame = message_deflated_frame(message, &frame_length);
    ok(inflate_frame(frame, frame_length, back, sizeof(back)) == size &&
           memcmp(back, text, size) == 0,
       "%zu bytes come back", size);
    (void)message_frame(message, &plain_length);
    ok(frame_length < plain_length, "%zu bytes become fewer, %zu", plain_length, frame_length);
    ok(message_deflated_frame(message, &again_length) == frame && again_length == frame_length,
       "the same frame is given again");
    message_rele(message);
}

static void
test_is_plain(struct message *message, const char *what)
{
    size_t deflated_length;
    size_t plain_length;
    const void *deflated = message_deflated_frame(message, &deflated_length);
    const void *plain = message_frame(message, &plain_length);

    ok(deflated == plain && deflated_length == plain_length, "%s goes out as it is", what);
    message_rele(message);
}

static void
test_what_does_not_pay(void)
{
    char ack[] =
        "{\"action\":\"message-ack\",\"id\":\"c1-17\",\"target\":{\"id\":\"Uq3mG0sXb1J9a\"}}";
    unsigned char noise[1000];
    uint32_t state = 1;

    test_is_plain(make(ack, sizeof(ack) - 1), "what is short");
    memset(noise, 'x', sizeof(noise));
    test_is_plain(make((char *)noise, 249), "what would shrink, but is short");
    for (size_t i = 0; i < sizeof(noise); i++) {
        state = state * 1664525u + 1013904223u;
        noise[i] = (unsigned char)(state >> 24);
    }
    test_is_plain(make((char *)noise, sizeof(noise)), "what does not shrink");
    memset(noise, 'x', sizeof(noise));
    struct message *frame = message_new_frame(noise, sizeof(noise));
    test_is_plain(frame != NULL ? frame : make("", 0), "a frame that somebody else made");
}

static void
test_joined(void)
{
    static char texts[40][3000];
    static char expected[200000];
    static char back[200000];
    struct message *messages[40];
    size_t length = 0;
    size_t taken = 0;
    size_t frame_length;

    for (unsigned i = 0; i < 40; i++) {
        /* Lengths in which the header has two and four bytes. */
        size_t size = document(texts[i], sizeof(texts[i]), i % 3 == 0 ? 80 : 60 * i, i);
        messages[i] = make(texts[i], size);
        if (i > 0)
            expected[length++] = '\n';
        memcpy(expected + length, texts[i], size);
        length += size;
    }
    struct message *joined = message_new_joined(messages, 40, SIZE_MAX, &taken);
    if (joined == NULL)
        abort();
    const unsigned char *frame = message_deflated_frame(joined, &frame_length);
    ok(taken == 40 && inflate_frame(frame, frame_length, back, sizeof(back)) == length &&
           memcmp(back, expected, length) == 0,
       "joined messages are one frame, a document a line, in their order");
    ok(frame_length < length / 2, "and half as long or less: %zu of %zu", frame_length, length);
    struct message *pair[2] = {joined, messages[0]};
    struct message *twice = message_new_joined(pair, 2, SIZE_MAX, &taken);
    if (twice == NULL)
        abort();
    expected[length++] = '\n';
    size_t first;
    const char *text = message_text(messages[0], &first);
    memcpy(expected + length, text, first);
    frame = message_deflated_frame(twice, &frame_length);
    ok(inflate_frame(frame, frame_length, back, sizeof(back)) == length + first &&
           memcmp(back, expected, length + first) == 0,
       "so are joined ones that are joined once more");
    message_rele(twice);
    message_rele(joined);

    char ping[200] = {(char)0x89, 126, 0, (char)196};
    struct message *control = message_new_frame(ping, sizeof(ping));
    if (control == NULL)
        abort();
    pair[0] = control;
    struct message *mixed = message_new_joined(pair, 2, SIZE_MAX, &taken);
    message_rele(control);
    test_is_plain(mixed != NULL ? mixed : make("", 0), "what a control frame is joined into");
    for (unsigned i = 0; i < 40; i++)
        message_rele(messages[i]);
}

/* A window of more than was promised would be needed if something far back were referred to. */
static void
test_window(void)
{
    static char text[30000];
    static char back[40000];
    size_t frame_length;
    uint32_t state = 7;

    for (size_t i = 0; i < 10000; i++) {
        state = state * 1664525u + 1013904223u;
        text[i] = (char)('!' + (state >> 24) % 90);
    }
    memcpy(text + 10000, text, 10000);
    memset(text + 20000, 'x', 10000);
    struct message *message = make(text, sizeof(text));
    const unsigned char *frame = message_deflated_frame(message, &frame_length);
    ok(inflate_frame(frame, frame_length, back, sizeof(back)) == sizeof(text) &&
           memcmp(back, text, sizeof(text)) == 0,
       "a window of %d bits is enough to inflate", WINDOW_BITS);
    message_rele(message);
}

static const void *
ask(struct message *message)
{
    size_t length;
    return message_deflated_frame(message, &length);
}

static void *
ask_for(void *message)
{
    return (void *)ask(message);
}

static void
test_threads(void)
{
    char text[2000];
    size_t size = document(text, sizeof(text), 1500, 1);
    int different = 0;

    for (int round = 0; round < ROUNDS; round++) {
        struct message *message = make(text, size);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            if (pthread_create(&threads[i], NULL, ask_for, message) != 0)
                abort();
        const void *mine = ask(message);
        for (int i = 0; i < THREADS; i++) {
            void *its = NULL;
            if (pthread_join(threads[i], &its) != 0)
                abort();
            different += its != mine;
        }
        message_rele(message);
    }
    ok(different == 0, "%d threads that ask at once are given one frame", THREADS + 1);
}

int
main(void)
{
    static const size_t lengths[] = {260, 1000, 5000, 65000, 70000, 300000};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
        test_round_trip(lengths[i]);
    test_what_does_not_pay();
    test_joined();
    test_window();
    test_threads();
    return done_testing();
}
