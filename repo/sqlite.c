#include "repo/sqlite.h"

#include "repo/checkpointer.h"
#include "repo/lock.h"
#include "repo/log_file.h"
#include "repo/schema.h"
#include "repo/write_group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
connection_wait(void *argument, int attempts)
{
    const struct connection *connection = argument;
    /* Short waits: a transaction takes about a millisecond, and SQLite keeps no queue. */
    int64_t pause_us = attempts < 20 ? 200 : 2000;
    if (monotonic_ms() >= connection->deadline ||
        atomic_fetch_sub(connection->patience_us, pause_us) < pause_us)
        return 0;
    struct timespec pause = {.tv_nsec = pause_us * 1000};
    if (nanosleep(&pause, NULL) != 0)
        assert(errno == EINTR);
    return 1;
}

static int
system_error(const struct connection *connection)
{
    /* SQLite does not keep errno when a commit fails, so it was cleared before the call. */
    int system = errno != 0 ? errno : sqlite3_system_errno(connection->database);
    switch (system) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return -ENOSPC;
    case EROFS:
        return -EROFS;
    default:
        return -EIO;
    }
}

int
connection_error(const struct connection *connection)
{
    int code = sqlite3_extended_errcode(connection->database);
    if (code == SQLITE_IOERR_NOMEM)
        return -ENOMEM;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return -EBUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return system_error(connection);
    default:
        return -EIO;
    }
}

int
connection_execute(struct connection *connection, const char *sql)
{
    errno = 0;
    if (sqlite3_exec(connection->database, sql, NULL, NULL, NULL) != SQLITE_OK)
        return connection_error(connection);
    return 0;
}

/* ---- statements --------------------------------------------------------------------------- */

int
statement_get(struct connection *connection, enum statement which, const char *sql,
              sqlite3_stmt **out)
{
    sqlite3_stmt **kept = &connection->statements[which];
    if (*kept == NULL && sqlite3_prepare_v3(connection->database, sql, -1,
                                            SQLITE_PREPARE_PERSISTENT, kept, NULL) != SQLITE_OK)
        return connection_error(connection);
    *out = *kept;
    return 0;
}

int
statement_row(struct connection *connection, sqlite3_stmt *statement)
{
    errno = 0;
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default:
        return connection_error(connection);
    }
}

int
statement_end(struct connection *connection, sqlite3_stmt *statement, int result)
{
    /* After a failed step this gives the same failure once more. */
    if (sqlite3_reset(statement) != SQLITE_OK && result >= 0)
        return connection_error(connection);
    return result;
}

int
statement_run(struct connection *connection, sqlite3_stmt *statement)
{
    int row = statement_row(connection, statement);
    assert(row <= 0);
    return statement_end(connection, statement, row);
}

int
statement_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    out[0] = '\0';
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return 0;
    const char *text = (const char *)sqlite3_column_text(statement, column);
    if (text == NULL)
        return -ENOMEM;
    size_t length = (size_t)sqlite3_column_bytes(statement, column);
    if (length >= size)
        return -EIO;
    memcpy(out, text, length);
    out[length] = '\0';
    return 0;
}

/* ---- opening and closing ------------------------------------------------------------------ */

static void
connection_close(struct connection *connection)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        int code = sqlite3_finalize(connection->statements[i]);
        /* Every statement was reset, so none has a failure left to tell. */
        assert(code == SQLITE_OK);
    }
    int code = sqlite3_close(connection->database);
    assert(code == SQLITE_OK);
}

/* Opens the file; on failure the connection is to be closed as well. */
static int
connection_open(struct connection *connection, struct repo *repo,
                const struct repo_options *options, const char *vfs)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    connection->patience_us = &repo->patience_us;
    connection->deadline = monotonic_ms() + options->busy_timeout_ms;
    int code = sqlite3_open_v2(options->path, &connection->database, flags, vfs);
    if (connection->database == NULL)
        return -ENOMEM;
    if (code != SQLITE_OK)
        return connection_error(connection);
    if (sqlite3_busy_handler(connection->database, connection_wait, connection) != SQLITE_OK)
        return connection_error(connection);
    /* SQLite opens a file that it may not write for reading, and tells nobody. */
    if (sqlite3_db_readonly(connection->database, "main") != 0)
        return -EROFS;
    return 0;
}

/* Sets up a connection to a file that is ready. */
static int
connection_configure(struct connection *connection, const char *pragmas)
{
    /* The text of a message is at most 10,000 bytes: nothing here needs a large cache. */
    int error = connection_execute(connection, "PRAGMA temp_store = MEMORY;"
                                               "PRAGMA wal_autocheckpoint = 0;");
    return error != 0 ? error : connection_execute(connection, pragmas);
}

static const char *
durability_pragma(const struct repo_options *options)
{
    return options->durability == REPO_DURABILITY_FULL ? "PRAGMA synchronous = FULL;"
                                                       : "PRAGMA synchronous = NORMAL;";
}

/* *failed is the connection that does not open, if one does not. */
static int
writer_open(struct repo *repo, const struct repo_options *options, struct connection **failed,
            char *why, size_t why_size)
{
    *failed = &repo->writer;
    int error = log_file_register();
    if (error == 0)
        error = connection_open(&repo->writer, repo, options, LOG_FILE_VFS);
    if (error == 0)
        error = schema_prepare(&repo->writer, why, why_size);
    if (error == 0)
        error = connection_configure(&repo->writer, durability_pragma(options));
    if (error == 0)
        error = connection_execute(&repo->writer, "PRAGMA cache_size = -8000;");
    if (error != 0)
        return error;
    *failed = &repo->mover;
    error = connection_open(&repo->mover, repo, options, NULL);
    if (error == 0)
        error = connection_configure(&repo->mover, durability_pragma(options));
    if (error == 0)
        error = checkpointer_open(&repo->mover, &repo->checkpointer);
    if (error == 0)
        error = write_group_open(&repo->writer, repo->checkpointer, options->busy_timeout_ms,
                                 &repo->group);
    return error;
}

/* *failed is the connection that does not open, if one does not. */
static int
readers_open(struct repo *repo, const struct repo_options *options, struct connection **failed)
{
    for (int i = 0; i < REPO_READERS; i++) {
        struct connection *reader = *failed = &repo->readers[i];
        int error = connection_open(reader, repo, options, NULL);
        if (error == 0)
            error =
                connection_configure(reader, "PRAGMA query_only = 1; PRAGMA cache_size = -1000;");
        if (error != 0)
            return error;
        reader->next = repo->free;
        repo->free = reader;
    }
    return 0;
}

static int
pool_open(struct repo *repo)
{
    int error = pthread_mutex_init(&repo->mutex, NULL);
    if (error != 0)
        return -error;
    error = pthread_cond_init(&repo->given, NULL);
    if (error != 0)
        mutex_destroy(&repo->mutex);
    return -error;
}

int
repo_open(const struct repo_options *options, struct repo **out, char *why, size_t why_size)
{
    *out = NULL;
    struct repo *repo = calloc(1, sizeof(*repo));
    int error = repo == NULL ? -ENOMEM : pool_open(repo);
    if (error != 0) {
        snprintf(why, why_size, "%s: %s", options->path, strerror(-error));
        free(repo);
        return error;
    }
    repo->busy_timeout_ms = options->busy_timeout_ms;
    atomic_init(&repo->patience_us, INT64_MAX);
    struct connection *failed = &repo->writer;
    char reason[256] = "";
    error = writer_open(repo, options, &failed, reason, sizeof(reason));
    if (error == 0)
        error = readers_open(repo, options, &failed);
    if (error != 0) {
        error = schema_explain(failed, error, options->path, reason, why, why_size);
        repo_close(&repo);
        return error;
    }
    *out = repo;
    return 0;
}

void
repo_close(struct repo **repo)
{
    struct repo *closed = *repo;
    *repo = NULL;
    if (closed == NULL)
        return;
    write_group_close(&closed->group);
    checkpointer_close(&closed->checkpointer);
    connection_close(&closed->mover);
    for (int i = 0; i < REPO_READERS; i++)
        connection_close(&closed->readers[i]);
    /* The last one of a file moves the log to the database, so it is not one that only reads. */
    connection_close(&closed->writer);
    condition_destroy(&closed->given);
    mutex_destroy(&closed->mutex);
    free(closed);
}

static int
release_memory(struct connection *connection, void *argument)
{
    (void)argument;
    return sqlite3_db_release_memory(connection->database) == SQLITE_OK ? 0 : -EIO;
}

int
repo_release_memory(struct repo *repo)
{
    return write_group_run(repo->group, release_memory, NULL);
}

void
repo_hurry(struct repo *repo, int wait_ms)
{
    atomic_store(&repo->patience_us, (int64_t)wait_ms * 1000);
}

void
repo_statistics(struct repo *repo, struct repo_statistics *out)
{
    struct write_group_counters counters;
    write_group_count(repo->group, &counters);
    *out = (struct repo_statistics){
        .commits = counters.commits,
        .writes = counters.writes,
        .messages = atomic_load(&repo->messages),
        .failures = counters.failures,
    };
}

/* ---- the pool of readers ------------------------------------------------------------------ */

struct connection *
reader_take(struct repo *repo)
{
    mutex_lock(&repo->mutex);
    while (repo->free == NULL)
        condition_wait(&repo->given, &repo->mutex);
    struct connection *reader = repo->free;
    repo->free = reader->next;
    mutex_unlock(&repo->mutex);
    reader->deadline = monotonic_ms() + repo->busy_timeout_ms;
    return reader;
}

void
reader_give(struct repo *repo, struct connection *reader)
{
    mutex_lock(&repo->mutex);
    reader->next = repo->free;
    repo->free = reader;
    condition_signal(&repo->given);
    mutex_unlock(&repo->mutex);
}
