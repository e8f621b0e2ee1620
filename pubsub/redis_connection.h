/*
 * A connection to Redis that never blocks, and that connects again by itself: a state machine in
 * its owner's poll loop. Internal to pubsub/. One thread at a time may use it.
 *
 *     waiting ── connecting ── greeting ── ready
 *        └────────────┴───────────┴── lost ──┘
 */
#ifndef PUBSUB_REDIS_CONNECTION_H
#define PUBSUB_REDIS_CONNECTION_H

#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pubsub/pubsub.h"
#include "pubsub/redis_address.h"
#include "pubsub/redis_greeting.h"
#include "pubsub/redis_log.h"
#include "pubsub/redis_url.h"

#define REDIS_NAME_SIZE 192 /* of a connection's name in CLIENT LIST, with its NUL */

/* The Redis, as all connections of a bus see it. [I] immutable, [a] atomic */
struct redis_endpoint {
    struct redis_url url;                   /* [I] the password included */
    char instance[PUBSUB_INSTANCE_MAX + 1]; /* [I] */
    struct redis_addresses *addresses;      /* its own mutex */
    struct redis_log log;                   /* its own mutex */
    atomic_ullong reconnects;               /* [a] */
    atomic_ullong invalid;                  /* [a] payloads that were refused */
};

enum redis_state { REDIS_WAITING, REDIS_CONNECTING, REDIS_GREETING, REDIS_READY };

/* Members are private to redis_connection.c but for `state` and `times_ready`. */
struct redis_connection {
    enum redis_state state;
    uint64_t times_ready; /* how often it has become ready */
    struct redis_endpoint *endpoint;
    const char *channel; /* to subscribe to, or NULL */
    char name[REDIS_NAME_SIZE];
    redisContext *context; /* NULL when waiting */
    struct redis_address address;
    struct redis_greeting greeting;
    enum redis_trouble trouble;
    unsigned failures;   /* since it last worked for a while */
    unsigned unanswered; /* commands, when ready */
    bool is_pinged;      /* the next reply is that of a PING */
    bool write_failed;   /* reading tells why */
    int64_t deadline;    /* waiting: when to connect; connecting and greeting: when to give up */
    int64_t since;       /* when it became ready */
    int64_t heard;       /* when something was last received */
    int64_t asked;       /* when the first unanswered command was given */
};

/* Sets it up to connect at once. `channel` stays the caller's; `label` ends its name. */
void redis_connection_init(struct redis_connection *connection, struct redis_endpoint *endpoint,
                           const char *channel, const char *label);

void redis_connection_close(struct redis_connection *connection);

/* Sets `wanted` up for poll(2), and returns the time (clock_now) to make a step at the latest. */
int64_t redis_connection_prepare(const struct redis_connection *connection, struct pollfd *wanted);

/* Does what is due, with what poll(2) has returned for `wanted`. */
void redis_connection_step(struct redis_connection *connection, short events);

/*
 * The next thing received, when ready: messages of the channel, or without a channel the replies to
 * what was sent. The caller frees it by freeReplyObject. NULL: no more for now, or it is lost.
 */
redisReply *redis_connection_next(struct redis_connection *connection);

/* Appends a command to what the next step writes. Errors: -ENOMEM, -ENOTCONN (not ready). */
int redis_connection_send(struct redis_connection *connection, int count, const char **words,
                          const size_t *lengths);

/* Bytes that are still to be written. */
size_t redis_connection_unwritten(const struct redis_connection *connection);

#endif
