/* The secret that is shared by everybody who shares the database. */
#include "repo/sqlite.h"
#include "repo/write_group.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static int
read_secret(struct connection *connection, unsigned char *secret)
{
    sqlite3_stmt *statement;
    int error = statement_get(connection, STATEMENT_SECRET, "SELECT key FROM secret", &statement);
    if (error != 0)
        return error;
    int result = statement_row(connection, statement);
    if (result == 0) {
        result = -ENOENT;
    } else if (result > 0) {
        const void *key = sqlite3_column_blob(statement, 0);
        bool is_whole = key != NULL && sqlite3_column_bytes(statement, 0) == REPO_SECRET_BYTES;
        if (is_whole)
            memcpy(secret, key, REPO_SECRET_BYTES);
        result = is_whole ? 0 : -EIO;
    }
    return statement_end(connection, statement, result);
}

/* Stores the offered secret, unless another one is there already, which then replaces it. */
static int
add_secret(struct connection *connection, void *argument)
{
    unsigned char *secret = argument;
    sqlite3_stmt *statement;
    int error = statement_get(connection, STATEMENT_SECRET_ADD,
                              "INSERT INTO secret (one, key) VALUES (1, ?1) ON CONFLICT DO NOTHING",
                              &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_blob(statement, 1, secret, REPO_SECRET_BYTES, SQLITE_TRANSIENT))
        return connection_error(connection);
    error = statement_run(connection, statement);
    return error != 0 ? error : read_secret(connection, secret);
}

int
repo_secret(struct repo *repo, unsigned char secret[REPO_SECRET_BYTES])
{
    struct connection *reader = reader_take(repo);
    int error = read_secret(reader, secret);
    reader_give(repo, reader);
    if (error != -ENOENT)
        return error;
    if (getrandom(secret, REPO_SECRET_BYTES, 0) != REPO_SECRET_BYTES)
        return -EIO;
    return write_group_run(repo->group, add_secret, secret);
}
