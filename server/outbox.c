#include "server/outbox.h"

#include "pubsub/message.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define VECTOR_MAX   256 /* frames of one call; below IOV_MAX */
#define CAPACITY_MIN 8

_Static_assert(VECTOR_MAX <= IOV_MAX, "one call takes the vector");

static struct message *
at(const struct outbox *outbox, uint32_t index)
{
    return outbox->ring[(outbox->first + index) & (outbox->capacity - 1)];
}

/* What the socket is sent of a message. */
static const void *
frame(const struct outbox *outbox, struct message *message, size_t *length)
{
    return outbox->deflates ? message_deflated_frame(message, length)
                            : message_frame(message, length);
}

static size_t
frame_length(const struct outbox *outbox, struct message *message)
{
    size_t length;
    (void)frame(outbox, message, &length);
    return length;
}

void
outbox_init(struct outbox *outbox, bool deflates)
{
    *outbox = (struct outbox){.deflates = deflates};
}

void
outbox_allow(struct outbox *outbox, size_t bytes)
{
    if (outbox->allowance < bytes)
        outbox->allowance = bytes;
}

static int
grow(struct outbox *outbox)
{
    uint32_t capacity = outbox->capacity > 0 ? outbox->capacity * 2 : CAPACITY_MIN;
    struct message **ring = malloc(capacity * sizeof(struct message *));
    if (ring == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < outbox->count; i++)
        ring[i] = at(outbox, i);
    free(outbox->ring);
    outbox->ring = ring;
    outbox->capacity = capacity;
    outbox->first = 0;
    return 0;
}

/* Keeps a message of which the socket has `sent` bytes: not 0 only where nothing waits before it. */
static int
keep(struct outbox *outbox, struct message *message, size_t sent)
{
    if (outbox->count == outbox->capacity) {
        int error = grow(outbox);
        if (error != 0)
            return error;
    }
    assert(sent == 0 || outbox->count == 0);
    if (outbox->count == 0)
        outbox->sent = (uint32_t)sent;
    outbox->ring[(outbox->first + outbox->count) & (outbox->capacity - 1)] = message_hold(message);
    outbox->count++;
    outbox->bytes += frame_length(outbox, message) - sent;
    return 0;
}

/* Sends up to VECTOR_MAX parts; returns the bytes taken, 0 when it takes none, or a -errno. */
static ssize_t
send_parts(int socket, struct iovec *parts, size_t count)
{
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t taken;

    do {
        taken = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (taken < 0 && errno == EINTR);
    if (taken >= 0)
        return taken;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -errno;
}

/*
 * Sends without an outbox. *done becomes the number of messages that went out whole, *part the
 * bytes of the next one that did.
 */
static int
send_directly(const struct outbox *outbox, int socket, struct message *const *messages,
              size_t count, size_t *done, size_t *part)
{
    *done = 0;
    *part = 0;
    while (*done < count) {
        struct iovec parts[VECTOR_MAX];
        size_t part_count = count - *done < VECTOR_MAX ? count - *done : VECTOR_MAX;
        size_t total = 0;
        for (size_t i = 0; i < part_count; i++) {
            parts[i].iov_base = (void *)frame(outbox, messages[*done + i], &parts[i].iov_len);
            total += parts[i].iov_len;
        }
        ssize_t taken = send_parts(socket, parts, part_count);
        if (taken < 0)
            return (int)taken;
        size_t left = (size_t)taken;
        for (size_t i = 0; i < part_count && left >= parts[i].iov_len; i++, (*done)++)
            left -= parts[i].iov_len;
        *part = left;
        if ((size_t)taken < total)
            return 0;
    }
    return 0;
}

int
outbox_send(struct outbox *outbox, int socket, struct message *const *messages, size_t count,
            size_t limit)
{
    size_t done = 0;
    size_t part = 0;
    int error = 0;

    if (outbox->count == 0)
        error = send_directly(outbox, socket, messages, count, &done, &part);
    for (; done < count && error == 0; done++) {
        error = keep(outbox, messages[done], part);
        /* Nothing sensible can follow a part of a frame. */
        if (error != 0 && part > 0)
            error = -ECONNABORTED;
        part = 0;
    }
    if (error == 0 && outbox->bytes > limit + outbox->allowance)
        error = -ENOBUFS;
    if (outbox->count == 0)
        outbox->allowance = 0;
    return error;
}

/* Drops the first message. */
static void
drop_first(struct outbox *outbox)
{
    struct message *message = at(outbox, 0);

    outbox->bytes -= frame_length(outbox, message) - outbox->sent;
    outbox->sent = 0;
    outbox->first = (outbox->first + 1) & (outbox->capacity - 1);
    outbox->count--;
    message_rele(message);
}

/* Points the parts at what waits first; returns how many they are, at least one. */
static size_t
gather(const struct outbox *outbox, struct iovec parts[VECTOR_MAX])
{
    size_t count = outbox->count < VECTOR_MAX ? outbox->count : VECTOR_MAX;

    size_t length;
    const char *first = frame(outbox, at(outbox, 0), &length);
    parts[0].iov_base = (void *)(first + outbox->sent);
    parts[0].iov_len = length - outbox->sent;
    for (size_t i = 1; i < count; i++)
        parts[i].iov_base = (void *)frame(outbox, at(outbox, (uint32_t)i), &parts[i].iov_len);
    return count;
}

int
outbox_flush(struct outbox *outbox, int socket)
{
    while (outbox->count > 0) {
        struct iovec parts[VECTOR_MAX];
        size_t part_count = gather(outbox, parts);
        ssize_t taken = send_parts(socket, parts, part_count);
        if (taken <= 0)
            return (int)taken;
        size_t left = (size_t)taken;
        for (size_t i = 0; i < part_count && left >= parts[i].iov_len; i++) {
            left -= parts[i].iov_len;
            drop_first(outbox);
        }
        outbox->sent += (uint32_t)left;
        outbox->bytes -= left;
    }
    outbox_clear(outbox);
    return 0;
}

void
outbox_cut(struct outbox *outbox)
{
    uint32_t kept = outbox->sent > 0 ? 1 : 0;

    while (outbox->count > kept) {
        struct message *last = at(outbox, outbox->count - 1);
        outbox->bytes -= frame_length(outbox, last);
        outbox->count--;
        message_rele(last);
    }
}

void
outbox_clear(struct outbox *outbox)
{
    while (outbox->count > 0)
        drop_first(outbox);
    free(outbox->ring);
    outbox_init(outbox, outbox->deflates);
}
