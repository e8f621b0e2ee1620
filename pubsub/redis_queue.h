/*
 * What waits to be sent to Redis: parcels of messages, in the order in which they were published.
 * Internal to pubsub/. It takes parcels only as long as it is open, which is when they can be sent
 * soon, and only so many. Any thread may call these, and each blocks briefly at most.
 */
#ifndef PUBSUB_REDIS_QUEUE_H
#define PUBSUB_REDIS_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "pubsub/pubsub.h"

#define PARCEL_MESSAGES 64u /* in a parcel, at most */

struct message;

/* What one call has published, or a part of that. */
struct parcel {
    STAILQ_ENTRY(parcel) next;
    char channel[PUBSUB_CHANNEL_NAME_SIZE];
    size_t bytes; /* of the texts */
    size_t count;
    struct message *messages[];
};

/* Members are private to redis_queue.c. [I] immutable, [m] own mutex */
struct redis_queue {
    pthread_mutex_t mutex;                    /* [I] */
    int wake;                                 /* [I] the taker's eventfd, not owned */
    STAILQ_HEAD(parcel_list, parcel) parcels; /* [m] */
    size_t messages;                          /* [m] in `parcels` */
    size_t bytes;                             /* [m] in `parcels` */
    bool is_open;                             /* [m] */
    bool is_waited_for;                       /* [m] the next parcel signals `wake` */
    int64_t since;                            /* [m] when `is_open` changed, ms since 1970 */
};

/* Makes it: closed, and empty. */
void queue_init(struct redis_queue *queue, int wake);

/* It is empty by now. */
void queue_destroy(struct redis_queue *queue);

/* Opens or closes it, and returns whether it was the other way before. */
bool queue_set_open(struct redis_queue *queue, bool is_open);

/* Puts the messages in, with references of its own; returns how many of them it does not take. */
size_t queue_put(struct redis_queue *queue, const char *channel, struct message *const *messages,
                 size_t count);

/* Takes the oldest parcel, to be freed. NULL: there is none, and the next one signals `wake`. */
struct parcel *queue_take(struct redis_queue *queue);

/* Frees the parcel, and gives its references back. */
void parcel_free(struct parcel *parcel);

bool queue_is_empty(struct redis_queue *queue);

/* Fills in `up`, `since` and `queued`. */
void queue_status(struct redis_queue *queue, struct pubsub_status *status);

#endif
