/*
 * The publisher: one thread that sends what all channels publish over one connection, many commands
 * at a time. Internal to pubsub/. Whoever publishes never waits for it: what it cannot send soon is
 * dropped, and counted.
 */
#ifndef PUBSUB_REDIS_PUBLISHER_H
#define PUBSUB_REDIS_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "pubsub/payload.h"
#include "pubsub/pubsub.h"
#include "pubsub/redis_connection.h"
#include "pubsub/redis_queue.h"

#define PUBLISHER_COMMANDS 512u /* that are under way, at most */

struct message;

/* [I] immutable, [a] atomic, [T] the publisher's thread only */
struct redis_publisher {
    struct redis_endpoint *endpoint;        /* [I] */
    const unsigned char *key;               /* [I] */
    int wake;                               /* [I] an eventfd */
    pthread_t thread;                       /* [I] */
    struct redis_queue queue;               /* its own mutex; open when the connection is ready */
    atomic_bool is_stopping;                /* [a] */
    atomic_ullong published;                /* [a] messages */
    atomic_ullong dropped;                  /* [a] messages */
    struct redis_connection connection;     /* [T] */
    struct payload payload;                 /* [T] what is being put together */
    uint64_t number;                        /* [T] of the payload that was begun last */
    char channel[PUBSUB_CHANNEL_NAME_SIZE]; /* [T] whose it is */
    size_t counts[PUBLISHER_COMMANDS];      /* [T] messages in the commands under way: a ring */
    size_t first;                           /* [T] the oldest of them */
    size_t commands;                        /* [T] their number */
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
