/* Arrivals and departures: what changes of a user's identity when it begins and ends to be online. */
#include "repo/sqlite.h"
#include "repo/write_group.h"

/* Identities are looked for by their end, so it moves in steps: most arrivals change no index. */
#define EXTENSION_MS "3600000"

/* ---- arriving ----------------------------------------------------------------------------- */

/* Stores the identity; *is_new says whether there was none of the id. */
static int
add_identity(struct connection *connection, const struct repo_arrival *arrival, bool *is_new)
{
    sqlite3_stmt *statement;
    int error = statement_get(connection, STATEMENT_IDENTITY_ADD,
                              "INSERT INTO identity (id, name, token_hash, expires, seen) "
                              "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
                              &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_text(statement, 1, arrival->user.id, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 2, arrival->user.name, -1, SQLITE_STATIC) ||
        sqlite3_bind_blob(statement, 3, arrival->token_hash, REPO_TOKEN_HASH_BYTES,
                          SQLITE_STATIC) ||
        sqlite3_bind_int64(statement, 4, arrival->expires) ||
        sqlite3_bind_int64(statement, 5, arrival->seen))
        return connection_error(connection);
    error = statement_run(connection, statement);
    if (error == 0)
        *is_new = sqlite3_changes(connection->database) > 0;
    return error;
}

/* Runs a statement whose parameters are the id and a time. */
static int
move_on(struct connection *connection, enum statement which, const char *sql, const char *id,
        int64_t time)
{
    sqlite3_stmt *statement;
    int error = statement_get(connection, which, sql, &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC) ||
        sqlite3_bind_int64(statement, 2, time))
        return connection_error(connection);
    return statement_run(connection, statement);
}

static int
move_seen(struct connection *connection, const char *id, int64_t seen)
{
    return move_on(connection, STATEMENT_IDENTITY_SEEN,
                   "UPDATE identity SET seen = ?2 WHERE id = ?1 AND seen < ?2", id, seen);
}

static int
extend(struct connection *connection, const char *id, int64_t expires)
{
    return move_on(connection, STATEMENT_IDENTITY_EXTEND,
                   "UPDATE identity SET expires = ?2 "
                   "WHERE id = ?1 AND expires <= ?2 - " EXTENSION_MS,
                   id, expires);
}

static int
arrive(struct connection *connection, const struct repo_arrival *arrival, bool *changed)
{
    bool is_new = false;
    int error = add_identity(connection, arrival, &is_new);
    if (error == 0 && !is_new)
        error = move_seen(connection, arrival->user.id, arrival->seen);
    if (error == 0 && !is_new)
        error = extend(connection, arrival->user.id, arrival->expires);
    return error != 0 ? error : user_add(connection, &arrival->user, changed);
}

struct arrivals {
    const struct repo_arrival *arrivals;
    size_t count;
};

static int
arrive_all(struct connection *connection, void *argument)
{
    const struct arrivals *all = argument;
    bool changed = false;
    int error = 0;
    for (size_t i = 0; i < all->count && error == 0; i++)
        error = arrive(connection, &all->arrivals[i], &changed);
    return error == 0 && changed ? users_changed(connection) : error;
}

int
repo_users_arrive(struct repo *repo, const struct repo_arrival *arrivals, size_t count)
{
    struct arrivals all = {.arrivals = arrivals, .count = count};
    return count == 0 ? 0 : write_group_run(repo->group, arrive_all, &all);
}

/* ---- departing ---------------------------------------------------------------------------- */

static int
depart(struct connection *connection, struct repo_departure *departure, bool *changed)
{
    bool was_there = false;
    departure->is_last = false;
    int error = user_remove(connection, &departure->user, &was_there);
    if (error == 0)
        error = move_seen(connection, departure->user.id, departure->seen);
    if (error == 0)
        error = extend(connection, departure->user.id, departure->expires);
    if (error != 0 || !was_there)
        return error;
    *changed = true;
    int is_online = user_is_online(connection, departure->user.id);
    departure->is_last = is_online == 0;
    return is_online < 0 ? is_online : 0;
}

struct departures {
    struct repo_departure *departures;
    size_t count;
};

static int
depart_all(struct connection *connection, void *argument)
{
    const struct departures *all = argument;
    bool changed = false;
    int error = 0;
    for (size_t i = 0; i < all->count && error == 0; i++)
        error = depart(connection, &all->departures[i], &changed);
    return error == 0 && changed ? users_changed(connection) : error;
}

int
repo_users_depart(struct repo *repo, struct repo_departure *departures, size_t count)
{
    struct departures all = {.departures = departures, .count = count};
    int error = count == 0 ? 0 : write_group_run(repo->group, depart_all, &all);
    for (size_t i = 0; i < count && error != 0; i++)
        departures[i].is_last = false;
    return error;
}
