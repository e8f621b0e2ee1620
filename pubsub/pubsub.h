/*
 * Publish/subscribe: a hint that something is new, never the truth. What is published may arrive
 * late, twice or not at all, and the receiver repairs that from the repository.
 *
 * A channel is both ends for one name: what is published on it reaches every open channel of that
 * name, this one included, on every instance that shares the bus. The one thread that receives
 * from a channel is its subscriber.
 */
#ifndef PUBSUB_PUBSUB_H
#define PUBSUB_PUBSUB_H

#include <stddef.h>
#include <stdint.h>

struct channel;
struct message;
struct pubsub;

#define PUBSUB_CHANNEL_NAME_SIZE 128 /* a channel's name with its NUL */

/*
 * Opens the bus within this process. The caller owns *out and ends it with pubsub_close.
 * Errors: -ENOMEM.
 */
int pubsub_open_local(struct pubsub **out);

/* Closes the bus, of which every channel is closed by now, and clears the caller's pointer. */
void pubsub_close(struct pubsub **pubsub);

/*
 * Opens a channel and subscribes to it: what anybody in this process publishes on the name after
 * the return is received. Any thread; blocks briefly. The caller owns *out and ends it with
 * channel_close. Errors: -ENOMEM, -ENAMETOOLONG.
 */
int pubsub_channel_open(struct pubsub *pubsub, const char *name, struct channel **out);

/*
 * Publishes the messages, in order. Any thread; never blocks. Takes references of its own. A
 * subscriber that is too far behind loses them, and is nudged so that it notices.
 */
void channel_publish(struct channel *channel, struct message *const *messages, size_t count);

/*
 * Waits until something was published, the channel was nudged or stopped, or `timeout_ms` passed
 * (-1: no limit), and moves at most `capacity` messages to `messages`, with their references.
 * Returns their number, 0 for a nudge or the time-out, or -ESHUTDOWN once the channel is stopped.
 * Only the channel's subscriber.
 */
int channel_receive(struct channel *channel, struct message **messages, size_t capacity,
                    int timeout_ms);

/* Ends the subscriber's wait, at once or the next one. Any thread; never blocks. */
void channel_nudge(struct channel *channel);

/*
 * Waits while the subscriber has more than a fair backlog to receive, so that whoever publishes
 * keeps the pace of whoever receives; returns at once when the channel is stopped. Any thread but
 * the subscriber; blocks as long as the subscriber is busy.
 */
void channel_wait_ready(struct channel *channel);

/* Makes this and every later channel_receive return -ESHUTDOWN. Any thread; never blocks. */
void channel_stop(struct channel *channel);

/* Unsubscribes and frees the channel, whose subscriber has ended, and clears the pointer. */
void channel_close(struct channel **channel);

#endif
