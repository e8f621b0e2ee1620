#include "server/guest.h"

#include "repo/account.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "server/answer.h"
#include "server/identity.h"
#include "server/options.h"
#include "server/server.h"

#include <civetweb.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char *
refuse(struct event_error *error, const char *status, const char *code, const char *message)
{
    *error = (struct event_error){.code = code, .message = message};
    return status;
}

static const char *
refuse_unavailable(struct event_error *error, int reason)
{
    log_warn(-reason, "identity-not-read");
    *error = (struct event_error){.code = "unavailable",
                                  .message = "The server cannot tell who you are just now.",
                                  .retry = true};
    return "503 Service Unavailable";
}

const char *
guest_refuse(const struct server *server, struct event_error *error)
{
    if (server->options->auth != AUTH_MEMBERS)
        return NULL;
    return refuse(error, ANSWER_UNAUTHORIZED, "members-only",
                  "This server is for those who have an account.");
}

const char *
guest_refuse_name(const struct server *server, const struct identity *guest,
                  struct event_error *error)
{
    struct repo_account account;

    if (guest->folded[0] == '\0') /* the name of no account */
        return NULL;
    int result = repo_account_find_by_name(server->repo, guest->folded, &account);
    explicit_bzero(account.password, sizeof(account.password));
    if (result == -ENOENT)
        return NULL;
    if (result != 0)
        return refuse_unavailable(error, result);
    return refuse(error, "409 Conflict", "name-taken",
                  "This name is an account's. Sign in, or take another one.");
}

/*
 * As guest_refuse_name for who connects. A page is let in all the same, since it would not see the
 * status: where its arrival is stored it is turned away, with a document that says why.
 */
static const char *
check_name(const struct server *server, const struct mg_connection *connection,
           const struct identity *guest, struct event_error *error)
{
    bool is_page = mg_get_header(connection, "Origin") != NULL;

    return is_page ? NULL : guest_refuse_name(server, guest, error);
}

/* Makes a new guest; `has_token`: the request has one that is of no use. */
static const char *
make(const struct server *server, const struct mg_connection *connection, bool has_token,
     struct identity *out, struct event_error *error)
{
    int result = identity_make(server, connection, out);

    if (result == 0)
        return check_name(server, connection, out, error);
    if (has_token && result == -ENODATA)
        return refuse(error, ANSWER_UNAUTHORIZED, "bad-token", "This token is unknown or expired.");
    return refuse(error, "400 Bad Request", "bad-name",
                  "`name` must have 1 to 64 bytes of text, and no control characters.");
}

const char *
guest_identify(const struct server *server, const struct mg_connection *connection,
               struct identity *out, struct event_error *error)
{
    const char *status = NULL;
    int result = identity_find(server, connection, out);

    switch (result) {
    case 0:
        if (out->is_account)
            return NULL;
        status = guest_refuse(server, error);
        return status != NULL ? status : check_name(server, connection, out, error);
    case -ENODATA:
    case -EACCES:
        status = guest_refuse(server, error);
        return status != NULL ? status : make(server, connection, result == -EACCES, out, error);
    case -EPERM:
        status = refuse(error, "403 Forbidden", "banned", "You are banned from this server.");
        error->until = out->banned_until;
        return status;
    default:
        return refuse_unavailable(error, result);
    }
}
