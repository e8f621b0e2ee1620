#include "server/identity.h"

#include "repo/session.h"
#include "rooms/lock.h"
#include "server/credentials.h"
#include "server/options.h"
#include "server/server.h"

#include <civetweb.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUERY_MAX  4096    /* longest name in a query, still encoded and then decoded */
#define RENEWAL_MS 3600000 /* the repository moves the end of a token by no less */

/*
 * Copies the decoded value of the query's `key`. Returns its length, -ENODATA when there is none, or
 * -EINVAL when it does not fit or is cut by a NUL.
 */
static int
query_value(const struct mg_connection *connection, const char *key, char *out, size_t size)
{
    const char *query = mg_get_request_info(connection)->query_string;

    if (query == NULL)
        return -ENODATA;
    int length = mg_get_var(query, strlen(query), key, out, size);
    if (length == -1)
        return -ENODATA;
    /* It is terminated, so that a NUL within it cuts it: then it is not what was sent. */
    return length >= 0 && strlen(out) == (size_t)length ? length : -EINVAL;
}

/* Copies the request's token. Returns 0, -ENODATA, or -EACCES when it has not the form of one. */
static int
request_token(const struct mg_connection *connection, struct identity *out)
{
    const char *text = out->token;

    int length = query_value(connection, "bearer", out->token, TOKEN_SIZE);
    if (length == -ENODATA) {
        text = credentials_bearer(mg_get_header(connection, "Authorization"));
        if (text == NULL && credentials_cookie(mg_get_header(connection, "Cookie"), out->token)) {
            out->by_cookie = true;
            text = out->token;
        }
    }
    if (text == NULL)
        return -ENODATA;
    if (length == -EINVAL || !token_is_valid(text))
        return -EACCES;
    if (text != out->token)
        memcpy(out->token, text, TOKEN_SIZE);
    return 0;
}

/* Fills in what a guest and an account have in common; `expires` is as it is stored. */
static int
describe(const struct server *server, struct identity *out, const char *id, const char *name,
         int64_t expires, int64_t now)
{
    if (strlen(id) >= sizeof(out->id))
        return -EIO; /* not one of ours */
    memcpy(out->id, id, strlen(id) + 1);
    memcpy(out->name, name, strlen(name) + 1);
    out->expires = now + server->options->token_lifetime_s * INT64_C(1000);
    if (out->expires < expires + RENEWAL_MS)
        out->expires = expires;
    return 0;
}

/* Names that cannot be folded are like no other. */
static int
fold(struct identity *out)
{
    int error = name_fold(out->name, out->folded);
    return error == -EINVAL ? 0 : error;
}

static int
find_guest(const struct server *server, const unsigned char *hash, int64_t now,
           struct identity *out)
{
    struct repo_identity found;

    int error = repo_identity_find(server->repo, hash, now, &found);
    if (error == 0)
        error = describe(server, out, found.id, found.name, found.expires, now);
    if (error != 0)
        return error;
    out->seen = found.seen;
    return fold(out);
}

static int
find_account(const struct server *server, const unsigned char *hash, int64_t now,
             struct identity *out)
{
    struct repo_session_user found;

    int error = repo_session_find(server->repo, hash, now, &found);
    if (error == 0)
        error = describe(server, out, found.id, found.name, found.expires, now);
    if (error != 0)
        return error;
    out->seen = found.seen;
    out->session = found.session;
    out->is_account = true;
    out->is_admin = found.is_admin;
    out->banned_until = found.banned_until > now ? found.banned_until : 0;
    return out->banned_until != 0 ? -EPERM : 0;
}

int
identity_find(const struct server *server, const struct mg_connection *connection,
              struct identity *out)
{
    unsigned char hash[REPO_TOKEN_HASH_BYTES];
    int64_t now = clock_realtime_ms();

    memset(out, 0, sizeof(*out));
    int error = request_token(connection, out);
    if (error != 0)
        return error;
    lock_assert_none();
    token_hash(out->token, hash);
    error = out->by_cookie ? -ENOENT : find_guest(server, hash, now, out);
    if (error == -ENOENT)
        error = find_account(server, hash, now, out);
    return error == -ENOENT ? -EACCES : error;
}

int
identity_make(const struct server *server, const struct mg_connection *connection,
              struct identity *out)
{
    char buffer[QUERY_MAX];
    const char *name = buffer;
    size_t trimmed;

    memset(out, 0, sizeof(*out));
    int length = query_value(connection, "name", buffer, sizeof(buffer));
    if (length < 0)
        return length;
    if (!name_trim(&name, (size_t)length, REPO_USER_NAME_SIZE - 1, &trimmed))
        return -EINVAL;
    memcpy(out->name, name, trimmed);
    out->name[trimmed] = '\0';
    identifier_make(out->id);
    token_make(out->token);
    out->expires = clock_realtime_ms() + server->options->token_lifetime_s * INT64_C(1000);
    return fold(out);
}

void
identity_clear(struct identity *identity)
{
    explicit_bzero(identity->token, sizeof(identity->token));
}
