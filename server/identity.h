/*
 * Who asks: the user that a request's token stands for, or a new one. Called from civetweb's
 * workers.
 */
#ifndef SERVER_IDENTITY_H
#define SERVER_IDENTITY_H

#include "repo/repo.h"
#include "rooms/identifier.h"
#include "rooms/name_fold.h"
#include "server/token.h"

#include <stdbool.h>
#include <stdint.h>

struct mg_connection;
struct server;

struct identity {
    char id[IDENTIFIER_SIZE];
    char name[REPO_USER_NAME_SIZE];
    char token[TOKEN_SIZE];
    char folded[NAME_FOLD_SIZE]; /* a guest's folded name; empty: like no other */
    int64_t expires;      /* milliseconds since 1970: until when the token is good from now on */
    int64_t seen;         /* the same: when the user was online last; 0: it is new */
    int64_t session;      /* the number of an account's session, by which it is here; 0: a guest */
    int64_t banned_until; /* milliseconds since 1970, of an account; 0: it is not banned */
    bool is_account;
    bool is_admin;
    bool by_cookie; /* the token came in the cookie, so no script has it */
};

/*
 * Finds whom the request's token stands for, a guest or an account's session: the one of the query's
 * `bearer`, or else of an Authorization header, or else of the cookie. Blocks on the repository, for
 * a read only. Returns 0, or
 *   -ENODATA  the request has no token
 *   -EACCES   it is no token, or one of nobody, or expired
 *   -EPERM    its account is banned: *out is filled in
 * or another negative errno of the repository. *out may be cleared in any case.
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
