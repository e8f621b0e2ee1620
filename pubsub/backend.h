/*
 * What an implementation of the bus provides. It embeds struct pubsub and struct channel as the
 * first members of its own structs and sets their `ops`; pubsub.c dispatches by them. Each function
 * keeps the contract of its namesake in pubsub.h. Internal to pubsub/.
 */
#ifndef PUBSUB_BACKEND_H
#define PUBSUB_BACKEND_H

#include <stddef.h>

#include "pubsub/pubsub.h"

struct pubsub_ops {
    void (*close)(struct pubsub *pubsub); /* frees it */
    void (*status)(struct pubsub *pubsub, struct pubsub_status *status);
    /* `name` is known to fit into PUBSUB_CHANNEL_NAME_SIZE; sets the new channel's `ops`. */
    int (*channel_open)(struct pubsub *pubsub, const char *name, const char *label,
                        struct channel **out);
    void (*publish)(struct channel *channel, struct message *const *messages, size_t count);
    /* NULL: there is nobody elsewhere. */
    void (*publish_elsewhere)(struct channel *channel, struct message *const *messages,
                              size_t count);
    int (*receive)(struct channel *channel, struct message **messages, size_t capacity,
                   int timeout_ms);
    void (*nudge)(struct channel *channel);
    void (*wait_ready)(struct channel *channel);
    void (*stop)(struct channel *channel);
    void (*channel_close)(struct channel *channel); /* frees it */
};

struct pubsub {
    const struct pubsub_ops *ops; /* immutable */
};

struct channel {
    const struct pubsub_ops *ops; /* immutable */
};

#endif
