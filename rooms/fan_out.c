#include "rooms/fan_out.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define PART 64 /* members: a fraction of a millisecond of sending */

/* What of the time that passed a thread has had a core at least, where cores are free. */
#define FREE_SHARE 0.85

/* Seconds for which nobody is helped when cores are not free: doubled each time, up to a limit. */
#define ALONE_MIN 0.1
#define ALONE_MAX 12.8

/* On the stack of who has it done. All but [I] with the fan-out's lock. */
struct job {
    struct job *next;
    const struct lock *lock; /* [I] held by its owner */
    fan_out_work *work;      /* [I] */
    void *argument;          /* [I] */
    size_t count;            /* [I] */
    size_t taken;            /* before this one all is done or being done */
    unsigned helpers;        /* that are at work on it */
    pthread_cond_t done;     /* signalled when the last of them is through */
};

struct fan_out {
    struct lock lock;       /* rank LOCK_FAN_OUT: the fields marked [m] */
    pthread_cond_t offered; /* signalled for each helper that is to look for work */
    struct job *first;      /* [m] those of which something may be left to be taken */
    unsigned idle;          /* [m] helpers that wait */
    double alone;           /* [m] seconds for which nobody was helped last, or 0 */
    double alone_until;     /* [m] on the monotonic clock */
    bool stopping;          /* [m] */
    unsigned count;         /* [I] of the threads */
    pthread_t threads[];    /* [I] */
};

/* Does parts of the job until all are taken; with the lock, which is dropped meanwhile. */
static void
work_on(struct fan_out *fan_out, struct job *job, bool as_helper)
{
    while (job->taken < job->count) {
        size_t from = job->taken;
        size_t to = job->count - from > PART ? from + PART : job->count;
        job->taken = to;
        lock_drop(&fan_out->lock);
        if (as_helper)
            lock_borrow(job->lock);
        job->work(job->argument, from, to);
        if (as_helper)
            lock_return(job->lock);
        lock_take(&fan_out->lock);
    }
}

static struct job *
find_work(const struct fan_out *fan_out)
{
    struct job *job = fan_out->first;

    while (job != NULL && job->taken == job->count)
        job = job->next;
    return job;
}

static void *
helper_main(void *argument)
{
    struct fan_out *fan_out = argument;

    lock_take(&fan_out->lock);
    for (;;) {
        struct job *job = find_work(fan_out);
        if (job != NULL) {
            job->helpers++;
            work_on(fan_out, job, true);
            if (--job->helpers == 0)
                lock_condition_signal(&job->done);
        } else if (fan_out->stopping) {
            break;
        } else {
            fan_out->idle++;
            lock_wait(&fan_out->lock, &fan_out->offered);
            fan_out->idle--;
        }
    }
    lock_drop(&fan_out->lock);
    return NULL;
}

static double
seconds(clockid_t clock)
{
    struct timespec now;
    int error = clock_gettime(clock, &now);
    assert(error == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/*
 * Wakes as many helpers as there are parts for; returns whether it did. Where a thread with work had
 * to wait for a core there was none for a helper either: that would only keep from theirs who receive,
 * and who go on sending, and make what is handed out in one go smaller.
 */
static bool
call_helpers(struct fan_out *fan_out, size_t count, double now)
{
    size_t parts = (count + PART - 1) / PART;

    if (now < fan_out->alone_until)
        return false;
    for (unsigned i = 0; i < fan_out->idle && i + 1 < parts; i++)
        lock_condition_signal(&fan_out->offered);
    return true;
}

/* Whether cores were free while this thread did its parts, for the next one with work. */
static void
judge(struct fan_out *fan_out, bool is_helped, double now, bool is_free)
{
    if (is_free && is_helped) {
        fan_out->alone = 0;
    } else if (!is_free) {
        fan_out->alone = fan_out->alone > 0 ? fan_out->alone * 2 : ALONE_MIN;
        if (fan_out->alone > ALONE_MAX)
            fan_out->alone = ALONE_MAX;
        fan_out->alone_until = now + fan_out->alone;
    }
}

void
fan_out_run(struct fan_out *fan_out, const struct lock *lock, size_t count, fan_out_work *work,
            void *argument)
{
    struct job job = {.lock = lock, .work = work, .argument = argument, .count = count};
    struct job **at;
    double begun = seconds(CLOCK_MONOTONIC);
    double used = seconds(CLOCK_THREAD_CPUTIME_ID);

    lock_assert_held(lock);
    lock_condition_init(&job.done);
    lock_take(&fan_out->lock);
    job.next = fan_out->first;
    fan_out->first = &job;
    bool is_helped = call_helpers(fan_out, count, begun);
    work_on(fan_out, &job, false);
    double now = seconds(CLOCK_MONOTONIC);
    used = seconds(CLOCK_THREAD_CPUTIME_ID) - used;
    judge(fan_out, is_helped, now, used >= FREE_SHARE * (now - begun));
    for (at = &fan_out->first; *at != &job; at = &(*at)->next)
        continue;
    *at = job.next;
    while (job.helpers > 0)
        lock_wait_inner(&fan_out->lock, &job.done);
    lock_drop(&fan_out->lock);
    lock_condition_destroy(&job.done);
}

int
fan_out_open(unsigned helpers, struct fan_out **out)
{
    struct fan_out *fan_out = calloc(1, sizeof(*fan_out) + helpers * sizeof(pthread_t));
    if (fan_out == NULL)
        return -ENOMEM;
    lock_init(&fan_out->lock, LOCK_FAN_OUT);
    lock_condition_init(&fan_out->offered);
    for (; fan_out->count < helpers; fan_out->count++) {
        if (pthread_create(&fan_out->threads[fan_out->count], NULL, helper_main, fan_out) != 0) {
            fan_out_close(&fan_out);
            return -EAGAIN;
        }
    }
    *out = fan_out;
    return 0;
}

void
fan_out_close(struct fan_out **pointer)
{
    struct fan_out *fan_out = *pointer;

    *pointer = NULL;
    lock_take(&fan_out->lock);
    assert(fan_out->first == NULL);
    fan_out->stopping = true;
    lock_condition_broadcast(&fan_out->offered);
    lock_drop(&fan_out->lock);
    for (unsigned i = 0; i < fan_out->count; i++) {
        int error = pthread_join(fan_out->threads[i], NULL);
        assert(error == 0);
    }
    lock_condition_destroy(&fan_out->offered);
    lock_destroy(&fan_out->lock);
    free(fan_out);
}
