#include "pubsub/topic.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/lock.h"
#include "pubsub/pubsub.h"

/* [I] immutable, [b] the topics' mutex, [t] the own mutex */
struct topic {
    char name[PUBSUB_CHANNEL_NAME_SIZE];                  /* [I] */
    pthread_mutex_t mutex;                                /* [I] */
    LIST_HEAD(subscription_list, subscription) listeners; /* [t] changed with [b] held as well */
};

void
topics_init(struct topics *topics)
{
    *topics = (struct topics){0};
    must(pthread_mutex_init(&topics->mutex, NULL));
}

void
topics_destroy(struct topics *topics)
{
    assert(topics->tree == NULL && topics->subscriptions == 0);
    must(pthread_mutex_destroy(&topics->mutex));
}

size_t
topics_count_subscriptions(struct topics *topics)
{
    size_t count;

    mutex_lock(&topics->mutex);
    count = topics->subscriptions;
    mutex_unlock(&topics->mutex);
    return count;
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
    LIST_INIT(&topic->listeners);
    return topic;
}

static void
topic_free(struct topic *topic)
{
    must(pthread_mutex_destroy(&topic->mutex));
    free(topic);
}

int
subscription_begin(struct subscription *subscription, struct topics *topics, const char *name,
                   int wake)
{
    struct topic *fresh = topic_new(name);
    struct topic **found;

    if (fresh == NULL)
        return -ENOMEM;
    inbox_init(&subscription->inbox, wake);
    mutex_lock(&topics->mutex);
    found = tsearch(fresh, &topics->tree, compare_topics);
    if (found != NULL) {
        subscription->topic = *found;
        topics->subscriptions++;
        mutex_lock(&subscription->topic->mutex);
        LIST_INSERT_HEAD(&subscription->topic->listeners, subscription, siblings);
        mutex_unlock(&subscription->topic->mutex);
    }
    mutex_unlock(&topics->mutex);
    if (found == NULL || subscription->topic != fresh)
        topic_free(fresh);
    if (found == NULL)
        inbox_destroy(&subscription->inbox);
    return found == NULL ? -ENOMEM : 0;
}

void
subscription_end(struct subscription *subscription, struct topics *topics)
{
    struct topic *topic = subscription->topic;
    bool is_last;

    mutex_lock(&topics->mutex);
    topics->subscriptions--;
    mutex_lock(&topic->mutex);
    LIST_REMOVE(subscription, siblings);
    is_last = LIST_EMPTY(&topic->listeners);
    mutex_unlock(&topic->mutex);
    if (is_last) {
        const void *parent = tdelete(topic, &topics->tree, compare_topics);
        assert(parent != NULL);
    }
    mutex_unlock(&topics->mutex);
    if (is_last)
        topic_free(topic);
    inbox_destroy(&subscription->inbox);
}

const char *
subscription_name(const struct subscription *subscription)
{
    return subscription->topic->name;
}

void
subscription_publish(struct subscription *subscription, struct message *const *messages,
                     size_t count)
{
    struct topic *topic = subscription->topic;
    struct subscription *listener;

    mutex_lock(&topic->mutex);
    for (listener = LIST_FIRST(&topic->listeners); listener != NULL;
         listener = LIST_NEXT(listener, siblings))
        inbox_put(&listener->inbox, messages, count);
    mutex_unlock(&topic->mutex);
}

void
subscription_put(struct subscription *subscription, struct message *const *messages, size_t count)
{
    mutex_lock(&subscription->topic->mutex);
    inbox_put(&subscription->inbox, messages, count);
    mutex_unlock(&subscription->topic->mutex);
}

bool
subscription_is_stopped(struct subscription *subscription)
{
    bool is_stopped;

    mutex_lock(&subscription->topic->mutex);
    is_stopped = subscription->inbox.stopped;
    mutex_unlock(&subscription->topic->mutex);
    return is_stopped;
}

int
subscription_take(struct subscription *subscription, struct message **messages, size_t capacity)
{
    int result;

    mutex_lock(&subscription->topic->mutex);
    result = inbox_take(&subscription->inbox, messages, capacity);
    mutex_unlock(&subscription->topic->mutex);
    return result;
}

int
subscription_receive(struct subscription *subscription, struct message **messages, size_t capacity,
                     int timeout_ms)
{
    pthread_mutex_t *mutex = &subscription->topic->mutex;
    int result;

    mutex_lock(mutex);
    result = inbox_receive(&subscription->inbox, mutex, messages, capacity, timeout_ms);
    mutex_unlock(mutex);
    return result;
}

void
subscription_nudge(struct subscription *subscription)
{
    mutex_lock(&subscription->topic->mutex);
    inbox_nudge(&subscription->inbox);
    mutex_unlock(&subscription->topic->mutex);
}

void
subscription_wait_ready(struct subscription *subscription)
{
    mutex_lock(&subscription->topic->mutex);
    inbox_wait_ready(&subscription->inbox, &subscription->topic->mutex);
    mutex_unlock(&subscription->topic->mutex);
}

void
subscription_stop(struct subscription *subscription)
{
    mutex_lock(&subscription->topic->mutex);
    inbox_stop(&subscription->inbox);
    mutex_unlock(&subscription->topic->mutex);
}
