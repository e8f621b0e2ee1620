#include "rooms/lock.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <time.h>

#define HELD_MAX 8

static _Thread_local const struct lock *held[HELD_MAX];
static _Thread_local unsigned held_count;

void
lock_init(struct lock *lock, enum lock_rank rank)
{
    int error = pthread_mutex_init(&lock->mutex, NULL);
    assert(error == 0);
    lock->rank = rank;
}

void
lock_destroy(struct lock *lock)
{
    int error = pthread_mutex_destroy(&lock->mutex);
    assert(error == 0);
}

static void
assert_order(const struct lock *lock)
{
    assert(held_count < HELD_MAX);
    assert(held_count == 0 || held[held_count - 1]->rank < lock->rank);
}

static void
assert_last(const struct lock *lock)
{
    assert(held_count > 0 && held[held_count - 1] == lock);
}

void
lock_take(struct lock *lock)
{
    assert_order(lock);
    int error = pthread_mutex_lock(&lock->mutex);
    assert(error == 0);
    held[held_count++] = lock;
}

void
lock_drop(struct lock *lock)
{
    assert_last(lock);
    held_count--;
    int error = pthread_mutex_unlock(&lock->mutex);
    assert(error == 0);
}

void
lock_borrow(const struct lock *lock)
{
    assert_order(lock);
    held[held_count++] = lock;
}

void
lock_return(const struct lock *lock)
{
    assert_last(lock);
    held_count--;
}

void
lock_assert_held(const struct lock *lock)
{
    for (unsigned i = 0; i < held_count; i++) {
        if (held[i] == lock)
            return;
    }
    assert(!"the lock is held");
}

void
lock_assert_none(void)
{
    assert(held_count == 0);
}

void
lock_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    assert(error == 0);
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    assert(error == 0);
    error = pthread_cond_init(condition, &attributes);
    assert(error == 0);
    error = pthread_condattr_destroy(&attributes);
    assert(error == 0);
}

void
lock_condition_destroy(pthread_cond_t *condition)
{
    int error = pthread_cond_destroy(condition);
    assert(error == 0);
}

void
lock_condition_signal(pthread_cond_t *condition)
{
    int error = pthread_cond_signal(condition);
    assert(error == 0);
}

void
lock_condition_broadcast(pthread_cond_t *condition)
{
    int error = pthread_cond_broadcast(condition);
    assert(error == 0);
}

void
lock_wait(struct lock *lock, pthread_cond_t *condition)
{
    assert(held_count == 1 && held[0] == lock);
    int error = pthread_cond_wait(condition, &lock->mutex);
    assert(error == 0);
}

void
lock_wait_inner(struct lock *lock, pthread_cond_t *condition)
{
    assert_last(lock);
    int error = pthread_cond_wait(condition, &lock->mutex);
    assert(error == 0);
}

bool
lock_wait_until(struct lock *lock, pthread_cond_t *condition, int64_t deadline)
{
    assert(held_count == 1 && held[0] == lock);
    struct timespec until = {.tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};
    int error = pthread_cond_timedwait(condition, &lock->mutex, &until);
    assert(error == 0 || error == ETIMEDOUT);
    return error == 0;
}

static int64_t
milliseconds(clockid_t clock)
{
    struct timespec now;
    int error = clock_gettime(clock, &now);
    assert(error == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_monotonic_ms(void)
{
    return milliseconds(CLOCK_MONOTONIC);
}

int64_t
clock_realtime_ms(void)
{
    return milliseconds(CLOCK_REALTIME);
}
