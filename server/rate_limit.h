/*
 * What keeps somebody from doing too much: how often in a time, how many failures, how many at once.
 * Each is kept by a key of any bytes, an address or an id. Any thread; nothing here blocks but for
 * some nanoseconds on a mutex under which nothing else is called.
 *
 * Times are milliseconds on the monotonic clock, given by the caller.
 */
#ifndef SERVER_RATE_LIMIT_H
#define SERVER_RATE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counted;
struct counted_holder;
struct failure_limit;
struct rate_limit;

/* `count` times in each `period_ms`, and `burst` times at once after a pause. */
struct rate {
    unsigned count; /* 0: no limit */
    unsigned burst; /* at least 1 */
    int64_t period_ms;
};

/*
 * A limit by rate: one token bucket for each key. Memory is bounded, 384 KiB at most: where too many
 * keys are in use, the one that has used least is forgotten. Returns 0 or -ENOMEM.
 */
int rate_limit_open(const struct rate *rate, struct rate_limit **out);

/* Frees it and clears the pointer, which may point to NULL. */
void rate_limit_close(struct rate_limit **pointer);

/*
 * Whether the key may once more, which counts then. If not, *retry_after_ms says when it may again,
 * at least 1; else it is 0.
 */
bool rate_limit_take(struct rate_limit *limit, const void *key, size_t length, int64_t now_ms,
                     int64_t *retry_after_ms);

/* Gives back what was taken for something that did not come about. */
void rate_limit_give_back(struct rate_limit *limit, const void *key, size_t length, int64_t now_ms);

/* After `free` failures there is a pause, `first_ms` long, twice that after the next, … `last_ms`. */
struct failure_rate {
    unsigned free;     /* at least 1; 0: no limit */
    int64_t first_ms;  /* at least 1 */
    int64_t last_ms;   /* at least first_ms */
    int64_t forget_ms; /* after the end of its last pause, or its last attempt, a key is new */
};

/* A limit of failures. Memory is bounded as above. Returns 0 or -ENOMEM. */
int failure_limit_open(const struct failure_rate *rate, struct failure_limit **out);

void failure_limit_close(struct failure_limit **pointer);

/*
 * Whether the key may try, as above. It counts as a failure until one of the following is called, so
 * that many who try at the same time do not get more than one after the other would.
 */
bool failure_limit_take(struct failure_limit *limit, const void *key, size_t length, int64_t now_ms,
                        int64_t *retry_after_ms);

/* An attempt that was no failure: it does not count. The ones before it still do. */
void failure_limit_give_back(struct failure_limit *limit, const void *key, size_t length);

/* Forgets all failures of the key. */
void failure_limit_forget(struct failure_limit *limit, const void *key, size_t length);

/*
 * How many there are of each key at a time. Memory follows what is taken. Returns 0 or -ENOMEM.
 */
int counted_open(struct counted **out);

/* Frees it, with all that is still taken, and clears the pointer, which may point to NULL. */
void counted_close(struct counted **pointer);

/*
 * Takes `count` for the key. Returns 0 and in *out what is to be given back, once, by counted_give;
 * or -EAGAIN when the key would have more than `maximum` (0: no limit) then, or -ENOMEM.
 */
int counted_take(struct counted *counted, const void *key, size_t length, unsigned count,
                 unsigned maximum, struct counted_holder **out);

/* Makes of the `from` that were taken or moved last `to`. Returns how many the key has then. */
unsigned counted_move(struct counted *counted, struct counted_holder *holder, unsigned from,
                      unsigned to);

/* Gives back the `count` that were taken or moved last, and clears the pointer. */
void counted_give(struct counted *counted, struct counted_holder **pointer, unsigned count);

#endif
