/* Sessions of accounts. */
#include "repo/parameter.h"
#include "repo/revocation.h"
#include "repo/session.h"
#include "repo/write_group.h"

#include <errno.h>
#include <stdio.h>

/* ---- beginning ---------------------------------------------------------------------------- */

/* Ends the session that was seen least recently, if the account has more than it may. */
static int
end_surplus(struct connection *connection, const char *account_id, int64_t now)
{
    struct repo_revocation revocation = {.kind = REPO_REVOKED_SESSION};
    int result = statement_number(
        connection, STATEMENT_SESSION_OVER,
        "SELECT number FROM session WHERE account_id = ?1 ORDER BY seen DESC, number DESC "
        "LIMIT 1 OFFSET ?2",
        PARAMETERS(with_text(account_id), with_number(REPO_SESSIONS_MAX)), &revocation.session);
    if (result <= 0)
        return result;
    snprintf(revocation.user_id, sizeof(revocation.user_id), "%s", account_id);
    int error = statement_do(connection, STATEMENT_SESSION_REMOVE,
                             "DELETE FROM session WHERE number = ?1 AND account_id = ?2",
                             PARAMETERS(with_number(revocation.session), with_text(account_id)));
    return error != 0 ? error : revocation_add(connection, &revocation, now);
}

int
session_begin(struct connection *connection, const char *account_id,
              const struct repo_session_start *start, int64_t now, int64_t *number)
{
    int error =
        statement_do(connection, STATEMENT_SESSION_ADD,
                     "INSERT INTO session (hash, account_id, created, seen, expires, agent) "
                     "VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
                     PARAMETERS(with_hash(start->hash), with_text(account_id), with_number(now),
                                with_number(start->expires), with_text(start->agent)));
    if (error != 0)
        return error;
    *number = sqlite3_last_insert_rowid(connection->database);
    return end_surplus(connection, account_id, now);
}

struct beginning {
    const char *account_id;
    const char *password;
    const char *rehashed;
    const struct repo_session_start *start;
    int64_t now;
    int64_t number; /* out */
};

static int
begin(struct connection *connection, void *argument)
{
    struct beginning *beginning = argument;
    /* Whoever changed the password meanwhile ended all sessions: no other may follow. */
    int error = account_change_password(connection, beginning->account_id, beginning->password,
                                        beginning->rehashed != NULL ? beginning->rehashed
                                                                    : beginning->password);
    return error != 0 ? error
                      : session_begin(connection, beginning->account_id, beginning->start,
                                      beginning->now, &beginning->number);
}

int
repo_session_begin(struct repo *repo, const char *account_id, const char *password,
                   const char *rehashed, const struct repo_session_start *start, int64_t now,
                   int64_t *number)
{
    struct beginning beginning = {.account_id = account_id,
                                  .password = password,
                                  .rehashed = rehashed,
                                  .start = start,
                                  .now = now};
    int error = write_group_run(repo->group, begin, &beginning);
    if (error == 0)
        *number = beginning.number;
    return error;
}

/* ---- finding ------------------------------------------------------------------------------ */

static int
user_of_row(sqlite3_stmt *statement, struct repo_session_user *out)
{
    out->session = sqlite3_column_int64(statement, 0);
    out->expires = sqlite3_column_int64(statement, 1);
    out->seen = sqlite3_column_int64(statement, 2);
    out->banned_until = sqlite3_column_int64(statement, 3);
    out->is_admin = sqlite3_column_int(statement, 4) != 0;
    int error = statement_text(statement, 5, out->id, sizeof(out->id));
    return error != 0 ? error : statement_text(statement, 6, out->name, sizeof(out->name));
}

int
repo_session_find(struct repo *repo, const unsigned char hash[REPO_TOKEN_HASH_BYTES], int64_t now,
                  struct repo_session_user *out)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result = statement_with(reader, STATEMENT_SESSION_BY_HASH,
                                "SELECT s.number, s.expires, a.seen, a.banned_until, a.admin, "
                                "a.id, a.name FROM session s JOIN account a ON a.id = s.account_id "
                                "WHERE s.hash = ?1 AND s.expires >= ?2",
                                PARAMETERS(with_hash(hash), with_number(now)), &statement);
    if (result == 0) {
        result = statement_row(reader, statement);
        result = result == 0 ? -ENOENT : result > 0 ? user_of_row(statement, out) : result;
        result = statement_end(reader, statement, result);
    }
    reader_give(repo, reader);
    return result;
}

static int
session_from_row(sqlite3_stmt *statement, struct repo_session *out)
{
    out->number = sqlite3_column_int64(statement, 0);
    out->created = sqlite3_column_int64(statement, 1);
    out->seen = sqlite3_column_int64(statement, 2);
    out->expires = sqlite3_column_int64(statement, 3);
    return statement_text(statement, 4, out->agent, sizeof(out->agent));
}

int
repo_sessions_of(struct repo *repo, const char *account_id, int64_t now, repo_session_function each,
                 void *argument)
{
    struct connection *reader = reader_take(repo);
    struct repo_session session;
    sqlite3_stmt *statement;
    int result = statement_with(reader, STATEMENT_SESSIONS_OF,
                                "SELECT number, created, seen, expires, agent FROM session "
                                "WHERE account_id = ?1 AND expires >= ?2 ORDER BY number DESC",
                                PARAMETERS(with_text(account_id), with_number(now)), &statement);
    if (result == 0) {
        while ((result = statement_row(reader, statement)) > 0) {
            result = session_from_row(statement, &session);
            if (result == 0)
                result = each(argument, &session);
            if (result != 0)
                break;
        }
        result = statement_end(reader, statement, result);
    }
    reader_give(repo, reader);
    return result;
}

/* ---- ending ------------------------------------------------------------------------------- */

int
sessions_end(struct connection *connection, const char *account_id, int64_t except, int64_t now)
{
    struct repo_revocation revocation = {.kind = REPO_REVOKED_USER, .session = except};
    snprintf(revocation.user_id, sizeof(revocation.user_id), "%s", account_id);
    int result = statement_number(connection, STATEMENT_SESSIONS_NEWEST,
                                  "SELECT max(number) FROM session "
                                  "WHERE account_id = ?1 AND number <> ?2",
                                  PARAMETERS(with_text(account_id), with_number(except)),
                                  &revocation.newest);
    if (result < 0 || revocation.newest == 0)
        return result < 0 ? result : 0; /* there is none */
    int error = statement_do(connection, STATEMENT_SESSIONS_REMOVE,
                             "DELETE FROM session WHERE account_id = ?1 AND number <> ?2",
                             PARAMETERS(with_text(account_id), with_number(except)));
    return error != 0 ? error : revocation_add(connection, &revocation, now);
}

struct ending {
    const char *account_id;
    int64_t number;
    int64_t now;
};

static int
end_one(struct connection *connection, void *argument)
{
    const struct ending *ending = argument;
    struct repo_revocation revocation = {.kind = REPO_REVOKED_SESSION, .session = ending->number};
    snprintf(revocation.user_id, sizeof(revocation.user_id), "%s", ending->account_id);
    int error =
        statement_do(connection, STATEMENT_SESSION_REMOVE,
                     "DELETE FROM session WHERE number = ?1 AND account_id = ?2",
                     PARAMETERS(with_number(ending->number), with_text(ending->account_id)));
    if (error == 0 && sqlite3_changes(connection->database) == 0)
        error = -ENOENT;
    return error != 0 ? error : revocation_add(connection, &revocation, ending->now);
}

int
repo_session_revoke(struct repo *repo, const char *account_id, int64_t number, int64_t now)
{
    struct ending ending = {.account_id = account_id, .number = number, .now = now};
    return write_group_run(repo->group, end_one, &ending);
}

static int
end_all(struct connection *connection, void *argument)
{
    const struct ending *ending = argument;
    return sessions_end(connection, ending->account_id, ending->number, ending->now);
}

int
repo_sessions_revoke(struct repo *repo, const char *account_id, int64_t except, int64_t now)
{
    struct ending ending = {.account_id = account_id, .number = except, .now = now};
    return write_group_run(repo->group, end_all, &ending);
}

/* ---- in use, and not any more ------------------------------------------------------------- */

int
session_seen(struct connection *connection, int64_t number, int64_t seen, int64_t expires)
{
    return statement_do(connection, STATEMENT_SESSION_SEEN,
                        "UPDATE session SET seen = max(seen, ?2), expires = max(expires, ?3) "
                        "WHERE number = ?1",
                        PARAMETERS(with_number(number), with_number(seen), with_number(expires)));
}

struct extension {
    const int64_t *numbers;
    size_t count;
    int64_t seen;
    int64_t expires;
};

static int
extend(struct connection *connection, void *argument)
{
    const struct extension *extension = argument;
    int error = 0;
    for (size_t i = 0; i < extension->count && error == 0; i++)
        error =
            session_seen(connection, extension->numbers[i], extension->seen, extension->expires);
    return error;
}

int
repo_sessions_extend(struct repo *repo, const int64_t *numbers, size_t count, int64_t seen,
                     int64_t expires)
{
    struct extension extension = {
        .numbers = numbers, .count = count, .seen = seen, .expires = expires};
    return count == 0 ? 0 : write_group_run(repo->group, extend, &extension);
}

struct expiry {
    int64_t now;
    size_t limit;
};

static int
expire(struct connection *connection, void *argument)
{
    const struct expiry *expiry = argument;
    int error =
        statement_do(connection, STATEMENT_SESSIONS_EXPIRE,
                     "DELETE FROM session WHERE number IN "
                     "(SELECT number FROM session WHERE expires < ?1 ORDER BY expires LIMIT ?2)",
                     PARAMETERS(with_number(expiry->now), with_number(clamp(expiry->limit))));
    if (error != 0)
        return error;
    return statement_do(connection, STATEMENT_INVITE_LINKS_EXPIRE,
                        "DELETE FROM invite_link WHERE hash IN "
                        "(SELECT hash FROM invite_link WHERE expires < ?1 LIMIT ?2)",
                        PARAMETERS(with_number(expiry->now), with_number(clamp(expiry->limit))));
}

int
repo_sessions_expire(struct repo *repo, int64_t now, size_t limit)
{
    struct expiry expiry = {.now = now, .limit = limit};
    return write_group_run(repo->group, expire, &expiry);
}
