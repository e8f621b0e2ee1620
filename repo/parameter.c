#include "repo/parameter.h"

static int
bind(sqlite3_stmt *statement, int at, const struct parameter *parameter)
{
    switch (parameter->type) {
    case PARAMETER_TEXT:
        return sqlite3_bind_text(statement, at, parameter->text, -1, SQLITE_STATIC);
    case PARAMETER_HASH:
        return sqlite3_bind_blob(statement, at, parameter->hash, REPO_TOKEN_HASH_BYTES,
                                 SQLITE_STATIC);
    case PARAMETER_NUMBER:
        break;
    }
    return sqlite3_bind_int64(statement, at, parameter->number);
}

int
statement_with(struct connection *connection, enum statement which, const char *sql,
               const struct parameter *parameters, size_t count, sqlite3_stmt **out)
{
    int error = statement_get(connection, which, sql, out);
    for (size_t i = 0; i < count && error == 0; i++) {
        if (bind(*out, (int)i + 1, &parameters[i]) != SQLITE_OK)
            error = connection_error(connection);
    }
    return error;
}

int
statement_do(struct connection *connection, enum statement which, const char *sql,
             const struct parameter *parameters, size_t count)
{
    sqlite3_stmt *statement;
    int error = statement_with(connection, which, sql, parameters, count, &statement);
    return error != 0 ? error : statement_run(connection, statement);
}

int
statement_number(struct connection *connection, enum statement which, const char *sql,
                 const struct parameter *parameters, size_t count, int64_t *out)
{
    sqlite3_stmt *statement;
    int result = statement_with(connection, which, sql, parameters, count, &statement);
    if (result != 0)
        return result;
    result = statement_row(connection, statement);
    if (result > 0)
        *out = sqlite3_column_int64(statement, 0);
    return statement_end(connection, statement, result);
}
