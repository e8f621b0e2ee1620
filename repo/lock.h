/*
 * Mutexes and conditions whose failure is a bug: locking a healthy mutex cannot fail, so the result
 * is asserted here once rather than looked at by every caller.
 */
#ifndef REPO_LOCK_H
#define REPO_LOCK_H

#include <assert.h>
#include <pthread.h>

static inline void
mutex_lock(pthread_mutex_t *mutex)
{
    int error = pthread_mutex_lock(mutex);
    assert(error == 0);
}

static inline void
mutex_unlock(pthread_mutex_t *mutex)
{
    int error = pthread_mutex_unlock(mutex);
    assert(error == 0);
}

static inline void
mutex_destroy(pthread_mutex_t *mutex)
{
    int error = pthread_mutex_destroy(mutex);
    assert(error == 0);
}

static inline void
condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    int error = pthread_cond_wait(condition, mutex);
    assert(error == 0);
}

static inline void
condition_signal(pthread_cond_t *condition)
{
    int error = pthread_cond_signal(condition);
    assert(error == 0);
}

static inline void
condition_destroy(pthread_cond_t *condition)
{
    int error = pthread_cond_destroy(condition);
    assert(error == 0);
}

#endif
