/* Messages: the frame header at each length where its form changes, and the reference count. */
#include "pubsub/message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/tap.h"

#define HOLDERS 4
#define ROUNDS  20000

/* Builds the header the slow way, to compare with. */
static size_t
expected_header(unsigned char *out, size_t length)
{
    out[0] = 0x81;
    if (length < 126) {
        out[1] = (unsigned char)length;
        return 2;
    }
    if (length < 65536) {
        out[1] = 126;
        out[2] = (unsigned char)(length / 256);
        out[3] = (unsigned char)(length % 256);
        return 4;
    }
    memset(out + 1, 0, 9);
    out[1] = 127;
    for (size_t i = 9, rest = length; rest > 0; i--, rest /= 256)
        out[i] = (unsigned char)(rest % 256);
    return 10;
}

static void
test_length(size_t length)
{
    unsigned char header[10];
    size_t header_length = expected_header(header, length);
    char *text = malloc(length + 1);
    struct message *message;
    const char *frame;
    const char *stored;
    size_t frame_length = 0;
    size_t stored_length = 0;

    if (text == NULL)
        abort();
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + i % 26);
    message = message_new(text, length, length + 7);
    if (message == NULL)
        abort();
    stored = message_text(message, &stored_length);
    frame = message_frame(message, &frame_length);
    ok(stored_length == length && memcmp(stored, text, length) == 0, "%zu bytes: the text", length);
    ok(frame_length == header_length + length && memcmp(frame, header, header_length) == 0,
       "%zu bytes: a header of %zu", length, header_length);
    ok(frame + header_length == stored, "%zu bytes: the header is right in front", length);
    ok(message_seq(message) == length + 7, "%zu bytes: the seq", length);
    text[0] = '!';
    ok(length == 0 || message_text(message, &stored_length)[0] == 'a', "%zu bytes: a copy", length);
    message_rele(message);

    char *to_write;
    message = message_new_unwritten(length, 3, &to_write);
    if (message == NULL)
        abort();
    memset(to_write, 'w', length);
    stored = message_text(message, &stored_length);
    frame = message_frame(message, &frame_length);
    ok(stored == to_write && stored_length == length && message_seq(message) == 3 &&
           frame_length == header_length + length && memcmp(frame, header, header_length) == 0,
       "%zu bytes: the same where the caller writes the text", length);
    message_rele(message);
    free(text);
}

static void *
hold_and_release(void *argument)
{
    struct message *message = argument;
    size_t length;

    for (int i = 0; i < ROUNDS; i++) {
        struct message *held = message_hold(message);
        if (message_text(held, &length)[0] != 'x')
            return NULL;
        message_rele(held);
    }
    message_rele(message);
    return argument;
}

/* Under the sanitizers a wrong count is a leak, a use after the free, or a race. */
static void
test_references(void)
{
    struct message *message = message_new("x", 1, 0);
    pthread_t threads[HOLDERS];
    int fine = 0;

    if (message == NULL)
        abort();
    ok(message_hold(message) == message, "a hold returns the message");
    message_rele(message);
    for (int i = 0; i < HOLDERS; i++)
        if (pthread_create(&threads[i], NULL, hold_and_release, message_hold(message)) != 0)
            abort();
    message_rele(message);
    for (int i = 0; i < HOLDERS; i++) {
        void *result = NULL;
        if (pthread_join(threads[i], &result) != 0)
            abort();
        fine += result != NULL;
    }
    ok(fine == HOLDERS, "%d threads shared one message", HOLDERS);
}

int
main(void)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, 65537, 1000000};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
        test_length(lengths[i]);
    test_references();
    ok(message_new("x", SIZE_MAX - 4, 0) == NULL, "a length that cannot be is refused");
    return done_testing();
}
