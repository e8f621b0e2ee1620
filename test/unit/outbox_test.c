/* The outbox: order, what a full socket does not take, the limit, and cutting it. */
#include "server/outbox.h"

#include "pubsub/message.h"
#include "test/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT ((size_t)1024 * 1024)

static int ends[2]; /* of a connection: we send on the first one */

static void
connect_ends(void)
{
    int size = 8192;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0 ||
        setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
        abort();
}

static struct message *
numbered(int number, size_t length)
{
    char *text = malloc(length + 1);
    if (text == NULL)
        abort();
    memset(text, 'a' + number % 26, length);
    struct message *message = message_new(text, length, 0);
    if (message == NULL)
        abort();
    free(text);
    return message;
}

static int
send_numbered(struct outbox *outbox, int number, size_t length, size_t limit)
{
    struct message *message = numbered(number, length);
    int error = outbox_send(outbox, ends[0], &message, 1, limit);
    message_rele(message);
    return error;
}

/* Reads everything that is there; returns how many bytes, with the first ones in `data`. */
static size_t
drain(char *data, size_t size)
{
    size_t total = 0;
    ssize_t got;

    while (total < size && (got = read(ends[1], data + total, size - total)) > 0)
        total += (size_t)got;
    return total;
}

static void
test_direct(void)
{
    struct outbox outbox = {0};
    char data[64];

    connect_ends();
    ok(send_numbered(&outbox, 0, 5, LIMIT) == 0 && outbox_is_empty(&outbox),
       "a socket that takes it leaves the outbox empty");
    ok(outbox.ring == NULL, "and without memory");
    ok(drain(data, sizeof(data)) == 7 && memcmp(data,
                                                "\x81\x05"
                                                "aaaaa",
                                                7) == 0,
       "the frame went out");
    close(ends[0]);
    close(ends[1]);
}

/* Many messages of different lengths through a small socket, read in pieces. */
static void
test_order(void)
{
    struct outbox outbox = {0};
    enum { COUNT = 400 };
    static char sent[(size_t)COUNT * 400];
    static char got[sizeof(sent)];
    size_t sent_length = 0;
    size_t got_length = 0;
    bool is_good = true;

    connect_ends();
    for (int i = 0; i < COUNT; i++) {
        size_t length = (size_t)(i * 37) % 390;
        struct message *message = numbered(i, length);
        size_t frame_length;
        const void *frame = message_frame(message, &frame_length);
        memcpy(sent + sent_length, frame, frame_length);
        sent_length += frame_length;
        is_good = is_good && outbox_send(&outbox, ends[0], &message, 1, LIMIT) == 0;
        message_rele(message);
    }
    ok(is_good && !outbox_is_empty(&outbox), "what the socket does not take waits");
    size_t waiting = outbox_bytes(&outbox);
    while (!outbox_is_empty(&outbox)) {
        got_length += drain(got + got_length, 1000);
        is_good = is_good && outbox_flush(&outbox, ends[0]) == 0;
    }
    got_length += drain(got + got_length, sizeof(got) - got_length);
    ok(waiting > 0 && outbox_bytes(&outbox) == 0 && outbox.ring == NULL,
       "once flushed it is empty, and without memory");
    ok(is_good && got_length == sent_length && memcmp(sent, got, sent_length) == 0,
       "every byte arrived, once and in order");
    close(ends[0]);
    close(ends[1]);
}

static void
test_limit(void)
{
    struct outbox outbox = {0};
    int error = 0;
    size_t most = 0;

    connect_ends();
    for (int i = 0; i < 1000 && error == 0; i++) {
        most = outbox_bytes(&outbox);
        error = send_numbered(&outbox, i, 1000, 50000);
    }
    ok(error == -ENOBUFS, "more than the limit is refused");
    ok(most <= 50000 && most > 48000, "and as much as the limit is not");
    outbox_clear(&outbox);
    ok(outbox_bytes(&outbox) == 0 && outbox.ring == NULL, "clearing drops everything");
    close(ends[0]);
    close(ends[1]);

    connect_ends();
    outbox_allow(&outbox, 100000);
    ok(send_numbered(&outbox, 0, 120000, 50000) == 0, "an allowance goes on top of the limit");
    outbox_allow(&outbox, 50000);
    outbox_allow(&outbox, 100000);
    ok(send_numbered(&outbox, 0, 60000, 50000) == -ENOBUFS, "once, however often it is given");
    outbox_clear(&outbox);
    close(ends[0]);
    close(ends[1]);
}

/* A cut outbox ends with a whole frame, behind which a Close can follow. */
static void
test_cut(void)
{
    struct outbox outbox = {0};
    static char data[300000];
    static const char frame[] = {(char)0x88, 0x02, 0x03, (char)0xf5};

    connect_ends();
    for (int i = 0; i < 20; i++)
        (void)send_numbered(&outbox, i, 10000, LIMIT);
    outbox_cut(&outbox);
    ok(outbox.count <= 1 && outbox_bytes(&outbox) < 10004,
       "cutting keeps at most the frame that was begun");
    struct message *close_frame = message_new_frame(frame, sizeof(frame));
    if (close_frame == NULL)
        abort();
    (void)outbox_send(&outbox, ends[0], &close_frame, 1, LIMIT);
    message_rele(close_frame);
    size_t length = 0;
    do {
        length += drain(data + length, sizeof(data) - length);
        (void)outbox_flush(&outbox, ends[0]);
    } while (!outbox_is_empty(&outbox));
    length += drain(data + length, sizeof(data) - length);
    ok((length - sizeof(frame)) % 10004 == 0, "whole frames went out before");
    ok(memcmp(data + length - sizeof(frame), frame, sizeof(frame)) == 0, "and the Close behind");
    close(ends[0]);
    close(ends[1]);
}

static void
test_broken(void)
{
    struct outbox outbox = {0};

    connect_ends();
    close(ends[1]);
    ok(send_numbered(&outbox, 0, 10, LIMIT) == -EPIPE, "a broken connection is an error");
    outbox_clear(&outbox);
    close(ends[0]);
}

/* Compressed frames through a small socket: what is begun goes on as it began. */
static void
test_deflated(void)
{
    struct outbox outbox;
    enum { COUNT = 2000 };
    static char sent[(size_t)COUNT * 600];
    static char got[sizeof(sent)];
    size_t sent_length = 0;
    size_t got_length = 0;
    bool is_good = true;

    connect_ends();
    outbox_init(&outbox, true);
    for (int i = 0; i < COUNT; i++) {
        struct message *message = numbered(i, (size_t)(i * 37) % 590);
        size_t length;
        is_good = is_good && outbox_send(&outbox, ends[0], &message, 1, LIMIT) == 0;
        const void *frame = message_deflated_frame(message, &length);
        memcpy(sent + sent_length, frame, length);
        sent_length += length;
        message_rele(message);
    }
    size_t waiting = outbox_bytes(&outbox);
    got_length = drain(got, 1000);
    for (bool goes_on = true; goes_on;) {
        is_good = is_good && outbox_flush(&outbox, ends[0]) == 0;
        goes_on = !outbox_is_empty(&outbox);
        got_length += drain(got + got_length, goes_on ? 1000 : sizeof(got) - got_length);
    }
    ok(waiting > 0 && waiting < sent_length, "compressed frames are counted by what they have");
    ok(is_good && got_length == sent_length && memcmp(sent, got, sent_length) == 0,
       "compressed frames arrive, once and in order");
    ok(outbox.deflates, "and so will the next ones");
    close(ends[0]);
    close(ends[1]);
}

int
main(void)
{
    test_direct();
    test_order();
    test_limit();
    test_cut();
    test_broken();
    test_deflated();
    return done_testing();
}
