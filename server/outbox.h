/*
 * An outbox: what a socket did not take at once, in order, until it does. It holds the messages
 * themselves, which all clients share, and no memory while it is empty.
 *
 * One thread at a time (the client's lock); nothing here blocks.
 */
#ifndef SERVER_OUTBOX_H
#define SERVER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;

/* All zero: an empty one, of plain frames. Members are private to outbox.c. */
struct outbox {
    struct message **ring; /* of `capacity` places, a power of two, or NULL */
    uint32_t capacity;
    uint32_t first; /* place of the first message */
    uint32_t count : 31;
    uint32_t deflates : 1; /* the frames are message_deflated_frame's */
    uint32_t sent;         /* bytes of the first message's frame that the socket has */
    size_t bytes;          /* that wait */
    size_t allowance;      /* bytes that may wait on top of the limit, until it is empty again */
};

/* Makes it an empty one, which sends compressed frames if it `deflates`. */
void outbox_init(struct outbox *outbox, bool deflates);

static inline bool
outbox_is_empty(const struct outbox *outbox)
{
    return outbox->count == 0;
}

/* How many bytes wait. */
static inline size_t
outbox_bytes(const struct outbox *outbox)
{
    return outbox->bytes;
}

/*
 * Lets `bytes` more wait than the limit says, until the outbox is empty; of several such numbers the
 * largest one counts.
 */
void outbox_allow(struct outbox *outbox, size_t bytes);

/*
 * Sends the messages on the non-blocking socket, behind what waits already, in one call where
 * nothing does, and keeps what it does not take, with references of its own. Returns 0, -ENOBUFS
 * when more than `limit` bytes would wait, -ENOMEM, -ECONNABORTED when it cannot keep the rest of a
 * frame, or the socket's error. After an error the
 * outbox is to be cut.
 */
int outbox_send(struct outbox *outbox, int socket, struct message *const *messages, size_t count,
                size_t limit);

/* Sends what waits, as far as the socket takes it. Returns 0, or the socket's error. */
int outbox_flush(struct outbox *outbox, int socket);

/*
 * Drops what waits, but for the rest of a frame of which the socket has a part already, so that
 * a Close frame can follow it.
 */
void outbox_cut(struct outbox *outbox);

/* Drops everything. */
void outbox_clear(struct outbox *outbox);

#endif
