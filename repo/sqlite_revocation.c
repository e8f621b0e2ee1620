/* The list of what was revoked. */
#include "repo/parameter.h"
#include "repo/revocation.h"
#include "repo/write_group.h"

#include <stdio.h>

int
revocation_add(struct connection *connection, const struct repo_revocation *revocation, int64_t now)
{
    return statement_do(connection, STATEMENT_REVOCATION_ADD,
                        "INSERT INTO revocation (kind, user_id, folded, session, newest, ts) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        PARAMETERS(with_number((int64_t)revocation->kind),
                                   with_text(revocation->user_id), with_text(revocation->folded),
                                   with_number(revocation->session),
                                   with_number(revocation->newest), with_number(now)));
}

int
repo_revocations_last(struct repo *repo, int64_t *number)
{
    struct connection *reader = reader_take(repo);
    /* Not the highest one there is, which may have been removed. */
    *number = 0;
    int result = statement_number(reader, STATEMENT_REVOCATIONS_LAST,
                                  "SELECT seq FROM sqlite_sequence WHERE name = 'revocation'", NULL,
                                  0, number);
    reader_give(repo, reader);
    return result < 0 ? result : 0;
}

static int
revocation_from_row(sqlite3_stmt *statement, struct repo_revocation *out)
{
    out->number = sqlite3_column_int64(statement, 0);
    out->kind = (enum repo_revocation_kind)sqlite3_column_int(statement, 1);
    out->session = sqlite3_column_int64(statement, 4);
    out->newest = sqlite3_column_int64(statement, 5);
    int error = statement_text(statement, 2, out->user_id, sizeof(out->user_id));
    return error != 0 ? error : statement_text(statement, 3, out->folded, sizeof(out->folded));
}

int
repo_revocations_read(struct repo *repo, int64_t after, repo_revocation_function each,
                      void *argument)
{
    struct connection *reader = reader_take(repo);
    struct repo_revocation revocation;
    sqlite3_stmt *statement;
    int result = statement_with(reader, STATEMENT_REVOCATIONS_READ,
                                "SELECT number, kind, user_id, folded, session, newest "
                                "FROM revocation WHERE number > ?1 ORDER BY number",
                                PARAMETERS(with_number(after)), &statement);
    if (result == 0) {
        while ((result = statement_row(reader, statement)) > 0) {
            result = revocation_from_row(statement, &revocation);
            if (result == 0)
                result = each(argument, &revocation);
            if (result != 0)
                break;
        }
        result = statement_end(reader, statement, result);
    }
    reader_give(repo, reader);
    return result;
}

struct expiry {
    int64_t before;
    size_t limit;
};

static int
expire(struct connection *connection, void *argument)
{
    const struct expiry *expiry = argument;
    return statement_do(connection, STATEMENT_REVOCATIONS_EXPIRE,
                        "DELETE FROM revocation WHERE number IN "
                        "(SELECT number FROM revocation WHERE ts < ?1 ORDER BY number LIMIT ?2)",
                        PARAMETERS(with_number(expiry->before), with_number(clamp(expiry->limit))));
}

int
repo_revocations_expire(struct repo *repo, int64_t before, size_t limit)
{
    struct expiry expiry = {.before = before, .limit = limit};
    return write_group_run(repo->group, expire, &expiry);
}
