/* The interface of the bus, whichever implementation stands behind it. */
#include "pubsub/pubsub.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "pubsub/backend.h"

void
pubsub_close(struct pubsub **pubsub)
{
    struct pubsub *closing = *pubsub;

    *pubsub = NULL;
    if (closing != NULL)
        closing->ops->close(closing);
}

void
pubsub_status(struct pubsub *pubsub, struct pubsub_status *status)
{
    pubsub->ops->status(pubsub, status);
}

int
pubsub_channel_open(struct pubsub *pubsub, const char *name, const char *label,
                    struct channel **out)
{
    if (strnlen(name, PUBSUB_CHANNEL_NAME_SIZE) == PUBSUB_CHANNEL_NAME_SIZE)
        return -ENAMETOOLONG;
    return pubsub->ops->channel_open(pubsub, name, label, out);
}

void
channel_publish(struct channel *channel, struct message *const *messages, size_t count)
{
    if (count > 0)
        channel->ops->publish(channel, messages, count);
}

void
channel_publish_elsewhere(struct channel *channel, struct message *const *messages, size_t count)
{
    if (count > 0 && channel->ops->publish_elsewhere != NULL)
        channel->ops->publish_elsewhere(channel, messages, count);
}

int
channel_receive(struct channel *channel, struct message **messages, size_t capacity, int timeout_ms)
{
    assert(capacity > 0);
    return channel->ops->receive(channel, messages, capacity, timeout_ms);
}

void
channel_nudge(struct channel *channel)
{
    channel->ops->nudge(channel);
}

void
channel_wait_ready(struct channel *channel)
{
    channel->ops->wait_ready(channel);
}

void
channel_stop(struct channel *channel)
{
    channel->ops->stop(channel);
}

void
channel_close(struct channel **channel)
{
    struct channel *closing = *channel;

    *channel = NULL;
    if (closing != NULL)
        closing->ops->channel_close(closing);
}
