#include "rooms/historian.h"

#include "rooms/lock.h"
#include "rooms/member.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define HISTORIANS 2

/* Where a member with jobs stands. */
enum reader {
    READER_IDLE,    /* it has no jobs */
    READER_WAITING, /* for its turn */
    READER_TAKEN,   /* a historian reads for it */
    READER_RESTING, /* it is behind: until it is drained */
};

struct historian {
    struct lock lock;               /* rank LOCK_HISTORIAN: the fields marked [m] */
    pthread_cond_t changed;         /* somebody waits for a turn, or no job is left */
    struct reading_job *first_turn; /* [m] the first job of each member that waits for its turn */
    struct reading_job **last_turn; /* [m] where the next one is linked */
    size_t unfinished;              /* [m] jobs that were added and are not done */
    bool stopping;                  /* [m] */
    pthread_t threads[HISTORIANS];  /* [I] */
};

/* ---- a member's jobs: a ring, known by its last one ------------------------------------------ */

static void
push_last(struct reading_job *job)
{
    struct member *member = job->member;

    if (member->jobs != NULL) {
        job->next = member->jobs->next;
        member->jobs->next = job;
    } else {
        job->next = job;
    }
    member->jobs = job;
}

static void
push_first(struct reading_job *job)
{
    struct member *member = job->member;
    struct reading_job *last = member->jobs;

    push_last(job);
    if (last != NULL)
        member->jobs = last;
}

static struct reading_job *
take_first(struct member *member)
{
    struct reading_job *first = member->jobs->next;

    if (first == member->jobs)
        member->jobs = NULL;
    else
        member->jobs->next = first->next;
    return first;
}

/* ---- turns -------------------------------------------------------------------------------- */

/* Has the member wait for its turn, if it has jobs. */
static void
queue_up(struct historian *historian, struct member *member)
{
    lock_assert_held(&historian->lock);
    member->reading = member->jobs != NULL ? READER_WAITING : READER_IDLE;
    if (member->jobs == NULL)
        return;
    struct reading_job *job = member->jobs->next;
    job->next_turn = NULL;
    *historian->last_turn = job;
    historian->last_turn = &job->next_turn;
    lock_condition_signal(&historian->changed);
}

/* Waits for whose turn it is and takes its first job out; NULL at the end. */
static struct reading_job *
take(struct historian *historian)
{
    lock_take(&historian->lock);
    while (historian->first_turn == NULL && !(historian->stopping && historian->unfinished == 0))
        lock_wait(&historian->lock, &historian->changed);
    struct reading_job *job = historian->first_turn;
    if (job != NULL) {
        historian->first_turn = job->next_turn;
        if (historian->first_turn == NULL)
            historian->last_turn = &historian->first_turn;
        struct reading_job *first = take_first(job->member);
        assert(first == job);
        job->member->reading = READER_TAKEN;
        /* It may be gone with its last job. */
        job->member->operations->hold(job->member);
    }
    lock_drop(&historian->lock);
    return job;
}

/* Puts the job back, unless it is done, and ends the member's turn. */
static void
end_turn(struct historian *historian, struct member *member, struct reading_job *job,
         enum reading reading)
{
    lock_take(&historian->lock);
    if (reading == READING_MORE)
        push_last(job);
    else if (reading == READING_BEHIND)
        push_first(job);
    else if (--historian->unfinished == 0)
        lock_condition_broadcast(&historian->changed);
    if (reading == READING_BEHIND)
        member->reading = READER_RESTING;
    else
        queue_up(historian, member);
    lock_drop(&historian->lock);
    /* What was drained just before that woke nobody. */
    if (reading == READING_BEHIND && !member->operations->is_behind(member))
        historian_wake(historian, member);
    member->operations->release(member);
}

static void *
historian_main(void *argument)
{
    struct historian *historian = argument;
    struct reading_job *job;

    while ((job = take(historian)) != NULL) {
        struct member *member = job->member;
        lock_assert_none();
        end_turn(historian, member, job, job->read(job));
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
    historian->last_turn = &historian->first_turn;
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
    push_last(job);
    if (job->member->reading == READER_IDLE)
        queue_up(historian, job->member);
    lock_drop(&historian->lock);
}

void
historian_wake(struct historian *historian, struct member *member)
{
    lock_take(&historian->lock);
    if (member->reading == READER_RESTING)
        queue_up(historian, member);
    lock_drop(&historian->lock);
}
