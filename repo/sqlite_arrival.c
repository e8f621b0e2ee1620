/* Arrivals and departures: what changes of a user's identity when it begins and ends to be online. */
#include "repo/parameter.h"
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
                              "INSERT INTO identity (id, name, token_hash, expires, seen, folded) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
                              &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_text(statement, 1, arrival->user.id, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 2, arrival->user.name, -1, SQLITE_STATIC) ||
        sqlite3_bind_blob(statement, 3, arrival->token_hash, REPO_TOKEN_HASH_BYTES,
                          SQLITE_STATIC) ||
        sqlite3_bind_int64(statement, 4, arrival->expires) ||
        sqlite3_bind_int64(statement, 5, arrival->seen) ||
        sqlite3_bind_text(statement, 6, arrival->folded, -1, SQLITE_STATIC))
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

/* Lets a guest in, unless its name is an account's. */
static int
arrive_guest(struct connection *connection, struct repo_arrival *arrival)
{
    bool is_new = false;
    int64_t one;
    int taken = arrival->folded == NULL
                    ? 0
                    : statement_number(connection, STATEMENT_ACCOUNT_HAS_NAME,
                                       "SELECT 1 FROM account WHERE folded = ?1",
                                       PARAMETERS(with_text(arrival->folded)), &one);
    if (taken != 0) {
        arrival->refusal = REPO_REFUSED_NAME;
        return taken < 0 ? taken : 0;
    }
    int error = add_identity(connection, arrival, &is_new);
    if (error != 0 || is_new)
        return error;
    error = move_seen(connection, arrival->user.id, arrival->seen);
    if (error == 0)
        error = extend(connection, arrival->user.id, arrival->expires);
    /* Whose identity is from a time when there were no accounts is found by its name from now on. */
    return error != 0
               ? error
               : statement_do(connection, STATEMENT_GUEST_FOLDED,
                              "UPDATE identity SET folded = ?2 "
                              "WHERE id = ?1 AND folded IS NULL AND ?2 IS NOT NULL",
                              PARAMETERS(with_text(arrival->user.id), with_text(arrival->folded)));
}

static int
account_seen(struct connection *connection, const char *id, int64_t seen)
{
    return move_on(connection, STATEMENT_ACCOUNT_SEEN,
                   "UPDATE account SET seen = ?2 WHERE id = ?1 AND seen < ?2", id, seen);
}

/* Lets an account in, if its session is still there and it is not banned. */
static int
arrive_account(struct connection *connection, struct repo_arrival *arrival)
{
    int64_t banned_until = 0;
    int found = statement_number(
        connection, STATEMENT_SESSION_BANNED,
        "SELECT account.banned_until FROM session JOIN account ON account.id = session.account_id "
        "WHERE session.number = ?1 AND account.id = ?2",
        PARAMETERS(with_number(arrival->session), with_text(arrival->user.id)), &banned_until);
    if (found <= 0 || banned_until > arrival->seen) {
        arrival->refusal = found == 0 ? REPO_REFUSED_SESSION : REPO_REFUSED_BANNED;
        return found < 0 ? found : 0;
    }
    int error = session_seen(connection, arrival->session, arrival->seen, arrival->expires);
    return error != 0 ? error : account_seen(connection, arrival->user.id, arrival->seen);
}

static int
arrive(struct connection *connection, struct repo_arrival *arrival, bool *changed)
{
    arrival->refusal = REPO_REFUSED_NOT;
    int error = arrival->session != 0 ? arrive_account(connection, arrival)
                                      : arrive_guest(connection, arrival);
    if (error != 0 || arrival->refusal != REPO_REFUSED_NOT)
        return error;
    return user_add(connection, &arrival->user, changed);
}

struct arrivals {
    struct repo_arrival *arrivals;
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
repo_users_arrive(struct repo *repo, struct repo_arrival *arrivals, size_t count)
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
    if (error == 0)
        error = account_seen(connection, departure->user.id, departure->seen);
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
