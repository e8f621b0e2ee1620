/* What time it is, in milliseconds. Internal to pubsub/. */
#ifndef PUBSUB_CLOCK_H
#define PUBSUB_CLOCK_H

#include <assert.h>
#include <stdint.h>
#include <time.h>

static inline int64_t
clock_ms(clockid_t clock)
{
    struct timespec now;
    int error = clock_gettime(clock, &now);

    assert(error == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* For measuring: it never goes back. */
static inline int64_t
clock_now(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* For people: since 1970. */
static inline int64_t
clock_wall(void)
{
    return clock_ms(CLOCK_REALTIME);
}

#endif
