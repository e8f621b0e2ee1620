/*
 * A mutex that knows its place in the lock order (ARCHITECTURE.md): taking one out of order, twice,
 * or dropping one that is not held is a bug, and ends the process at once.
 *
 * Any thread. Only lock_take and the waits block.
 */
#ifndef ROOMS_LOCK_H
#define ROOMS_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The lock order: a thread takes these in ascending order only. */
enum lock_rank {
    LOCK_REGISTRY = 1, /* which rooms run */
    LOCK_LOBBY,        /* who is online, and who is told of it */
    LOCK_ROOM,         /* a room's local members */
    LOCK_MEMBER,       /* a member's rooms */
    LOCK_HISTORIAN,    /* what is to be read of the past */
    LOCK_MAILBOX,      /* a mailbox */
    LOCK_CLIENT,       /* a connection's socket and outbox */
    LOCK_LOOP,         /* what other threads ask of an I/O loop */
    LOCK_FAN_OUT,      /* what helpers are to do */
    LOCK_HASHER,       /* which process for passwords is taken */
};

struct lock {
    pthread_mutex_t mutex;
    enum lock_rank rank; /* [I] */
};

void lock_init(struct lock *lock, enum lock_rank rank);

/* Ends a lock that nobody holds. */
void lock_destroy(struct lock *lock);

void lock_take(struct lock *lock);

void lock_drop(struct lock *lock);

/* Asserts that this thread holds the lock. */
void lock_assert_held(const struct lock *lock);

/*
 * This thread works for one that holds the lock and keeps it until the work is done: until
 * lock_return the lock counts as held by this one as well, and its rank is heeded.
 */
void lock_borrow(const struct lock *lock);

void lock_return(const struct lock *lock);

/* Asserts that this thread holds no lock: to be called before anything that blocks. */
void lock_assert_none(void);

/* Makes a condition that measures its time-outs on the monotonic clock. */
void lock_condition_init(pthread_cond_t *condition);

void lock_condition_destroy(pthread_cond_t *condition);

void lock_condition_signal(pthread_cond_t *condition);

/* Wakes all who wait. */
void lock_condition_broadcast(pthread_cond_t *condition);

/* Waits with the lock, which is dropped meanwhile and must be the only one that is held. */
void lock_wait(struct lock *lock, pthread_cond_t *condition);

/*
 * The same, but others may be held: for who waits for a thread that was lent one of them, and that
 * waits for nothing.
 */
void lock_wait_inner(struct lock *lock, pthread_cond_t *condition);

/*
 * As lock_wait, until `deadline` (clock_monotonic_ms) at the latest. Returns false when that passed.
 */
bool lock_wait_until(struct lock *lock, pthread_cond_t *condition, int64_t deadline);

/* Milliseconds on the monotonic clock: for time-outs. */
int64_t clock_monotonic_ms(void);

/* Milliseconds since 1970: for what is shown and stored. */
int64_t clock_realtime_ms(void);

#endif
