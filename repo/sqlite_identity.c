/* Identities: users who may come back, until their tokens expire. */
#include "repo/parameter.h"
#include "repo/write_group.h"

#include <errno.h>

/* ---- finding ------------------------------------------------------------------------------ */

#define IDENTITY_SELECT "SELECT id, name, expires, seen FROM identity "

/* Reads the one identity that the statement gives, and ends the statement. */
static int
read_identity(struct connection *connection, sqlite3_stmt *statement, struct repo_identity *out)
{
    int result = statement_row(connection, statement);
    if (result == 0) {
        result = -ENOENT;
    } else if (result > 0) {
        out->expires = sqlite3_column_int64(statement, 2);
        out->seen = sqlite3_column_int64(statement, 3);
        result = statement_text(statement, 0, out->id, sizeof(out->id));
        if (result == 0)
            result = statement_text(statement, 1, out->name, sizeof(out->name));
    }
    return statement_end(connection, statement, result);
}

int
repo_identity_find(struct repo *repo, const unsigned char hash[REPO_TOKEN_HASH_BYTES], int64_t now,
                   struct repo_identity *out)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int error = statement_with(reader, STATEMENT_IDENTITY_BY_TOKEN,
                               IDENTITY_SELECT "WHERE token_hash = ?1 AND (expires >= ?2 OR EXISTS "
                                               "(SELECT 1 FROM user WHERE user.id = identity.id))",
                               PARAMETERS(with_hash(hash), with_number(now)), &statement);
    if (error == 0)
        error = read_identity(reader, statement, out);
    reader_give(repo, reader);
    return error;
}

int
repo_identity_find_by_id(struct repo *repo, const char *id, struct repo_identity *out)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int error = statement_with(reader, STATEMENT_IDENTITY_BY_ID,
                               IDENTITY_SELECT "WHERE id = ?1 UNION ALL "
                                               "SELECT id, name, 9223372036854775807, seen "
                                               "FROM account WHERE id = ?1",
                               PARAMETERS(with_text(id)), &statement);
    if (error == 0)
        error = read_identity(reader, statement, out);
    reader_give(repo, reader);
    return error;
}

/* ---- expiring ----------------------------------------------------------------------------- */

/* In the order of their index, so that two statements that ask for some get the same ones. */
#define EXPIRED                                                                                    \
    "SELECT id FROM identity WHERE expires < ?1"                                                   \
    " AND NOT EXISTS (SELECT 1 FROM user WHERE user.id = identity.id)"                             \
    " ORDER BY expires, id LIMIT ?2"

struct expiry {
    int64_t now;
    size_t limit;
    size_t removed; /* out */
};

/* Runs a statement with EXPIRED in it: nobody will have the ids of these users again. */
static int
forget(struct connection *connection, const struct expiry *expiry, enum statement which,
       const char *sql)
{
    return statement_do(connection, which, sql,
                        PARAMETERS(with_number(expiry->now), with_number(clamp(expiry->limit))));
}

static int
expire(struct connection *connection, void *argument)
{
    struct expiry *expiry = argument;
    /* Last the identities, so that it can be seen until then which these are. */
    int error = forget(connection, expiry, STATEMENT_IDENTITIES_ROLL_EXPIRE,
                       "DELETE FROM roll WHERE user_id IN (" EXPIRED ")");
    if (error == 0)
        error = forget(connection, expiry, STATEMENT_IDENTITIES_STANDING_EXPIRE,
                       "DELETE FROM room_standing WHERE user_id IN (" EXPIRED ")");
    if (error == 0)
        error = forget(connection, expiry, STATEMENT_IDENTITIES_BLOCK_EXPIRE,
                       "DELETE FROM block WHERE user_id IN (" EXPIRED ")");
    if (error == 0)
        error = forget(connection, expiry, STATEMENT_IDENTITIES_BLOCKED_EXPIRE,
                       "DELETE FROM block WHERE blocked_id IN (" EXPIRED ")");
    if (error == 0)
        error = forget(connection, expiry, STATEMENT_IDENTITIES_EXPIRE,
                       "DELETE FROM identity WHERE id IN (" EXPIRED ")");
    if (error == 0)
        expiry->removed = (size_t)sqlite3_changes(connection->database);
    return error;
}

int
repo_identities_expire(struct repo *repo, int64_t now, size_t limit, size_t *removed)
{
    struct expiry expiry = {.now = now, .limit = limit};
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result =
        statement_with(reader, STATEMENT_IDENTITIES_EXPIRED, EXPIRED,
                       PARAMETERS(with_number(now), with_number(clamp(limit))), &statement);
    if (result == 0)
        result = statement_end(reader, statement, statement_row(reader, statement));
    reader_give(repo, reader);
    if (result > 0)
        result = write_group_run(repo->group, expire, &expiry);
    if (result == 0)
        *removed = expiry.removed;
    return result;
}
