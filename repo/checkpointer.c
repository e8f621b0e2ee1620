#include "repo/checkpointer.h"

#include "repo/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

#define NEAR_FRAMES 64 /* so few are left for the writer, where that can be reached */
#define PASSES_MAX  4  /* after which it is as near as it gets */

/* Locks: [I] immutable, [a] atomic. */
struct checkpointer {
    struct connection *connection; /* [I] its thread's alone */
    pthread_t thread;              /* [I] */
    sem_t asked;
    atomic_bool is_asked; /* [a] and did not begin yet */
    atomic_bool is_near;  /* [a] */
    atomic_bool stops;    /* [a] */
    atomic_int frames;    /* [a] in the log, as far as the writer has told */
};

/*
 * Each pass moves what was there when it began. If one fails, what is committed stays in the log,
 * and whoever asks next has it tried again; another process may be at the same thing.
 */
static void
move(struct checkpointer *checkpointer)
{
    for (int passes = 0; passes < PASSES_MAX; passes++) {
        int moved = -1;
        int code = sqlite3_wal_checkpoint_v2(checkpointer->connection->database, "main",
                                             SQLITE_CHECKPOINT_PASSIVE, NULL, &moved);
        assert(code != SQLITE_MISUSE);
        if (code != SQLITE_OK || moved < 0)
            return;
        if (atomic_load(&checkpointer->frames) - moved <= NEAR_FRAMES)
            break;
    }
    atomic_store(&checkpointer->is_near, true);
}

static void *
run(void *argument)
{
    struct checkpointer *checkpointer = argument;

    for (;;) {
        while (sem_wait(&checkpointer->asked) != 0)
            assert(errno == EINTR);
        if (atomic_load(&checkpointer->stops))
            return NULL;
        atomic_store(&checkpointer->is_asked, false);
        move(checkpointer);
    }
}

int
checkpointer_open(struct connection *connection, struct checkpointer **out)
{
    struct checkpointer *checkpointer = calloc(1, sizeof(*checkpointer));
    if (checkpointer == NULL)
        return -ENOMEM;
    checkpointer->connection = connection;
    if (sem_init(&checkpointer->asked, 0, 0) != 0) {
        int error = -errno;
        free(checkpointer);
        return error;
    }
    int error = pthread_create(&checkpointer->thread, NULL, run, checkpointer);
    if (error != 0) {
        int code = sem_destroy(&checkpointer->asked);
        assert(code == 0);
        free(checkpointer);
        return -error;
    }
    *out = checkpointer;
    return 0;
}

static void
post(struct checkpointer *checkpointer)
{
    int error = sem_post(&checkpointer->asked);
    assert(error == 0);
}

void
checkpointer_close(struct checkpointer **checkpointer)
{
    struct checkpointer *closed = *checkpointer;
    *checkpointer = NULL;
    if (closed == NULL)
        return;
    atomic_store(&closed->stops, true);
    sqlite3_interrupt(closed->connection->database);
    post(closed);
    int error = pthread_join(closed->thread, NULL);
    assert(error == 0);
    error = sem_destroy(&closed->asked);
    assert(error == 0);
    free(closed);
}

void
checkpointer_ask(struct checkpointer *checkpointer, int frames)
{
    atomic_store(&checkpointer->frames, frames);
    if (!atomic_exchange(&checkpointer->is_asked, true))
        post(checkpointer);
}

bool
checkpointer_is_near(struct checkpointer *checkpointer)
{
    return atomic_exchange(&checkpointer->is_near, false);
}
