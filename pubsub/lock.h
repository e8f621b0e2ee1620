/* Mutexes of pubsub/, and calls whose failure is a bug: the result is asserted here once. */
#ifndef PUBSUB_LOCK_H
#define PUBSUB_LOCK_H

#include <assert.h>
#include <pthread.h>

/* Checks the result of a call that cannot fail. */
static inline void
must(int error)
{
    assert(error == 0);
}

static inline void
mutex_lock(pthread_mutex_t *mutex)
{
    must(pthread_mutex_lock(mutex));
}

static inline void
mutex_unlock(pthread_mutex_t *mutex)
{
    must(pthread_mutex_unlock(mutex));
}

#endif
