/* The bus within one process: channels are subscriptions to its topics, and nothing more. */
#include <errno.h>
#include <stdlib.h>

#include "pubsub/backend.h"
#include "pubsub/clock.h"
#include "pubsub/topic.h"

struct local_bus {
    struct pubsub base;   /* first, so that a struct pubsub * is a struct local_bus * */
    struct topics topics; /* its own mutexes */
    int64_t opened;       /* immutable: when, in ms since 1970 */
};

struct local_channel {
    struct channel base;   /* first, as above */
    struct local_bus *bus; /* immutable */
    struct subscription subscription;
};

static struct subscription *
subscription_of(struct channel *base)
{
    return &((struct local_channel *)base)->subscription;
}

static void
local_publish(struct channel *base, struct message *const *messages, size_t count)
{
    subscription_publish(subscription_of(base), messages, count);
}

static int
local_receive(struct channel *base, struct message **messages, size_t capacity, int timeout_ms)
{
    return subscription_receive(subscription_of(base), messages, capacity, timeout_ms);
}

static void
local_nudge(struct channel *base)
{
    subscription_nudge(subscription_of(base));
}

static void
local_wait_ready(struct channel *base)
{
    subscription_wait_ready(subscription_of(base));
}

static void
local_stop(struct channel *base)
{
    subscription_stop(subscription_of(base));
}

static int
local_channel_open(struct pubsub *base, const char *name, const char *label, struct channel **out)
{
    struct local_bus *bus = (struct local_bus *)base;
    struct local_channel *channel = calloc(1, sizeof(*channel));
    int error;

    (void)label;
    if (channel == NULL)
        return -ENOMEM;
    channel->base.ops = bus->base.ops;
    channel->bus = bus;
    error = subscription_begin(&channel->subscription, &bus->topics, name, -1);
    if (error != 0) {
        free(channel);
        return error;
    }
    *out = &channel->base;
    return 0;
}

static void
local_channel_close(struct channel *base)
{
    struct local_channel *channel = (struct local_channel *)base;

    subscription_end(&channel->subscription, &channel->bus->topics);
    free(channel);
}

static void
local_status(struct pubsub *base, struct pubsub_status *status)
{
    struct local_bus *bus = (struct local_bus *)base;
    size_t count = topics_count_subscriptions(&bus->topics);

    *status = (struct pubsub_status){
        .kind = "local",
        .up = true,
        .since = bus->opened,
        .channels = count,
        .subscribed = count,
    };
}

static void
local_close(struct pubsub *base)
{
    struct local_bus *bus = (struct local_bus *)base;

    topics_destroy(&bus->topics);
    free(bus);
}

static const struct pubsub_ops local_ops = {
    .close = local_close,
    .status = local_status,
    .channel_open = local_channel_open,
    .publish = local_publish,
    .receive = local_receive,
    .nudge = local_nudge,
    .wait_ready = local_wait_ready,
    .stop = local_stop,
    .channel_close = local_channel_close,
};

int
pubsub_open_local(struct pubsub **out)
{
    struct local_bus *bus = calloc(1, sizeof(*bus));

    if (bus == NULL)
        return -ENOMEM;
    bus->base.ops = &local_ops;
    topics_init(&bus->topics);
    bus->opened = clock_wall();
    *out = &bus->base;
    return 0;
}
