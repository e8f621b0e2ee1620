#include "server/identity.h"

#include "rooms/lock.h"
#include "server/options.h"
#include "server/server.h"

#include <civetweb.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define QUERY_MAX  4096 /* longest name in a query, still encoded and then decoded */
#define BEARER     "Bearer"
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

/* The token of an Authorization header, or NULL; other schemes are for others (a proxy's). */
static const char *
header_token(const struct mg_connection *connection)
{
    const char *value = mg_get_header(connection, "Authorization");
    size_t length = strlen(BEARER);

    if (value == NULL || strncasecmp(value, BEARER, length) != 0 ||
        (value[length] != ' ' && value[length] != '\0'))
        return NULL;
    return value + length + strspn(value + length, " ");
}

/* Copies the request's token. Returns 0, -ENODATA, or -EACCES when it has not the form of one. */
static int
request_token(const struct mg_connection *connection, char token[TOKEN_SIZE])
{
    const char *text = token;

    int length = query_value(connection, "bearer", token, TOKEN_SIZE);
    if (length == -ENODATA)
        text = header_token(connection);
    if (text == NULL)
        return -ENODATA;
    if (length == -EINVAL || !token_is_valid(text))
        return -EACCES;
    if (text != token)
        memcpy(token, text, TOKEN_SIZE);
    return 0;
}

int
identity_find(const struct server *server, const struct mg_connection *connection,
              struct identity *out)
{
    unsigned char hash[REPO_TOKEN_HASH_BYTES];
    struct repo_identity found;
    int64_t now = clock_realtime_ms();

    int error = request_token(connection, out->token);
    if (error != 0)
        return error;
    lock_assert_none();
    token_hash(out->token, hash);
    error = repo_identity_find(server->repo, hash, now, &found);
    if (error == 0 && strlen(found.id) >= sizeof(out->id))
        error = -EIO; /* not one of ours */
    if (error != 0)
        return error == -ENOENT ? -EACCES : error;
    memcpy(out->id, found.id, sizeof(out->id));
    memcpy(out->name, found.name, sizeof(out->name));
    out->seen = found.seen;
    out->expires = now + server->options->token_lifetime_s * INT64_C(1000);
    if (out->expires < found.expires + RENEWAL_MS)
        out->expires = found.expires;
    return 0;
}

int
identity_make(const struct server *server, const struct mg_connection *connection,
              struct identity *out)
{
    char buffer[QUERY_MAX];
    const char *name = buffer;
    size_t trimmed;

    int length = query_value(connection, "name", buffer, sizeof(buffer));
    if (length < 0)
        return length;
    if (!name_trim(&name, (size_t)length, REPO_USER_NAME_SIZE - 1, &trimmed))
        return -EINVAL;
    memcpy(out->name, name, trimmed);
    out->name[trimmed] = '\0';
    identifier_make(out->id);
    token_make(out->token);
    out->seen = 0;
    out->expires = clock_realtime_ms() + server->options->token_lifetime_s * INT64_C(1000);
    return 0;
}

void
identity_clear(struct identity *identity)
{
    explicit_bzero(identity->token, sizeof(identity->token));
}
