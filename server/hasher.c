#include "server/hasher.h"

#include "rooms/lock.h"
#include "rooms/log.h"
#include "server/hasher_process.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES_MAX   2
#define ANSWER_LIMIT_MS 60000 /* even where everybody else goes before it */

/* One that hashes at a time. Locks: [m] the hasher's, [s] whoever has taken the seat. */
struct seat {
    struct hasher_process process; /* [s], but it may be interrupted */
    atomic_bool is_lost;           /* set by [s]: the process is of no use any more */
    bool is_taken;                 /* [m] */
};

struct hasher {
    struct lock lock;     /* rank LOCK_HASHER: the fields marked [m] */
    pthread_cond_t freed; /* a seat is, or it is the end */
    unsigned waiting;     /* [m] callers */
    bool stopping;        /* [m] */
    struct seat seats[PROCESSES_MAX];
    unsigned count; /* [I] of seats */
};

/* One that has its process, if there is any; the lock is held. */
static struct seat *
find_free(struct hasher *hasher)
{
    struct seat *lost = NULL;

    for (unsigned i = 0; i < hasher->count; i++) {
        struct seat *seat = &hasher->seats[i];
        if (seat->is_taken)
            continue;
        if (!atomic_load(&seat->is_lost))
            return seat;
        lost = seat;
    }
    return lost;
}

static bool
is_stopping(struct hasher *hasher)
{
    lock_take(&hasher->lock);
    bool stopping = hasher->stopping;
    lock_drop(&hasher->lock);
    return stopping;
}

/* Without its process, as where memory was short, whoever asks does the work. */
static int
answer(struct hasher *hasher, struct seat *seat, const struct hasher_question *question,
       struct hasher_answer *out)
{
    if (!atomic_load(&seat->is_lost)) {
        int error = hasher_process_ask(&seat->process, question, out);
        if (error == 0 || error == -ENOMEM)
            return error;
        if (is_stopping(hasher))
            return -ESHUTDOWN;
        log_warn(-error, "hasher-lost pid=%d", (int)seat->process.pid);
        hasher_process_kill(&seat->process);
        atomic_store(&seat->is_lost, true);
    }
    hasher_process_answer(question, out);
    return 0;
}

/* Waits for a seat; 0 and the seat in *out, or -ESHUTDOWN, -EBUSY. */
static int
take_seat(struct hasher *hasher, struct seat **out)
{
    struct seat *seat = NULL;

    lock_take(&hasher->lock);
    int error = hasher->stopping ? -ESHUTDOWN : hasher->waiting >= HASHER_WAITING_MAX ? -EBUSY : 0;
    if (error == 0) {
        hasher->waiting++;
        while (!hasher->stopping && (seat = find_free(hasher)) == NULL)
            lock_wait(&hasher->lock, &hasher->freed);
        if (seat != NULL) {
            seat->is_taken = true;
        } else {
            error = -ESHUTDOWN;
            hasher->waiting--;
        }
    }
    lock_drop(&hasher->lock);
    *out = seat;
    return error;
}

static void
leave_seat(struct hasher *hasher, struct seat *seat)
{
    lock_take(&hasher->lock);
    seat->is_taken = false;
    hasher->waiting--;
    lock_condition_signal(&hasher->freed);
    lock_drop(&hasher->lock);
}

static int
ask(struct hasher *hasher, struct hasher_question *question, const char *password, size_t length,
    char out[REPO_PASSWORD_SIZE])
{
    struct hasher_answer result;
    struct seat *seat;

    assert(length <= sizeof(question->password));
    lock_assert_none();
    int error = take_seat(hasher, &seat);
    if (error == 0) {
        question->length = length;
        memcpy(question->password, password, length);
        error = answer(hasher, seat, question, &result);
        leave_seat(hasher, seat);
    }
    if (error == 0) {
        error = result.result;
        memcpy(out, result.out, REPO_PASSWORD_SIZE);
        sodium_memzero(&result, sizeof(result));
    }
    sodium_memzero(question, sizeof(*question));
    return error;
}

int
hasher_hash(struct hasher *hasher, const char *password, size_t length,
            char out[REPO_PASSWORD_SIZE])
{
    struct hasher_question question = {.verifies = false};

    return ask(hasher, &question, password, length, out);
}

int
hasher_verify(struct hasher *hasher, const char *kept, const char *password, size_t length,
              char rehashed[REPO_PASSWORD_SIZE])
{
    struct hasher_question question = {.verifies = true, .is_kept = kept != NULL};

    rehashed[0] = '\0';
    if (kept != NULL)
        memcpy(question.kept, kept, strnlen(kept, sizeof(question.kept) - 1));
    return ask(hasher, &question, password, length, rehashed);
}

unsigned
hasher_processes(struct hasher *hasher)
{
    unsigned count = 0;

    for (unsigned i = 0; i < hasher->count; i++)
        count += hasher_process_is_there(&hasher->seats[i].process);
    return count;
}

unsigned
hasher_waiting(struct hasher *hasher)
{
    lock_take(&hasher->lock);
    unsigned waiting = hasher->waiting;
    lock_drop(&hasher->lock);
    return waiting;
}

int
hasher_open(unsigned processes, struct hasher **out)
{
    struct hasher *hasher = calloc(1, sizeof(*hasher));
    int error = 0;

    if (hasher == NULL)
        return -ENOMEM;
    if (sodium_init() < 0) {
        free(hasher);
        return -EIO;
    }
    lock_init(&hasher->lock, LOCK_HASHER);
    lock_condition_init(&hasher->freed);
    unsigned count = processes < 1 ? 1 : processes > PROCESSES_MAX ? PROCESSES_MAX : processes;
    while (hasher->count < count && error == 0) {
        error = hasher_process_start(&hasher->seats[hasher->count].process, ANSWER_LIMIT_MS);
        hasher->count += error == 0;
    }
    if (error != 0)
        hasher_close(&hasher);
    *out = hasher;
    return error;
}

void
hasher_stop(struct hasher *hasher)
{
    lock_take(&hasher->lock);
    hasher->stopping = true;
    lock_condition_broadcast(&hasher->freed);
    for (unsigned i = 0; i < hasher->count; i++)
        hasher_process_interrupt(&hasher->seats[i].process);
    lock_drop(&hasher->lock);
}

void
hasher_close(struct hasher **pointer)
{
    struct hasher *hasher = *pointer;

    *pointer = NULL;
    if (hasher == NULL)
        return;
    assert(hasher->waiting == 0);
    for (unsigned i = 0; i < hasher->count; i++)
        hasher_process_end(&hasher->seats[i].process);
    lock_condition_destroy(&hasher->freed);
    lock_destroy(&hasher->lock);
    free(hasher);
}
