/* Statements with their parameters: for tables of which a call is rare enough to be written short. */
#ifndef REPO_PARAMETER_H
#define REPO_PARAMETER_H

#include "repo/sqlite.h"

/* What stands for ?1, ?2, … in a statement; it lives as long as the statement is used. */
struct parameter {
    enum { PARAMETER_NUMBER, PARAMETER_TEXT, PARAMETER_HASH } type;
    union {
        int64_t number;
        const char *text;          /* NULL: SQL's NULL */
        const unsigned char *hash; /* of REPO_TOKEN_HASH_BYTES */
    };
};

static inline struct parameter
with_number(int64_t value)
{
    return (struct parameter){.type = PARAMETER_NUMBER, .number = value};
}

static inline struct parameter
with_text(const char *value)
{
    return (struct parameter){.type = PARAMETER_TEXT, .text = value};
}

static inline struct parameter
with_hash(const unsigned char *value)
{
    return (struct parameter){.type = PARAMETER_HASH, .hash = value};
}

#define PARAMETERS(...)                                                                            \
    (const struct parameter[]){__VA_ARGS__},                                                       \
        sizeof((const struct parameter[]){__VA_ARGS__}) / sizeof(struct parameter)

/* statement_get, with `count` parameters bound; PARAMETERS makes these two arguments. */
int statement_with(struct connection *connection, enum statement which, const char *sql,
                   const struct parameter *parameters, size_t count, sqlite3_stmt **out);

/* The same for a statement that gives no rows, which is run. Returns 0 or a negative errno. */
int statement_do(struct connection *connection, enum statement which, const char *sql,
                 const struct parameter *parameters, size_t count);

/*
 * The same for one that gives at most one row of one number. Returns 1 and sets *out, 0 when there
 * is none, or a negative errno.
 */
int statement_number(struct connection *connection, enum statement which, const char *sql,
                     const struct parameter *parameters, size_t count, int64_t *out);

#endif
