/*
 * The publisher: one thread that sends what all channels publish over one connection, many commands
 * at a time. Internal to pubsub/. Whoever publishes never waits for it: what it cannot send soon is
 * dropped, and counted.
 */
#ifndef PUBSUB_REDIS_PUBLISHER_H
#define PUBSUB_REDIS_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "pubsub/payload.h"
#include "pubsub/pubsub.h"
#include "pubsub/redis_connection.h"

#define PUBLISHER_COMMANDS 512u /* that are under way at most */

struct message;
struct parcel;

/* [I] immutable, [m] own mutex, [a] atomic, [T] the publisher's thread only */
struct redis_publisher {
    struct redis_endpoint *endpoint;        /* [I] */
    const unsigned char *key;               /* [I] */
    int wake;                               /* [I] an eventfd */
    pthread_t thread;                       /* [I] */
    pthread_mutex_t mutex;                  /* [I] */
    STAILQ_HEAD(parcel_list, parcel) list;  /* [m] what is to be sent */
    size_t queued;                          /* [m] messages in `list` */
    size_t queued_bytes;                    /* [m] of their texts */
    bool is_up;                             /* [m] the connection is ready: `list` is filled */
    bool is_waiting;                        /* [m] for `list` to be filled, and not signalled yet */
    bool is_stopping;                       /* [m] */
    int64_t since;                          /* [m] when `is_up` became what it is, ms since 1970 */
    atomic_ullong published;                /* [a] */
    atomic_ullong dropped;                  /* [a] */
    struct redis_connection connection;     /* [T] */
    struct payload payload;                 /* [T] what is being put together */
    char channel[PUBSUB_CHANNEL_NAME_SIZE]; /* [T] whose it is */
    size_t counts[PUBLISHER_COMMANDS];      /* [T] messages in each command under way: a ring */
    size_t first;                           /* [T] the oldest of `counts` */
    size_t commands;                        /* [T] in `counts` */
};

/* Starts the thread. `key` stays the caller's. Errors: -EMFILE, -ENFILE, -EAGAIN, -ENOMEM. */
int publisher_start(struct redis_publisher *publisher, struct redis_endpoint *endpoint,
                    const unsigned char *key);

/* Ends it: at once, or when what is queued is sent if that takes less than half a second. */
void publisher_stop(struct redis_publisher *publisher);

/* Queues the messages, with references of its own, or drops them. Any thread; never blocks. */
void publisher_send(struct redis_publisher *publisher, const char *channel,
                    struct message *const *messages, size_t count);

/* Fills in the members of *status that are about sending. Any thread; blocks briefly. */
void publisher_status(struct redis_publisher *publisher, struct pubsub_status *status);

#endif
