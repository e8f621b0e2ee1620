/* Accounts: made, found and changed. */
#include "repo/account.h"
#include "repo/parameter.h"
#include "repo/revocation.h"
#include "repo/user_data.h"
#include "repo/write_group.h"

#include <errno.h>
#include <stdio.h>

/* ---- making ------------------------------------------------------------------------------- */

/* Puts guests of that name out, if there are any. */
static int
end_guests(struct connection *connection, const char *folded, int64_t now)
{
    struct repo_revocation revocation = {.kind = REPO_REVOKED_NAME};
    int64_t one;
    int result = statement_number(connection, STATEMENT_GUEST_ONLINE,
                                  "SELECT 1 FROM identity JOIN user ON user.id = identity.id "
                                  "WHERE identity.folded = ?1 LIMIT 1",
                                  PARAMETERS(with_text(folded)), &one);
    if (result <= 0)
        return result;
    snprintf(revocation.folded, sizeof(revocation.folded), "%s", folded);
    return revocation_add(connection, &revocation, now);
}

static int
use_invitation(struct connection *connection, const unsigned char *hash, int64_t now)
{
    int error = statement_do(connection, STATEMENT_INVITE_LINK_USE,
                             "UPDATE invite_link SET uses_left = uses_left - 1 "
                             "WHERE hash = ?1 AND uses_left > 0 AND expires >= ?2",
                             PARAMETERS(with_hash(hash), with_number(now)));
    return error == 0 && sqlite3_changes(connection->database) == 0 ? -EACCES : error;
}

struct creation {
    struct repo_registration *registration;
    bool is_admin;          /* out */
    int64_t session_number; /* out */
};

static int
create(struct connection *connection, void *argument)
{
    struct creation *creation = argument;
    const struct repo_registration *registration = creation->registration;
    int64_t one;
    int any = statement_number(connection, STATEMENT_ACCOUNT_ANY, "SELECT 1 FROM account LIMIT 1",
                               NULL, 0, &one);
    if (any < 0)
        return any;
    creation->is_admin = registration->is_admin || any == 0;
    int error = registration->invitation == NULL
                    ? 0
                    : use_invitation(connection, registration->invitation, registration->now);
    if (error == 0)
        error = statement_do(
            connection, STATEMENT_ACCOUNT_ADD,
            "INSERT INTO account (id, name, folded, password, admin, banned_until, created, seen) "
            "VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, 0)",
            PARAMETERS(with_text(registration->id), with_text(registration->name),
                       with_text(registration->folded), with_text(registration->password),
                       with_number(creation->is_admin), with_number(registration->now)));
    if (error == 0)
        error = end_guests(connection, registration->folded, registration->now);
    if (error == 0 && registration->session != NULL)
        error = session_begin(connection, registration->id, registration->session,
                              registration->now, &creation->session_number);
    return error;
}

int
repo_account_create(struct repo *repo, struct repo_registration *registration)
{
    struct creation creation = {.registration = registration};
    int error = write_group_run(repo->group, create, &creation);
    if (error == 0) {
        registration->is_admin = creation.is_admin;
        registration->session_number = creation.session_number;
    }
    return error;
}

/* ---- finding ------------------------------------------------------------------------------ */

#define ACCOUNT_SELECT                                                                             \
    "SELECT id, name, folded, password, admin, banned_until, created, seen FROM account "

static int
account_from_row(sqlite3_stmt *statement, struct repo_account *out)
{
    out->is_admin = sqlite3_column_int(statement, 4) != 0;
    out->banned_until = sqlite3_column_int64(statement, 5);
    out->created = sqlite3_column_int64(statement, 6);
    out->seen = sqlite3_column_int64(statement, 7);
    int error = statement_text(statement, 0, out->id, sizeof(out->id));
    if (error == 0)
        error = statement_text(statement, 1, out->name, sizeof(out->name));
    if (error == 0)
        error = statement_text(statement, 2, out->folded, sizeof(out->folded));
    if (error == 0)
        error = statement_text(statement, 3, out->password, sizeof(out->password));
    return error;
}

static int
find(struct repo *repo, enum statement which, const char *sql, const char *key,
     struct repo_account *out)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result = statement_with(reader, which, sql, PARAMETERS(with_text(key)), &statement);
    if (result == 0) {
        result = statement_row(reader, statement);
        result = result == 0 ? -ENOENT : result > 0 ? account_from_row(statement, out) : result;
        result = statement_end(reader, statement, result);
    }
    reader_give(repo, reader);
    return result;
}

int
repo_account_find_by_name(struct repo *repo, const char *folded, struct repo_account *out)
{
    return find(repo, STATEMENT_ACCOUNT_BY_NAME, ACCOUNT_SELECT "WHERE folded = ?1", folded, out);
}

int
repo_account_find_by_id(struct repo *repo, const char *id, struct repo_account *out)
{
    return find(repo, STATEMENT_ACCOUNT_BY_ID, ACCOUNT_SELECT "WHERE id = ?1", id, out);
}

int
repo_accounts_all(struct repo *repo, repo_account_function each, void *argument)
{
    struct connection *reader = reader_take(repo);
    struct repo_account account;
    sqlite3_stmt *statement;
    int result =
        statement_get(reader, STATEMENT_ACCOUNTS_ALL, ACCOUNT_SELECT "ORDER BY folded", &statement);
    if (result == 0) {
        while ((result = statement_row(reader, statement)) > 0) {
            result = account_from_row(statement, &account);
            if (result == 0)
                result = each(argument, &account);
            if (result != 0)
                break;
        }
        result = statement_end(reader, statement, result);
    }
    reader_give(repo, reader);
    return result;
}

/* ---- changing ----------------------------------------------------------------------------- */

struct change {
    const char *id;
    const char *former;
    const char *password;
    int64_t except;
    int64_t number; /* what is set */
    int64_t now;
};

int
account_change_password(struct connection *connection, const char *id, const char *former,
                        const char *password)
{
    int error = statement_do(connection, STATEMENT_ACCOUNT_PASSWORD,
                             "UPDATE account SET password = ?3 "
                             "WHERE id = ?1 AND (?2 IS NULL OR password = ?2)",
                             PARAMETERS(with_text(id), with_text(former), with_text(password)));
    return error == 0 && sqlite3_changes(connection->database) == 0 ? -ENOENT : error;
}

static int
set_password(struct connection *connection, void *argument)
{
    const struct change *change = argument;
    int error = account_change_password(connection, change->id, change->former, change->password);
    return error != 0 ? error : sessions_end(connection, change->id, change->except, change->now);
}

int
repo_account_set_password(struct repo *repo, const char *id, const char *former,
                          const char *password, int64_t except, int64_t now)
{
    struct change change = {
        .id = id, .former = former, .password = password, .except = except, .now = now};
    return write_group_run(repo->group, set_password, &change);
}

/* Sets one column of the account, and lists that for who is connected. */
static int
set_number(struct connection *connection, enum statement which, const char *sql,
           const struct change *change, enum repo_revocation_kind kind)
{
    struct repo_revocation revocation = {.kind = kind, .session = change->number};
    snprintf(revocation.user_id, sizeof(revocation.user_id), "%s", change->id);
    int error = statement_do(connection, which, sql,
                             PARAMETERS(with_text(change->id), with_number(change->number)));
    if (error == 0 && sqlite3_changes(connection->database) == 0)
        error = -ENOENT;
    if (error != 0 || (kind == REPO_REVOKED_BANNED && change->number <= change->now))
        return error; /* who may come in again is not put out */
    return revocation_add(connection, &revocation, change->now);
}

static int
set_admin(struct connection *connection, void *argument)
{
    return set_number(connection, STATEMENT_ACCOUNT_ADMIN,
                      "UPDATE account SET admin = ?2 WHERE id = ?1", argument, REPO_CHANGED_ADMIN);
}

int
repo_account_set_admin(struct repo *repo, const char *id, bool is_admin, int64_t now)
{
    struct change change = {.id = id, .number = is_admin, .now = now};
    return write_group_run(repo->group, set_admin, &change);
}

static int
ban(struct connection *connection, void *argument)
{
    return set_number(connection, STATEMENT_ACCOUNT_BAN,
                      "UPDATE account SET banned_until = ?2 WHERE id = ?1", argument,
                      REPO_REVOKED_BANNED);
}

int
repo_account_ban(struct repo *repo, const char *id, int64_t until, int64_t now)
{
    struct change change = {.id = id, .number = until, .now = now};
    return write_group_run(repo->group, ban, &change);
}

/* ---- deleting ----------------------------------------------------------------------------- */

/* The name of a private room has those of both users. */
static int
private_rooms_rename(struct connection *connection, const char *id)
{
    return statement_do(
        connection, STATEMENT_ACCOUNT_ROOMS_RENAME,
        "WITH person AS (SELECT id, name FROM identity UNION ALL SELECT id, name FROM account) "
        "UPDATE room SET name = ?2 || coalesce(', ' || (SELECT name FROM person WHERE id = "
        "CASE WHEN user_a = ?1 THEN user_b ELSE user_a END), '') "
        "WHERE private = 1 AND (user_a = ?1 OR user_b = ?1)",
        PARAMETERS(with_text(id), with_text(REPO_DELETED_NAME)));
}

static int delete (struct connection *connection, void *argument)
{
    const struct change *change = argument;
    int error = sessions_end(connection, change->id, 0, change->now);
    if (error == 0)
        error =
            statement_do(connection, STATEMENT_ACCOUNT_ROLL_REMOVE,
                         "DELETE FROM roll WHERE user_id = ?1", PARAMETERS(with_text(change->id)));
    if (error == 0)
        error = rights_forget(connection, change->id);
    if (error == 0)
        error = private_rooms_rename(connection, change->id);
    if (error == 0)
        error =
            statement_do(connection, STATEMENT_ACCOUNT_REMOVE, "DELETE FROM account WHERE id = ?1",
                         PARAMETERS(with_text(change->id)));
    return error == 0 && sqlite3_changes(connection->database) == 0 ? -ENOENT : error;
}

int
repo_account_delete(struct repo *repo, const char *id, int64_t now)
{
    struct change change = {.id = id, .now = now};
    return write_group_run(repo->group, delete, &change);
}
