/*
 * The bus within one process: all channels of one name share a topic, and publishing puts the
 * messages into the inbox of each of them.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "pubsub/backend.h"
#include "pubsub/inbox.h"

/* [I] immutable, [b] the bus's mutex, [t] the topic's mutex. Order: bus, topic. */

struct bus {
    struct pubsub base;    /* [I] first, so that a struct pubsub * is a struct bus * */
    pthread_mutex_t mutex; /* [I] */
    void *topics;          /* [b] a tsearch tree of struct topic by name */
};

/* All channels of one name. It lives as long as it has one, so a channel may always use its own. */
struct topic {
    char name[PUBSUB_CHANNEL_NAME_SIZE];             /* [I] */
    pthread_mutex_t mutex;                           /* [I] */
    LIST_HEAD(channel_list, local_channel) channels; /* [t] changed with [b] held as well */
};

struct local_channel {
    struct channel base;                /* [I] first, as above */
    struct bus *bus;                    /* [I] */
    struct topic *topic;                /* [I] */
    LIST_ENTRY(local_channel) siblings; /* [t] */
    struct inbox inbox;                 /* [t] */
};

static void
lock(pthread_mutex_t *mutex)
{
    must(pthread_mutex_lock(mutex));
}

static void
unlock(pthread_mutex_t *mutex)
{
    must(pthread_mutex_unlock(mutex));
}

static void
local_publish(struct channel *base, struct message *const *messages, size_t count)
{
    struct topic *topic = ((struct local_channel *)base)->topic;
    struct local_channel *channel;

    lock(&topic->mutex);
    for (channel = LIST_FIRST(&topic->channels); channel != NULL;
         channel = LIST_NEXT(channel, siblings))
        inbox_put(&channel->inbox, messages, count);
    unlock(&topic->mutex);
}

static int
local_receive(struct channel *base, struct message **messages, size_t capacity, int timeout_ms)
{
    struct local_channel *channel = (struct local_channel *)base;
    pthread_mutex_t *mutex = &channel->topic->mutex;
    int result;

    lock(mutex);
    result = inbox_receive(&channel->inbox, mutex, messages, capacity, timeout_ms);
    unlock(mutex);
    return result;
}

static void
local_nudge(struct channel *base)
{
    struct local_channel *channel = (struct local_channel *)base;

    lock(&channel->topic->mutex);
    inbox_nudge(&channel->inbox);
    unlock(&channel->topic->mutex);
}

static void
local_wait_ready(struct channel *base)
{
    struct local_channel *channel = (struct local_channel *)base;

    lock(&channel->topic->mutex);
    inbox_wait_ready(&channel->inbox, &channel->topic->mutex);
    unlock(&channel->topic->mutex);
}

static void
local_stop(struct channel *base)
{
    struct local_channel *channel = (struct local_channel *)base;

    lock(&channel->topic->mutex);
    inbox_stop(&channel->inbox);
    unlock(&channel->topic->mutex);
}

static int
compare_topics(const void *a, const void *b)
{
    return strcmp(((const struct topic *)a)->name, ((const struct topic *)b)->name);
}

static struct topic *
topic_new(const char *name)
{
    struct topic *topic = calloc(1, sizeof(*topic));

    if (topic == NULL)
        return NULL;
    memcpy(topic->name, name, strlen(name) + 1);
    must(pthread_mutex_init(&topic->mutex, NULL));
    LIST_INIT(&topic->channels);
    return topic;
}

static void
topic_free(struct topic *topic)
{
    if (topic == NULL)
        return;
    must(pthread_mutex_destroy(&topic->mutex));
    free(topic);
}

static struct local_channel *
channel_new(struct bus *bus)
{
    struct local_channel *channel = calloc(1, sizeof(*channel));

    if (channel == NULL)
        return NULL;
    channel->base.ops = bus->base.ops;
    channel->bus = bus;
    inbox_init(&channel->inbox);
    return channel;
}

static void
channel_free(struct local_channel *channel)
{
    if (channel == NULL)
        return;
    inbox_destroy(&channel->inbox);
    free(channel);
}

/* Adds the channel to the topic of its name; `fresh` becomes that if there is none. */
static int
subscribe(struct bus *bus, struct local_channel *channel, struct topic *fresh)
{
    struct topic **found;

    lock(&bus->mutex);
    found = tsearch(fresh, &bus->topics, compare_topics);
    if (found != NULL) {
        channel->topic = *found;
        lock(&channel->topic->mutex);
        LIST_INSERT_HEAD(&channel->topic->channels, channel, siblings);
        unlock(&channel->topic->mutex);
    }
    unlock(&bus->mutex);
    return found == NULL ? -ENOMEM : 0;
}

static int
local_channel_open(struct pubsub *base, const char *name, struct channel **out)
{
    struct bus *bus = (struct bus *)base;
    struct local_channel *channel = channel_new(bus);
    struct topic *topic = topic_new(name);
    int error = channel == NULL || topic == NULL ? -ENOMEM : subscribe(bus, channel, topic);

    if (error != 0) {
        channel_free(channel);
        topic_free(topic);
        return error;
    }
    if (channel->topic != topic)
        topic_free(topic);
    *out = &channel->base;
    return 0;
}

static void
local_channel_close(struct channel *base)
{
    struct local_channel *channel = (struct local_channel *)base;
    struct bus *bus = channel->bus;
    struct topic *topic = channel->topic;
    bool last;

    lock(&bus->mutex);
    lock(&topic->mutex);
    LIST_REMOVE(channel, siblings);
    last = LIST_EMPTY(&topic->channels);
    unlock(&topic->mutex);
    if (last) {
        const void *parent = tdelete(topic, &bus->topics, compare_topics);
        assert(parent != NULL);
    }
    unlock(&bus->mutex);
    if (last)
        topic_free(topic);
    channel_free(channel);
}

static void
local_close(struct pubsub *base)
{
    struct bus *bus = (struct bus *)base;

    assert(bus->topics == NULL);
    must(pthread_mutex_destroy(&bus->mutex));
    free(bus);
}

static const struct pubsub_ops local_ops = {
    .close = local_close,
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
    struct bus *bus = calloc(1, sizeof(*bus));

    if (bus == NULL)
        return -ENOMEM;
    bus->base.ops = &local_ops;
    must(pthread_mutex_init(&bus->mutex, NULL));
    *out = &bus->base;
    return 0;
}
