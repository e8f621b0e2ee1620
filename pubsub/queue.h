/*
 * A bounded queue of messages: a ring that grows as it is needed. Internal to pubsub/. It has no
 * lock: one thread at a time may use it, and only growing allocates.
 */
#ifndef PUBSUB_QUEUE_H
#define PUBSUB_QUEUE_H

#include <stddef.h>

struct message;

#define MESSAGE_QUEUE_MAX 16384u /* messages in a queue; a power of two */

/* Members are private to queue.c but for `length`. */
struct message_queue {
    size_t length;          /* messages in the queue */
    struct message **slots; /* the ring */
    size_t slot_count;      /* a power of two, or 0 as long as there is no ring */
    size_t head;            /* slot of the oldest message */
};

/* Frees the queue, with the references that it still has. A zeroed queue is an empty one. */
void message_queue_release(struct message_queue *queue);

/*
 * Puts the first of the messages into the queue, with references of its own, and returns how many:
 * fewer than `count` when it is full or out of memory.
 */
size_t message_queue_push(struct message_queue *queue, struct message *const *messages,
                          size_t count);

/* Moves the oldest messages, at most `count`, with their references; returns how many. */
size_t message_queue_pop(struct message_queue *queue, struct message **messages, size_t count);

#endif
