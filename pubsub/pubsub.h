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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct message;
struct pubsub;

#define PUBSUB_CHANNEL_NAME_SIZE 128 /* a channel's name with its NUL */
#define PUBSUB_KEY_SIZE          32  /* bytes of the key that authenticates what instances send */
#define PUBSUB_INSTANCE_MAX      36  /* bytes of an instance's id */

enum pubsub_level { PUBSUB_INFO, PUBSUB_WARNING };

/*
 * Writes one line, "event key=value …", to the log. Called on any thread, with no lock held. A line
 * may quote what came from elsewhere, control characters included.
 */
typedef void (*pubsub_log_function)(enum pubsub_level level, const char *line);

/* Everything is copied. */
struct pubsub_redis_options {
    const char *url;          /* redis://… or redis+unix://…, see redis_url.h */
    const char *password;     /* in place of the URL's, or NULL */
    const char *instance;     /* this process's id: letters, digits and -._ */
    const unsigned char *key; /* PUBSUB_KEY_SIZE bytes that all instances of a chat share */
    pubsub_log_function log;
};

/* Counters run from the opening of the bus. The local bus has no connection and counts nothing. */
struct pubsub_status {
    const char *kind;    /* "local" or "redis" */
    bool up;             /* what is published now is sent to the other instances */
    int64_t since;       /* ms since 1970: since when `up` is what it is */
    uint64_t reconnects; /* connections that stand again after one was lost */
    uint64_t published;  /* messages that Redis has taken */
    uint64_t dropped;    /* messages that were not sent, or whose fate is unknown */
    uint64_t received;   /* messages from other instances */
    uint64_t invalid;    /* payloads that were refused: damaged, forged or too large */
    uint64_t replayed;   /* payloads of instances that were refused: taken before, or too late */
    size_t channels;     /* open ones */
    size_t subscribed;   /* of these, those that hear the other instances now */
    size_t queued;       /* messages that wait to be sent */
};

/*
 * Opens the bus within this process. The caller owns *out and ends it with pubsub_close.
 * Errors: -ENOMEM.
 */
int pubsub_open_local(struct pubsub **out);

/*
 * Opens the bus that reaches other instances through a Redis, and starts the thread that sends. It
 * succeeds whether or not that Redis is there: as long as it is away, this is a bus within the
 * process. The caller owns *out and ends it with pubsub_close. Errors, with a line in `why` that
 * has no password in it: -EINVAL (an option is malformed), -ENOMEM, -EMFILE, -ENFILE, -EAGAIN (no
 * thread), -EIO (no cryptography).
 */
int pubsub_open_redis(const struct pubsub_redis_options *options, struct pubsub **out, char *why,
                      size_t why_size);

/* How the bus is doing. Any thread; blocks briefly. */
void pubsub_status(struct pubsub *pubsub, struct pubsub_status *status);

/*
 * Closes the bus, of which every channel is closed by now, and clears the caller's pointer. What was
 * published before is still sent if that takes less than half a second.
 */
void pubsub_close(struct pubsub **pubsub);

/*
 * Opens a channel and subscribes to it: what anybody in this process publishes on the name after
 * the return is received; for the other instances see channel_receive. `label` tells people what
 * the channel is for. Any thread; blocks briefly. The caller owns *out and ends it with
 * channel_close. Errors: -ENOMEM, -ENAMETOOLONG, -EMFILE, -ENFILE.
 */
int pubsub_channel_open(struct pubsub *pubsub, const char *name, const char *label,
                        struct channel **out);

/*
 * Publishes the messages, in order. Any thread; never blocks. Takes references of its own. A
 * subscriber that is too far behind loses them, and is nudged so that it notices.
 */
void channel_publish(struct channel *channel, struct message *const *messages, size_t count);

/*
 * Publishes the messages, in order, to the other instances only: what subscribers of this process
 * get of them is the caller's business. Any thread; never blocks. Takes references of its own.
 */
void channel_publish_elsewhere(struct channel *channel, struct message *const *messages,
                               size_t count);

/*
 * Waits until something was published, the channel was nudged or stopped, or `timeout_ms` passed
 * (-1: no limit), and moves at most `capacity` messages to `messages`, with their references.
 * Returns their number, 0 for a nudge or the time-out, -ESHUTDOWN once the channel is stopped, or
 * -ESTALE when the subscription to the other instances has begun, at first or again: what they
 * published before may never come, so read the repository; what they publish after that does.
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
