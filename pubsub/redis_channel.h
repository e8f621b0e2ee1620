/*
 * A channel of the Redis bus: its inbox, and the connection that subscribes to its name. Internal
 * to pubsub/.
 */
#ifndef PUBSUB_REDIS_CHANNEL_H
#define PUBSUB_REDIS_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "pubsub/backend.h"
#include "pubsub/redis_connection.h"
#include "pubsub/redis_publisher.h"
#include "pubsub/topic.h"

/* [I] immutable, [a] atomic */
struct redis_bus {
    struct pubsub base;                 /* [I] first, so that a struct pubsub * is a redis_bus * */
    unsigned char key[PUBSUB_KEY_SIZE]; /* [I] */
    struct topics topics;               /* its own mutexes */
    struct redis_endpoint endpoint;     /* [I] but for what has its own protection */
    struct redis_publisher publisher;   /* its own mutex */
    atomic_ullong received;             /* [a] messages of other instances */
    atomic_ullong replayed;             /* [a] payloads that were not new */
    atomic_size_t subscribed;           /* [a] channels with a ready connection */
};

/* Implementations of the functions of struct pubsub_ops. */
int redis_channel_open(struct pubsub *base, const char *name, const char *label,
                       struct channel **out);
void redis_channel_close(struct channel *base);
void redis_channel_publish(struct channel *base, struct message *const *messages, size_t count);
void redis_channel_publish_elsewhere(struct channel *base, struct message *const *messages,
                                     size_t count);
int redis_channel_receive(struct channel *base, struct message **messages, size_t capacity,
                          int timeout_ms);
void redis_channel_nudge(struct channel *base);
void redis_channel_wait_ready(struct channel *base);
void redis_channel_stop(struct channel *base);

#endif
