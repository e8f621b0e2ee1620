/* Users online, and the number that moves on with each change to them. */
#include "repo/sqlite.h"
#include "repo/write_group.h"

#include <errno.h>

int
user_from_row(sqlite3_stmt *statement, struct repo_user *out)
{
    int error = statement_text(statement, 0, out->id, sizeof(out->id));
    if (error == 0)
        error = statement_text(statement, 1, out->name, sizeof(out->name));
    if (error == 0)
        error = statement_text(statement, 2, out->instance, sizeof(out->instance));
    return error;
}

int
users_changed(struct connection *connection)
{
    sqlite3_stmt *statement;
    int error = statement_get(connection, STATEMENT_USERS_CHANGED,
                              "UPDATE users_version SET version = version + 1", &statement);
    return error != 0 ? error : statement_run(connection, statement);
}

/* ---- adding and removing ------------------------------------------------------------------ */

/* Runs a statement whose parameters are the id, the instance and, if there is a third, the name. */
static int
change_row(struct connection *connection, enum statement which, const char *sql,
           const struct repo_user *user, bool *changed)
{
    sqlite3_stmt *statement;
    int error = statement_get(connection, which, sql, &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_text(statement, 1, user->id, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 2, user->instance, -1, SQLITE_STATIC) ||
        (sqlite3_bind_parameter_count(statement) > 2 &&
         sqlite3_bind_text(statement, 3, user->name, -1, SQLITE_STATIC)))
        return connection_error(connection);
    error = statement_run(connection, statement);
    if (error == 0 && sqlite3_changes(connection->database) > 0)
        *changed = true;
    return error;
}

int
user_add(struct connection *connection, const struct repo_user *user, bool *changed)
{
    return change_row(connection, STATEMENT_USER_ADD,
                      "INSERT INTO user (id, instance, name) VALUES (?1, ?2, ?3) "
                      "ON CONFLICT (id, instance) DO UPDATE SET name = excluded.name "
                      "WHERE name <> excluded.name",
                      user, changed);
}

int
user_remove(struct connection *connection, const struct repo_user *user, bool *changed)
{
    return change_row(connection, STATEMENT_USER_REMOVE,
                      "DELETE FROM user WHERE id = ?1 AND instance = ?2", user, changed);
}

struct change {
    const struct repo_user *users;
    size_t count;
};

static int
add(struct connection *connection, void *argument)
{
    const struct change *change = argument;
    bool changed = false;
    int error = 0;
    for (size_t i = 0; i < change->count && error == 0; i++)
        error = user_add(connection, &change->users[i], &changed);
    return error == 0 && changed ? users_changed(connection) : error;
}

static int
drop(struct connection *connection, void *argument)
{
    const struct change *change = argument;
    bool changed = false;
    int error = 0;
    for (size_t i = 0; i < change->count && error == 0; i++)
        error = user_remove(connection, &change->users[i], &changed);
    return error == 0 && changed ? users_changed(connection) : error;
}

int
repo_users_add(struct repo *repo, const struct repo_user *users, size_t count)
{
    struct change change = {.users = users, .count = count};
    return count == 0 ? 0 : write_group_run(repo->group, add, &change);
}

int
repo_users_remove(struct repo *repo, const struct repo_user *users, size_t count)
{
    struct change change = {.users = users, .count = count};
    return count == 0 ? 0 : write_group_run(repo->group, drop, &change);
}

/* ---- reading ------------------------------------------------------------------------------ */

int
user_is_online(struct connection *connection, const char *id)
{
    sqlite3_stmt *statement;
    int result = statement_get(connection, STATEMENT_USER_IS_ONLINE,
                               "SELECT 1 FROM user WHERE id = ?1 LIMIT 1", &statement);
    if (result != 0)
        return result;
    if (sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC))
        return connection_error(connection);
    return statement_end(connection, statement, statement_row(connection, statement));
}

static int
find_by_id(struct connection *connection, const char *id, struct repo_user *out)
{
    sqlite3_stmt *statement;
    int result =
        statement_get(connection, STATEMENT_USER_BY_ID,
                      "SELECT id, name, instance FROM user WHERE id = ?1 LIMIT 1", &statement);
    if (result != 0)
        return result;
    if (sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC))
        return connection_error(connection);
    result = statement_row(connection, statement);
    if (result > 0)
        result = user_from_row(statement, out);
    else if (result == 0)
        result = -ENOENT;
    return statement_end(connection, statement, result);
}

int
repo_user_find_by_id(struct repo *repo, const char *id, struct repo_user *out)
{
    struct connection *reader = reader_take(repo);
    int error = find_by_id(reader, id, out);
    reader_give(repo, reader);
    return error;
}

static int
read_all(struct connection *connection, repo_user_function each, void *argument)
{
    sqlite3_stmt *statement;
    int result =
        statement_get(connection, STATEMENT_USERS_ALL,
                      "SELECT id, name, instance FROM user ORDER BY id, instance", &statement);
    if (result != 0)
        return result;
    int row = 0;
    while (result == 0 && (row = statement_row(connection, statement)) > 0) {
        struct repo_user user;
        result = user_from_row(statement, &user);
        if (result == 0)
            result = each(argument, &user);
    }
    return statement_end(connection, statement, row < 0 ? row : result);
}

int
repo_users_all(struct repo *repo, repo_user_function each, void *argument)
{
    struct connection *reader = reader_take(repo);
    int result = read_all(reader, each, argument);
    reader_give(repo, reader);
    return result;
}

static int
read_version(struct connection *connection, uint64_t *out)
{
    sqlite3_stmt *statement;
    int result = statement_get(connection, STATEMENT_USERS_VERSION,
                               "SELECT version FROM users_version", &statement);
    if (result != 0)
        return result;
    result = statement_row(connection, statement);
    if (result > 0) {
        *out = (uint64_t)sqlite3_column_int64(statement, 0);
        result = 0;
    } else if (result == 0) {
        result = -EIO;
    }
    return statement_end(connection, statement, result);
}

int
repo_users_version(struct repo *repo, uint64_t *out)
{
    struct connection *reader = reader_take(repo);
    int error = read_version(reader, out);
    reader_give(repo, reader);
    return error;
}
