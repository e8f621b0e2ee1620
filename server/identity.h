/*
 * Who asks: the user that a request's token stands for, or a new one. Called from civetweb's
 * workers.
 */
#ifndef SERVER_IDENTITY_H
#define SERVER_IDENTITY_H

#include "repo/repo.h"
#include "rooms/identifier.h"
#include "server/token.h"

#include <stdint.h>

struct mg_connection;
struct server;

struct identity {
    char id[IDENTIFIER_SIZE];
    char name[REPO_USER_NAME_SIZE];
    char token[TOKEN_SIZE];
    int64_t expires; /* milliseconds since 1970: until when the token is good from now on */
    int64_t seen;    /* the same: when the user was online last; 0: it is new */
};

/*
 * Finds whom the request's token stands for: the one of the query's `bearer`, or else of an
 * Authorization header. Blocks on the repository, for a read only. Returns 0, or
 *   -ENODATA  the request has no token
 *   -EACCES   it is no token, or one of nobody, or expired
 * or another negative errno of the repository.
 */
int identity_find(const struct server *server, const struct mg_connection *connection,
                  struct identity *out);

/*
 * Makes a new user of the query's `name`. Does not block. Returns 0, -ENODATA when there is no such
 * name, or -EINVAL when it is not a good one.
 */
int identity_make(const struct server *server, const struct mg_connection *connection,
                  struct identity *out);

/* Clears what must not stay in memory. */
void identity_clear(struct identity *identity);

#endif
