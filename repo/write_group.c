#include "repo/write_group.h"

#include "repo/checkpointer.h"
#include "repo/lock.h"
#include "repo/log_file.h"
#include "repo/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * Frames in the log (pages of 4 KiB) after which the checkpointer moves what it can to the database
 * file, and again after so many more; and after which a commit insists: it then keeps other writers
 * out, for a moment, so that the log begins anew even if somebody reads or writes at any time.
 * Without that a busy log only grows.
 */
#define CHECKPOINT_FRAMES  4000
#define AGAIN_FRAMES       1000
#define RESTART_FRAMES     8000
#define RESTART_TIMEOUT_MS 500

/* Locks: [I] immutable, [a] atomic, [m] under the group's mutex, [T] the leader's thread. */

/* A caller of write_group_run, on its stack. */
struct request {
    write_function function; /* [I] */
    void *argument;          /* [I] */
    int64_t deadline;        /* [I] until when it waits for another process's lock */
    int result;              /* [T], then the caller's once it is woken */
    bool leads;              /* [m], then the caller's: woken to lead, and not because it is done */
    sem_t woken;             /* its own, so that nobody is woken for another */
    struct request *next;    /* [m], [T] once taken */
};

struct write_group {
    struct connection *connection;     /* [T] */
    int busy_timeout_ms;               /* [I] */
    struct checkpointer *checkpointer; /* [I] */
    int checkpoint_at;             /* [T] frames in the log after which to ask the checkpointer */
    int restart_at;                /* [T] frames in the log after which to insist */
    pthread_mutex_t mutex;         /* held for a few instructions, never across SQLite */
    struct request *first;         /* [m] the queue, oldest first; a leader stays until taken */
    struct request **last;         /* [m] where the next one is hung */
    size_t waiting;                /* [m] the queue's length */
    bool has_leader;               /* [m] */
    atomic_uint_fast64_t commits;  /* [a] */
    atomic_uint_fast64_t writes;   /* [a] */
    atomic_uint_fast64_t failures; /* [a] */
};

/* Moves all, and waits until others have let the log go. */
static void
insist(struct write_group *group, sqlite3 *database, const char *name, int frames)
{
    int seen = -1;
    group->connection->deadline = monotonic_ms() + RESTART_TIMEOUT_MS;
    int code = sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_RESTART, &seen, NULL);
    assert(code != SQLITE_MISUSE);
    /*
     * Less and less often, in case somebody stays in a read for good; but at the next commit if
     * it saw no frame, since then another process is at the same thing.
     */
    if (seen >= 0)
        group->restart_at = frames * 2;
}

/* Called by SQLite after a commit, with the number of frames in the log. */
static int
move_log(void *argument, sqlite3 *database, const char *name, int frames)
{
    struct write_group *group = argument;
    if (frames < CHECKPOINT_FRAMES) {
        group->restart_at = RESTART_FRAMES;
        group->checkpoint_at = CHECKPOINT_FRAMES;
        return SQLITE_OK;
    }
    if (frames >= group->checkpoint_at) {
        group->checkpoint_at = frames + AGAIN_FRAMES;
        checkpointer_ask(group->checkpointer, frames);
    }
    if (checkpointer_is_near(group->checkpointer)) {
        /* If it fails, what is committed stays in the log, and a later commit tries again. */
        int code = sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        assert(code != SQLITE_MISUSE);
    }
    if (frames >= group->restart_at)
        insist(group, database, name, frames);
    return SQLITE_OK;
}

int
write_group_open(struct connection *connection, struct checkpointer *checkpointer,
                 int busy_timeout_ms, struct write_group **out)
{
    struct write_group *group = calloc(1, sizeof(*group));
    if (group == NULL)
        return -ENOMEM;
    int error = pthread_mutex_init(&group->mutex, NULL);
    if (error != 0) {
        free(group);
        return -error;
    }
    group->connection = connection;
    group->busy_timeout_ms = busy_timeout_ms;
    group->checkpointer = checkpointer;
    group->checkpoint_at = CHECKPOINT_FRAMES;
    group->restart_at = RESTART_FRAMES;
    group->last = &group->first;
    /* Not a failure: it gives the hook that was there before, and there was none. */
    void *former = sqlite3_wal_hook(connection->database, move_log, group);
    assert(former == NULL);
    *out = group;
    return 0;
}

void
write_group_close(struct write_group **group)
{
    struct write_group *closed = *group;
    *group = NULL;
    if (closed == NULL)
        return;
    assert(closed->first == NULL && !closed->has_leader);
    mutex_destroy(&closed->mutex);
    free(closed);
}

static void
wake(struct request *request)
{
    int error = sem_post(&request->woken);
    assert(error == 0);
}

/* ---- transactions ------------------------------------------------------------------------- */

static int
execute(struct connection *connection, enum statement which, const char *sql)
{
    sqlite3_stmt *statement;
    int error = statement_get(connection, which, sql, &statement);
    return error != 0 ? error : statement_run(connection, statement);
}

static int
rollback(struct connection *connection)
{
    /* SQLite has rolled back by itself after the worst failures; then there is nothing to do. */
    if (sqlite3_get_autocommit(connection->database))
        return 0;
    return execute(connection, STATEMENT_ROLLBACK, "ROLLBACK");
}

static int
begin(struct connection *connection, int64_t deadline)
{
    /* Ends what a failed rollback left open, or no transaction would ever begin again. */
    int error = rollback(connection);
    if (error != 0)
        return error;
    connection->deadline = deadline;
    return execute(connection, STATEMENT_BEGIN, "BEGIN IMMEDIATE");
}

static int
commit(struct connection *connection)
{
    log_file_begin(connection->database);
    int error = execute(connection, STATEMENT_COMMIT, "COMMIT");
    bool is_written = log_file_end(connection->database);
    assert(error != 0 || is_written);
    return error;
}

/* Runs the requests in the transaction that has begun, and commits it. */
static int
commit_requests(struct write_group *group, struct request *first)
{
    struct connection *connection = group->connection;
    uint64_t count = 0;
    int error = 0;
    for (struct request *request = first; request != NULL && error == 0; request = request->next) {
        error = request->function(connection, request->argument);
        count++;
    }
#ifdef CHATD_BREAK_ACK /* test/chaos: all but the leader are told of success before there is any */
    for (struct request *told = first->next;
         told != NULL && told->function == first->function && error == 0; told = first->next) {
        first->next = told->next;
        wake(told);
    }
    sqlite3_sleep(10);
#endif
    if (error == 0)
        error = commit(connection);
    if (error == 0) {
        atomic_fetch_add(&group->commits, 1);
        atomic_fetch_add(&group->writes, count);
        return 0;
    }
    atomic_fetch_add(&group->failures, 1);
    /* If this fails as well, the storage is what failed, and the next begin tries it once more. */
    int undone = rollback(connection);
    return undone != 0 ? undone : error;
}

/* Gives each request a transaction of its own, so that the failure of one is not the others'. */
static void
commit_separately(struct write_group *group, struct request *first)
{
    for (struct request *request = first; request != NULL;) {
        struct request *next = request->next;
        request->next = NULL;
        request->result = begin(group->connection, request->deadline);
        if (request->result == 0)
            request->result = commit_requests(group, request);
        request->next = next;
        request = next;
    }
}

/* ---- the queue ---------------------------------------------------------------------------- */

/* Takes all that wait or, of those, only the ones whose deadline has passed by `now`. */
static struct request *
take(struct write_group *group, bool all, int64_t now)
{
    struct request *taken = group->first;
    struct request **end = &group->first;
    /* The leader, which is the first, is taken in any case. */
    do {
        end = &(*end)->next;
        group->waiting--;
    } while (*end != NULL && (all || (*end)->deadline <= now));
    group->first = *end;
    if (group->first == NULL)
        group->last = &group->first;
    *end = NULL;
    return taken;
}

static void
wait_for_wake(struct request *request)
{
    while (sem_wait(&request->woken) != 0)
        assert(errno == EINTR);
}

/* Names the next leader, if anybody waits. */
static void
pass_on(struct write_group *group)
{
    mutex_lock(&group->mutex);
    struct request *next = group->first;
    group->has_leader = next != NULL;
    if (next != NULL)
        next->leads = true;
    mutex_unlock(&group->mutex);
    if (next != NULL)
        wake(next);
}

/* Leads one transaction: the leader's own and that of all who wait. */
static void
lead(struct write_group *group, struct request *leader)
{
    int error = begin(group->connection, leader->deadline);
    mutex_lock(&group->mutex);
    assert(group->first == leader);
    /* Who came while another process held the lock has not waited as long as it may. */
    struct request *taken = take(group, error != -EBUSY, monotonic_ms());
    mutex_unlock(&group->mutex);

    bool begun = error == 0;
    if (begun)
        error = commit_requests(group, taken);
    if (begun && error != 0 && taken->next != NULL) {
        commit_separately(group, taken);
    } else {
        for (struct request *request = taken; request != NULL; request = request->next)
            request->result = error;
    }

    while (taken != NULL) {
        /* A request is gone as soon as its caller is awake. */
        struct request *next = taken->next;
        if (taken != leader)
            wake(taken);
        taken = next;
    }
    /* Last, so that those who come back at once are in the next transaction and not behind it. */
    pass_on(group);
}

int
write_group_run(struct write_group *group, write_function function, void *argument)
{
    struct request request = {.function = function, .argument = argument};
    if (sem_init(&request.woken, 0, 0) != 0)
        return -errno;

    mutex_lock(&group->mutex);
    /* Under the mutex, so that the queue is in the order of the deadlines too. */
    request.deadline = monotonic_ms() + group->busy_timeout_ms;
    *group->last = &request;
    group->last = &request.next;
    group->waiting++;
    request.leads = !group->has_leader;
    bool waits = group->has_leader;
    group->has_leader = true;
    mutex_unlock(&group->mutex);

    if (waits)
        wait_for_wake(&request);
    if (request.leads)
        lead(group, &request);

    int error = sem_destroy(&request.woken);
    assert(error == 0);
    return request.result;
}

size_t
write_group_waiting(struct write_group *group)
{
    mutex_lock(&group->mutex);
    size_t waiting = group->waiting;
    mutex_unlock(&group->mutex);
    return waiting;
}

void
write_group_count(struct write_group *group, struct write_group_counters *out)
{
    out->commits = atomic_load(&group->commits);
    out->writes = atomic_load(&group->writes);
    out->failures = atomic_load(&group->failures);
}
