/*
 * The receiving end of a channel: a queue, with the waiting on both of its sides. Internal to
 * pubsub/. One mutex of the owner's guards an inbox (several may share it), and every function is
 * called with that mutex held; those that wait give it up meanwhile. Signals are made only when
 * somebody waits. A subscriber that waits for other things as well has the inbox signal an eventfd.
 */
#ifndef PUBSUB_INBOX_H
#define PUBSUB_INBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "pubsub/queue.h"

struct message;

/* Members are private to inbox.c but for `stopped`, which may be read. [I] immutable, [m] the owner's mutex */
struct inbox {
    pthread_cond_t arrived;      /* the subscriber waits here, unless it has an eventfd for that */
    pthread_cond_t drained;      /* inbox_wait_ready waits here */
    struct message_queue queue;  /* [m] */
    size_t before_nudge;         /* [m] messages to be received before the nudge is */
    int wake;                    /* [I] the subscriber's eventfd, not owned, or -1 */
    unsigned publishers_waiting; /* [m] on `drained` */
    bool subscriber_waiting;     /* [m] on `arrived` or `wake`, not signalled yet */
    bool nudged;                 /* [m] */
    bool stopped;                /* [m] */
};

/*
 * These two need no mutex: nobody else knows the inbox yet, or any more. `wake` is the eventfd of a
 * subscriber that uses inbox_take, or -1 for one that uses inbox_receive.
 */
void inbox_init(struct inbox *inbox, int wake);
void inbox_destroy(struct inbox *inbox);

/* Puts in the messages; those that do not fit are dropped and the subscriber is nudged. */
void inbox_put(struct inbox *inbox, struct message *const *messages, size_t count);

/*
 * A nudge has its place among the messages, so that they cannot hold it up for ever and those
 * before it come first. A pending one stands for all that follow: the subscriber acts on it after
 * them too.
 */
void inbox_nudge(struct inbox *inbox);

/* From now on nothing is put in and nobody waits. */
void inbox_stop(struct inbox *inbox);

/*
 * As inbox_receive, but never waits: -EAGAIN when there is nothing, and then the eventfd is
 * signalled as soon as there is something.
 */
int inbox_take(struct inbox *inbox, struct message **messages, size_t capacity);

/* The contract of channel_receive. */
int inbox_receive(struct inbox *inbox, pthread_mutex_t *mutex, struct message **messages,
                  size_t capacity, int timeout_ms);

/* The contract of channel_wait_ready. */
void inbox_wait_ready(struct inbox *inbox, pthread_mutex_t *mutex);

#endif
