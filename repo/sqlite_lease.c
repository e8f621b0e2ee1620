/* Leases: an instance that stops renewing its lease loses its users to whoever finds it so. */
#include "repo/parameter.h"
#include "repo/write_group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The instances that hold users. The index is walked from one instance to the next, so that it
 * costs a seek an instance and not a step a user.
 */
#define HOLDERS                                                                                    \
    "WITH RECURSIVE holder (instance) AS ("                                                        \
    " SELECT min(instance) FROM user UNION ALL"                                                    \
    " SELECT (SELECT min(instance) FROM user WHERE instance > holder.instance)"                    \
    " FROM holder WHERE holder.instance IS NOT NULL) "

/* ---- taking, renewing, giving back -------------------------------------------------------- */

struct lease {
    const char *instance;
    int64_t expires;
    bool was_held; /* out */
};

/* Runs a statement whose first parameter is the instance and whose second is `expires`, if any. */
static int
run(struct connection *connection, const struct lease *lease, enum statement which, const char *sql)
{
    sqlite3_stmt *statement;
    int error = statement_get(connection, which, sql, &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_text(statement, 1, lease->instance, -1, SQLITE_STATIC) ||
        (sqlite3_bind_parameter_count(statement) > 1 &&
         sqlite3_bind_int64(statement, 2, lease->expires)))
        return connection_error(connection);
    return statement_run(connection, statement);
}

static int
renew(struct connection *connection, void *argument)
{
    struct lease *lease = argument;
    int error = run(connection, lease, STATEMENT_LEASE_RENEW,
                    "UPDATE lease SET expires = ?2 WHERE instance = ?1");
    if (error != 0)
        return error;
    lease->was_held = sqlite3_changes(connection->database) > 0;
    if (lease->was_held)
        return 0;
    return run(connection, lease, STATEMENT_LEASE_TAKE,
               "INSERT INTO lease (instance, expires) VALUES (?1, ?2)");
}

static int
release(struct connection *connection, void *argument)
{
    struct lease *lease = argument;
    int error = 0;
    if (lease->expires > 0) {
        error = run(connection, lease, STATEMENT_LEASE_LEAVE,
                    "INSERT INTO lease (instance, expires) "
                    "SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM user WHERE instance = ?1) "
                    "ON CONFLICT (instance) DO UPDATE SET expires = excluded.expires");
        if (error != 0 || sqlite3_changes(connection->database) > 0)
            return error;
    }
    error =
        run(connection, lease, STATEMENT_LEASE_RELEASE, "DELETE FROM lease WHERE instance = ?1");
    if (error == 0)
        error = run(connection, lease, STATEMENT_LEASE_USERS_RELEASE,
                    "DELETE FROM user WHERE instance = ?1");
    if (error != 0 || sqlite3_changes(connection->database) == 0)
        return error;
    return users_changed(connection);
}

int
repo_lease_renew(struct repo *repo, const char *instance, int64_t expires, bool *was_held)
{
    struct lease lease = {.instance = instance, .expires = expires};
    int error = write_group_run(repo->group, renew, &lease);
    if (error == 0)
        *was_held = lease.was_held;
    return error;
}

int
repo_lease_release(struct repo *repo, const char *instance, int64_t until)
{
    struct lease lease = {.instance = instance, .expires = until};
    return write_group_run(repo->group, release, &lease);
}

/* ---- ending what has run out -------------------------------------------------------------- */

struct expiry {
    int64_t now;
    struct repo_user *users; /* out: those that are gone; the caller's to free */
    size_t count;            /* out */
    size_t room;             /* how many `users` has room for */
};

static int
keep_user(struct expiry *expiry, sqlite3_stmt *statement)
{
    if (expiry->count == expiry->room) {
        size_t room = expiry->room == 0 ? 64 : expiry->room * 2;
        struct repo_user *users = reallocarray(expiry->users, room, sizeof(*users));
        if (users == NULL)
            return -ENOMEM;
        expiry->users = users;
        expiry->room = room;
    }
    int error = user_from_row(statement, &expiry->users[expiry->count]);
    if (error == 0)
        expiry->count++;
    return error;
}

static int
remove_users(struct connection *connection, struct expiry *expiry)
{
    sqlite3_stmt *statement;
    int result = statement_get(connection, STATEMENT_LEASES_USERS_EXPIRE,
                               "DELETE FROM user WHERE instance IN (" HOLDERS
                               "SELECT instance FROM holder WHERE instance NOT IN"
                               " (SELECT instance FROM lease)) RETURNING id, name, instance",
                               &statement);
    if (result != 0)
        return result;
    int row = 0;
    while (result == 0 && (row = statement_row(connection, statement)) > 0)
        result = keep_user(expiry, statement);
    result = statement_end(connection, statement, row < 0 ? row : result);
    if (result == 0 && expiry->count > 0)
        result = users_changed(connection);
    return result;
}

static int
compare_ids(const void *one, const void *other)
{
    return strcmp(((const struct repo_user *)one)->id, ((const struct repo_user *)other)->id);
}

/* Of the users whose rows were removed, keeps those of whom no row is left, each once. */
static int
keep_gone(struct connection *connection, struct expiry *expiry)
{
    size_t kept = 0;
    if (expiry->count > 1)
        qsort(expiry->users, expiry->count, sizeof(*expiry->users), compare_ids);
    for (size_t i = 0; i < expiry->count; i++) {
        if (kept > 0 && strcmp(expiry->users[kept - 1].id, expiry->users[i].id) == 0)
            continue;
        int is_online = user_is_online(connection, expiry->users[i].id);
        if (is_online < 0)
            return is_online;
        if (!is_online)
            expiry->users[kept++] = expiry->users[i];
    }
    expiry->count = kept;
    return 0;
}

static int
expire(struct connection *connection, void *argument)
{
    struct expiry *expiry = argument;
    expiry->count = 0;
    int error =
        statement_do(connection, STATEMENT_LEASES_EXPIRE, "DELETE FROM lease WHERE expires < ?1",
                     PARAMETERS(with_number(expiry->now)));
    if (error == 0)
        error = remove_users(connection, expiry);
    return error != 0 ? error : keep_gone(connection, expiry);
}

/* Says whether anything has run out: 1, 0 or a negative errno. */
static int
has_expired(struct repo *repo, int64_t now)
{
    struct connection *reader = reader_take(repo);
    int64_t one;
    int result = statement_number(reader, STATEMENT_LEASES_EXPIRED,
                                  HOLDERS "SELECT 1 FROM lease WHERE expires < ?1 UNION ALL "
                                          "SELECT 1 FROM holder WHERE instance NOT IN"
                                          " (SELECT instance FROM lease) LIMIT 1",
                                  PARAMETERS(with_number(now)), &one);
    reader_give(repo, reader);
    return result;
}

int
repo_leases_expire(struct repo *repo, int64_t now, repo_user_function each, void *argument)
{
    int result = has_expired(repo, now);
    if (result <= 0)
        return result;
    struct expiry expiry = {.now = now};
    result = write_group_run(repo->group, expire, &expiry);
    bool committed = result == 0;
    /* Nobody else will find these users, so each is given even if the caller fails for one. */
    for (size_t i = 0; i < expiry.count && committed; i++) {
        int refused = each(argument, &expiry.users[i]);
        result = result != 0 ? result : refused;
    }
    free(expiry.users);
    return result;
}
