/*
 * What a channel has taken already. It keeps out payloads that somebody has recorded and sends
 * again, which prove to be an instance's as well as they did at first. Internal to pubsub/.
 *
 * An instance numbers its payloads, and Redis keeps the order of those on one channel: what has no
 * higher number than the last one is not new. From an instance that was not heard yet, only what it
 * has sent since the channel was opened is; the repository has what was said before. A payload that
 * is taken later than a minute is not a hint any more, and is kept out whoever was heard.
 *
 * All instances share one host's clock. When that is set, what is under way at that moment may be
 * kept out; what is sent after that is taken.
 */
#ifndef PUBSUB_REPLAY_H
#define PUBSUB_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pubsub/payload.h"

#define REPLAY_AGE_MAX   60000 /* ms that a payload may be under way, in a Redis that hangs */
#define REPLAY_AHEAD_MAX 5000  /* ms that it may come from the future, when the clock is set back */
#define REPLAY_INSTANCES 16u   /* that are remembered; more make it forget the most quiet one */

struct replay_heard {
    char instance[PUBSUB_INSTANCE_MAX + 1];
    uint64_t number; /* of its last payload */
    int64_t time;    /* when that was written */
};

/* Used by one thread at a time. */
struct replay_guard {
    int64_t since; /* from an instance that is not in `heard`, nothing older is taken */
    size_t count;
    struct replay_heard heard[REPLAY_INSTANCES];
};

/* For a channel that is opened now: `now` is what clock_wall says. */
void replay_guard_init(struct replay_guard *guard, int64_t now);

/* Whether an opened payload is new; it is not from then on. */
bool replay_guard_admit(struct replay_guard *guard, const struct payload_reader *payload,
                        int64_t now);

#endif
