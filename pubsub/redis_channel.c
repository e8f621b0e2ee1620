#include "pubsub/redis_channel.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pubsub/clock.h"
#include "pubsub/descriptor.h"
#include "pubsub/message.h"
#include "pubsub/payload.h"
#include "pubsub/replay.h"

#define BATCH_MAX 256u /* messages that are put into the inbox in one go */

/* [I] immutable, [T] the subscriber's thread only */
struct redis_channel {
    struct channel base;                /* [I] first, so that a struct channel * is this */
    struct redis_bus *bus;              /* [I] */
    int wake;                           /* [I] an eventfd: the inbox has something */
    struct subscription subscription;   /* its topic's mutex */
    struct redis_connection connection; /* [T] */
    struct replay_guard guard;          /* [T] */
    uint64_t times_seen;                /* [T] of connection.times_ready, by is_stale */
    bool is_stale;                      /* [T] -ESTALE is to be returned */
    bool is_counted;                    /* [T] in bus->subscribed */
};

static struct subscription *
subscription_of(struct channel *base)
{
    return &((struct redis_channel *)base)->subscription;
}

void
redis_channel_publish_elsewhere(struct channel *base, struct message *const *messages, size_t count)
{
    struct redis_channel *channel = (struct redis_channel *)base;

    publisher_send(&channel->bus->publisher, subscription_name(&channel->subscription), messages,
                   count);
}

void
redis_channel_publish(struct channel *base, struct message *const *messages, size_t count)
{
    subscription_publish(subscription_of(base), messages, count);
    redis_channel_publish_elsewhere(base, messages, count);
}

void
redis_channel_nudge(struct channel *base)
{
    subscription_nudge(subscription_of(base));
}

void
redis_channel_wait_ready(struct channel *base)
{
    subscription_wait_ready(subscription_of(base));
}

void
redis_channel_stop(struct channel *base)
{
    subscription_stop(subscription_of(base));
}

static void
refuse(struct redis_channel *channel, size_t length)
{
    char detail[PUBSUB_CHANNEL_NAME_SIZE + 64];

    atomic_fetch_add_explicit(&channel->bus->endpoint.invalid, 1, memory_order_relaxed);
    snprintf(detail, sizeof(detail), "channel=%s bytes=%zu",
             subscription_name(&channel->subscription), length);
    redis_log_note(&channel->bus->endpoint.log, NOTE_INVALID, detail);
}

/* Whether the payload is new; if not, it is counted and told. */
static bool
admit(struct redis_channel *channel, const struct payload_reader *payload)
{
    char detail[PUBSUB_CHANNEL_NAME_SIZE + PUBSUB_INSTANCE_MAX + 96];
    int64_t now = clock_wall();

    if (replay_guard_admit(&channel->guard, payload, now))
        return true;
    atomic_fetch_add_explicit(&channel->bus->replayed, 1, memory_order_relaxed);
    snprintf(detail, sizeof(detail), "channel=%s instance=%s number=%" PRIu64 " age-ms=%" PRId64,
             subscription_name(&channel->subscription), payload->instance, payload->number,
             now - payload->time);
    redis_log_note(&channel->bus->endpoint.log, NOTE_REPLAYED, detail);
    return false;
}

/* Puts the messages into the inbox, and gives up the references. */
static void
put(struct redis_channel *channel, struct message **messages, size_t count)
{
    if (count == 0)
        return;
    atomic_fetch_add_explicit(&channel->bus->received, count, memory_order_relaxed);
    subscription_put(&channel->subscription, messages, count);
    for (size_t i = 0; i < count; i++)
        message_rele(messages[i]);
}

/* Takes the messages out of a payload, unless this instance has sent it or it is not new. */
static void
unpack(struct redis_channel *channel, const char *data, size_t data_length)
{
    struct message *messages[BATCH_MAX];
    struct payload_reader reader;
    size_t count = 0;
    size_t length;
    const char *text;
    uint64_t seq;

    if (payload_open(&reader, channel->bus->key, subscription_name(&channel->subscription), data,
                     data_length) != 0) {
        refuse(channel, data_length);
        return;
    }
    if (strcmp(reader.instance, channel->bus->endpoint.instance) == 0 || !admit(channel, &reader))
        return;
    while (payload_next(&reader, &seq, &text, &length)) {
        messages[count] = message_new(text, length, seq);
        if (messages[count] == NULL) {
            /* As if the inbox were full: the subscriber is to look for itself. */
            subscription_nudge(&channel->subscription);
            continue;
        }
        if (++count == BATCH_MAX) {
            put(channel, messages, count);
            count = 0;
        }
    }
    put(channel, messages, count);
}

static void
note_state(struct redis_channel *channel)
{
    bool is_ready = channel->connection.state == REDIS_READY;

    if (channel->times_seen != channel->connection.times_ready) {
        channel->times_seen = channel->connection.times_ready;
        channel->is_stale = true;
    }
    if (is_ready && !channel->is_counted)
        atomic_fetch_add(&channel->bus->subscribed, 1);
    if (!is_ready && channel->is_counted)
        atomic_fetch_sub(&channel->bus->subscribed, 1);
    channel->is_counted = is_ready;
}

/*
 * Waits for the inbox and for Redis until `until`, not at all when that is past, and puts into the
 * inbox what Redis has brought.
 */
static void
attend(struct redis_channel *channel, int64_t until)
{
    struct pollfd wanted[2];
    int64_t due = redis_connection_prepare(&channel->connection, &wanted[1]);
    redisReply *reply;
    int64_t pause = (due < until ? due : until) - clock_now();

    wanted[0] = (struct pollfd){.fd = channel->wake, .events = POLLIN};
    if (poll(wanted, 2, pause < 0 ? 0 : pause < INT_MAX ? (int)pause : INT_MAX) < 0) {
        assert(errno == EINTR || errno == ENOMEM);
        return;
    }
    if (wanted[0].revents != 0) {
        eventfd_t value;
        int error = eventfd_read(channel->wake, &value);
        assert(error == 0 || errno == EAGAIN);
    }
    redis_connection_step(&channel->connection, wanted[1].revents);
    while ((reply = redis_connection_next(&channel->connection)) != NULL) {
        unpack(channel, reply->element[2]->str, reply->element[2]->len);
        freeReplyObject(reply);
    }
    note_state(channel);
}

/* Redis is looked at first, so that local messages cannot keep it waiting for ever. */
int
redis_channel_receive(struct channel *base, struct message **messages, size_t capacity,
                      int timeout_ms)
{
    struct redis_channel *channel = (struct redis_channel *)base;
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : clock_now() + timeout_ms;
    int64_t until = 0;

    for (;;) {
        int result;
        attend(channel, until);
        if (channel->is_stale && !subscription_is_stopped(&channel->subscription)) {
            channel->is_stale = false;
            return -ESTALE;
        }
        result = subscription_take(&channel->subscription, messages, capacity);
        if (result != -EAGAIN)
            return result;
        if (clock_now() >= deadline)
            return 0;
        until = deadline;
    }
}

int
redis_channel_open(struct pubsub *base, const char *name, const char *label, struct channel **out)
{
    struct redis_bus *bus = (struct redis_bus *)base;
    struct redis_channel *channel = calloc(1, sizeof(*channel));
    int error;

    if (channel == NULL)
        return -ENOMEM;
    channel->base.ops = bus->base.ops;
    channel->bus = bus;
    replay_guard_init(&channel->guard, clock_wall());
    channel->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (channel->wake < 0) {
        error = -errno;
        goto free_channel;
    }
    channel->wake = descriptor_move_up(channel->wake);
    error = subscription_begin(&channel->subscription, &bus->topics, name, channel->wake);
    if (error != 0)
        goto close_wake;
    redis_connection_init(&channel->connection, &bus->endpoint,
                          subscription_name(&channel->subscription), label);
    *out = &channel->base;
    return 0;

close_wake:
    close(channel->wake);
free_channel:
    free(channel);
    return error;
}

void
redis_channel_close(struct channel *base)
{
    struct redis_channel *channel = (struct redis_channel *)base;

    redis_connection_close(&channel->connection);
    note_state(channel);
    subscription_end(&channel->subscription, &channel->bus->topics);
    close(channel->wake);
    free(channel);
}
