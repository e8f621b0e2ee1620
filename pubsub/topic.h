/*
 * Who in this process listens to what: all subscriptions of one name share a topic, and publishing
 * puts the messages into the inbox of each of them. Internal to pubsub/; every implementation of
 * the bus delivers within the process by this.
 *
 * Any thread may call these, but for what pubsub.h leaves to the subscriber.
 */
#ifndef PUBSUB_TOPIC_H
#define PUBSUB_TOPIC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "pubsub/inbox.h"

struct message;
struct topic;

/* [I] immutable, [b] the topics' mutex, [t] the topic's mutex. Order: topics, topic. */

/* All topics of a bus. */
struct topics {
    pthread_mutex_t mutex; /* [I] */
    void *tree;            /* [b] a tsearch tree of struct topic by name */
    size_t subscriptions;  /* [b] */
};

/* One channel's place in its topic, which lives as long as it has a subscription. */
struct subscription {
    struct topic *topic;               /* [I] */
    LIST_ENTRY(subscription) siblings; /* [t] changed with [b] held as well */
    struct inbox inbox;                /* [t] */
};

void topics_init(struct topics *topics);

/* Every subscription has ended by now. */
void topics_destroy(struct topics *topics);

size_t topics_count_subscriptions(struct topics *topics);

/*
 * Begins the subscription, whose inbox signals `wake` (see inbox_init): what is published on the
 * name after the return is received. Errors: -ENOMEM.
 */
int subscription_begin(struct subscription *subscription, struct topics *topics, const char *name,
                       int wake);

/* Ends it, and drops what was not received. */
void subscription_end(struct subscription *subscription, struct topics *topics);

/* The name; it lives as long as the subscription. */
const char *subscription_name(const struct subscription *subscription);

/* Publishes to every subscription of the same topic, this one included. */
void subscription_publish(struct subscription *subscription, struct message *const *messages,
                          size_t count);

/* Puts the messages into this subscription's inbox alone. */
void subscription_put(struct subscription *subscription, struct message *const *messages,
                      size_t count);

/* Whether subscription_stop was called. */
bool subscription_is_stopped(struct subscription *subscription);

/* The contracts of inbox_take, and of the functions of pubsub.h. */
int subscription_take(struct subscription *subscription, struct message **messages,
                      size_t capacity);
int subscription_receive(struct subscription *subscription, struct message **messages,
                         size_t capacity, int timeout_ms);
void subscription_nudge(struct subscription *subscription);
void subscription_wait_ready(struct subscription *subscription);
void subscription_stop(struct subscription *subscription);

#endif
