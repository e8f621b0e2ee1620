#include "pubsub/replay.h"

#include <string.h>

void
replay_guard_init(struct replay_guard *guard, int64_t now)
{
    *guard = (struct replay_guard){.since = now};
}

static struct replay_heard *
find(struct replay_guard *guard, const char *instance)
{
    for (size_t i = 0; i < guard->count; i++) {
        if (strcmp(guard->heard[i].instance, instance) == 0)
            return &guard->heard[i];
    }
    return NULL;
}

/* A place for one more instance. Nothing that a forgotten one has sent may count as new again. */
static struct replay_heard *
make_place(struct replay_guard *guard)
{
    struct replay_heard *quiet = &guard->heard[0];

    if (guard->count < REPLAY_INSTANCES)
        return &guard->heard[guard->count++];
    for (size_t i = 1; i < guard->count; i++) {
        if (guard->heard[i].time < quiet->time)
            quiet = &guard->heard[i];
    }
    if (quiet->time >= guard->since)
        guard->since = quiet->time + 1;
    return quiet;
}

bool
replay_guard_admit(struct replay_guard *guard, const struct payload_reader *payload, int64_t now)
{
    int64_t age = now - payload->time;
    struct replay_heard *heard = find(guard, payload->instance);

    if (now + REPLAY_AHEAD_MAX < guard->since) /* the clock was set back */
        guard->since = now;
    if (age > REPLAY_AGE_MAX || age < -REPLAY_AHEAD_MAX)
        return false;
    if (heard != NULL ? payload->number <= heard->number : payload->time < guard->since)
        return false;
    if (heard == NULL) {
        heard = make_place(guard);
        memcpy(heard->instance, payload->instance, strlen(payload->instance) + 1);
        heard->time = payload->time;
    }
    heard->number = payload->number;
    if (payload->time > heard->time)
        heard->time = payload->time;
    return true;
}
