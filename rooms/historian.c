#include "rooms/historian.h"

#include "rooms/lock.h"
#include "rooms/member.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define HISTORIANS 2

struct historian {
    struct lock lock;              /* rank LOCK_HISTORIAN: the fields marked [m] */
    pthread_cond_t changed;        /* there is a job to do, or none is left */
    struct reading_job *first;     /* [m] to be done */
    struct reading_job **last;     /* [m] where the next one is linked */
    size_t unfinished;             /* [m] jobs that were added and are not done */
    bool stopping;                 /* [m] */
    pthread_t threads[HISTORIANS]; /* [I] */
};

static void
append(struct historian *historian, struct reading_job *job)
{
    job->next = NULL;
    *historian->last = job;
    historian->last = &job->next;
    lock_condition_signal(&historian->changed);
}

/* Waits for a job and takes it out; NULL at the end. */
static struct reading_job *
take(struct historian *historian)
{
    lock_take(&historian->lock);
    while (historian->first == NULL && !(historian->stopping && historian->unfinished == 0))
        lock_wait(&historian->lock, &historian->changed);
    struct reading_job *job = historian->first;
    if (job != NULL) {
        historian->first = job->next;
        if (historian->first == NULL)
            historian->last = &historian->first;
    }
    lock_drop(&historian->lock);
    return job;
}

/* Lets the job rest until its member is drained. */
static void
rest(struct historian *historian, struct reading_job *job)
{
    struct member *member = job->member;

    /* Once the job rests, another thread may go on with it, and end it. */
    member->operations->hold(member);
    lock_take(&historian->lock);
    job->next = member->resting;
    member->resting = job;
    lock_drop(&historian->lock);
    /* What was drained just before that woke nobody. */
    if (!member->operations->is_behind(member))
        historian_wake(historian, member);
    member->operations->release(member);
}

static void *
historian_main(void *argument)
{
    struct historian *historian = argument;
    struct reading_job *job;

    while ((job = take(historian)) != NULL) {
        lock_assert_none();
        enum reading reading = job->read(job);
        if (reading == READING_BEHIND) {
            rest(historian, job);
            continue;
        }
        lock_take(&historian->lock);
        if (reading == READING_MORE)
            append(historian, job);
        else if (--historian->unfinished == 0)
            lock_condition_broadcast(&historian->changed);
        lock_drop(&historian->lock);
    }
    return NULL;
}

static void
stop(struct historian *historian, size_t threads)
{
    lock_take(&historian->lock);
    historian->stopping = true;
    lock_condition_broadcast(&historian->changed);
    lock_drop(&historian->lock);
    for (size_t i = 0; i < threads; i++) {
        int error = pthread_join(historian->threads[i], NULL);
        assert(error == 0);
    }
    lock_condition_destroy(&historian->changed);
    lock_destroy(&historian->lock);
    free(historian);
}

int
historian_open(struct historian **out)
{
    struct historian *historian = calloc(1, sizeof(*historian));
    if (historian == NULL)
        return -ENOMEM;
    historian->last = &historian->first;
    lock_init(&historian->lock, LOCK_HISTORIAN);
    lock_condition_init(&historian->changed);
    for (size_t i = 0; i < HISTORIANS; i++) {
        int error = pthread_create(&historian->threads[i], NULL, historian_main, historian);
        if (error != 0) {
            stop(historian, i);
            return -error;
        }
    }
    *out = historian;
    return 0;
}

void
historian_close(struct historian **pointer)
{
    struct historian *historian = *pointer;

    *pointer = NULL;
    stop(historian, HISTORIANS);
}

void
historian_add(struct historian *historian, struct reading_job *job)
{
    lock_take(&historian->lock);
    historian->unfinished++;
    append(historian, job);
    lock_drop(&historian->lock);
}

void
historian_wake(struct historian *historian, struct member *member)
{
    lock_take(&historian->lock);
    while (member->resting != NULL) {
        struct reading_job *job = member->resting;
        member->resting = job->next;
        append(historian, job);
    }
    lock_drop(&historian->lock);
}
