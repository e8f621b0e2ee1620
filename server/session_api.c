#include "server/session_api.h"

#include "repo/account.h"
#include "rooms/lobby.h"
#include "rooms/lock.h"
#include "server/answer.h"
#include "server/api_request.h"
#include "server/body.h"
#include "server/credentials.h"
#include "server/hasher.h"
#include "server/identity.h"
#include "server/options.h"
#include "server/password.h"
#include "server/peer.h"
#include "server/server.h"

#include <civetweb.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_CONTENT "204 No Content"

/* Answers 204; with `forgets` the browser forgets its cookie. */
static int
answer_done(struct mg_connection *connection, bool forgets)
{
    char cookie[CREDENTIALS_HEADER_SIZE] = "";
    char status[CREDENTIALS_HEADER_SIZE + sizeof(NO_CONTENT)];

    if (forgets)
        credentials_set_cookie(cookie, NULL, 0, false);
    (void)snprintf(status, sizeof(status), "%s%s", NO_CONTENT, cookie);
    answer_empty(connection, status);
    return 204;
}

/* Ends one session of the account. Returns 0 or a negative errno. */
static int
end_session(struct server *server, const struct identity *identity, int64_t number)
{
    int error = repo_session_revoke(server->repo, identity->id, number, clock_realtime_ms());

    if (error == 0)
        lobby_tell_revoked(server->rooms.lobby);
    return error;
}

/* ---- logout ------------------------------------------------------------------------------- */

int
session_api_logout(struct server *server, struct mg_connection *connection)
{
    struct identity identity;

    int status = api_check_change(server, connection, "POST");
    if (status != 0)
        return status;
    int error = identity_find(server, connection, &identity);
    /* Who is banned may go, too; and who is not signed in, or a guest, has nothing to end. */
    if (error == -EPERM)
        error = 0;
    if (error == 0 && identity.is_account)
        error = end_session(server, &identity, identity.session);
    identity_clear(&identity);
    if (error != 0 && error != -ENODATA && error != -EACCES && error != -ENOENT)
        return api_refuse_unavailable(connection, error, "session-not-ended");
    return answer_done(connection, true);
}

/* ---- me ----------------------------------------------------------------------------------- */

struct listing {
    cJSON *sessions;
    int64_t current;
};

static int
list_session(void *argument, const struct repo_session *session)
{
    const struct listing *listing = argument;
    cJSON *item = cJSON_CreateObject();

    if (!cJSON_AddItemToArray(listing->sessions, item)) {
        cJSON_Delete(item);
        return -ENOMEM;
    }
    bool is_whole =
        api_add_integer(item, "id", session->number) &&
        api_add_integer(item, "created", session->created) &&
        api_add_integer(item, "seen", session->seen) &&
        api_add_integer(item, "expires", session->expires) &&
        cJSON_AddStringToObject(item, "agent", session->agent) != NULL &&
        cJSON_AddBoolToObject(item, "current", session->number == listing->current) != NULL;
    return is_whole ? 0 : -ENOMEM;
}

static int
describe(const struct server *server, const struct identity *identity, cJSON *document)
{
    cJSON *user = cJSON_AddObjectToObject(document, "user");

    if (cJSON_AddStringToObject(user, "id", identity->id) == NULL ||
        cJSON_AddStringToObject(user, "name", identity->name) == NULL ||
        cJSON_AddBoolToObject(document, "account", identity->is_account) == NULL)
        return -ENOMEM;
    if (!identity->is_account)
        return 0;
    struct listing listing = {.sessions = cJSON_AddArrayToObject(document, "sessions"),
                              .current = identity->session};
    if (listing.sessions == NULL ||
        cJSON_AddBoolToObject(document, "admin", identity->is_admin) == NULL)
        return -ENOMEM;
    return repo_sessions_of(server->repo, identity->id, clock_realtime_ms(), list_session,
                            &listing);
}

/* The cookie goes on for as long as the session does. */
static void
renew_cookie(const struct server *server, const struct mg_connection *connection,
             const struct identity *identity, char out[CREDENTIALS_HEADER_SIZE])
{
    struct peer peer;

    out[0] = '\0';
    if (!identity->by_cookie)
        return;
    peer_of(connection, server->options->trusted_proxy, &peer);
    credentials_set_cookie(out, identity->token, server->options->token_lifetime_s, peer.is_tls);
}

int
session_api_me(struct server *server, struct mg_connection *connection)
{
    char cookie[CREDENTIALS_HEADER_SIZE];
    char line[CREDENTIALS_HEADER_SIZE + 16];
    struct identity identity;

    int status = api_check_read(connection);
    if (status == 0)
        status = api_identify(server, connection, &identity);
    if (status != 0)
        return status;
    cJSON *document = cJSON_CreateObject();
    int error = describe(server, &identity, document);
    renew_cookie(server, connection, &identity, cookie);
    (void)snprintf(line, sizeof(line), "200 OK%s", cookie);
    if (error == 0) {
        status = api_answer(connection, line, document);
    } else {
        cJSON_Delete(document);
        status = api_refuse_unavailable(connection, error, "sessions-not-read");
    }
    identity_clear(&identity);
    explicit_bzero(cookie, sizeof(cookie));
    explicit_bzero(line, sizeof(line));
    return status;
}

/* ---- ending sessions ---------------------------------------------------------------------- */

int
session_api_revoke(struct server *server, struct mg_connection *connection, const char *number)
{
    struct identity identity;
    char *end;

    int status = api_admit_account(server, connection, "DELETE", &identity);
    if (status != 0)
        return status;
    errno = 0;
    long long value = strtoll(number, &end, 10);
    bool is_number = number[0] >= '1' && number[0] <= '9' && *end == '\0' && errno == 0;
    int error = is_number ? end_session(server, &identity, value) : -ENOENT;
    if (error == -ENOENT)
        return api_refuse(connection, "404 Not Found", "not-found", "You have no such session.");
    if (error != 0)
        return api_refuse_unavailable(connection, error, "session-not-ended");
    return answer_done(connection, value == identity.session && identity.by_cookie);
}

int
session_api_revoke_others(struct server *server, struct mg_connection *connection)
{
    struct identity identity;

    int status = api_admit_account(server, connection, "POST", &identity);
    if (status != 0)
        return status;
    int error =
        repo_sessions_revoke(server->repo, identity.id, identity.session, clock_realtime_ms());
    if (error != 0)
        return api_refuse_unavailable(connection, error, "sessions-not-ended");
    lobby_tell_revoked(server->rooms.lobby);
    return answer_done(connection, false);
}

/* ---- another password --------------------------------------------------------------------- */

/* Returns 0, -EACCES when `former` is not the password, or another negative errno. */
static int
change_password(struct server *server, const struct identity *identity, const char *former,
                const char *password)
{
    char hashed[REPO_PASSWORD_SIZE];
    struct repo_account account;

    int error = repo_account_find_by_id(server->repo, identity->id, &account);
    if (error == 0)
        error = hasher_verify(server->hasher, account.password, former, strlen(former), hashed);
    if (error == 0)
        error = hasher_hash(server->hasher, password, strlen(password), hashed);
    if (error == 0)
        error = repo_account_set_password(server->repo, identity->id, account.password, hashed,
                                          identity->session, clock_realtime_ms());
    sodium_memzero(&account, sizeof(account));
    sodium_memzero(hashed, sizeof(hashed));
    return error == -ENOENT ? -EACCES : error; /* changed or deleted meanwhile */
}

static int
serve_password(struct server *server, struct mg_connection *connection,
               const struct identity *identity, const cJSON *body)
{
    const char *former = body_string(body, "password");
    const char *password = body_string(body, "newPassword");
    char folded[NAME_FOLD_SIZE];
    struct peer peer;
    int64_t retry_after_ms;

    if (former == NULL || password == NULL)
        return api_refuse(connection, "400 Bad Request", "bad-request",
                          "This takes `password` and `newPassword`.");
    if (!password_is_good(password, strlen(password)))
        return api_refuse(connection, "400 Bad Request", "bad-password",
                          "`newPassword` must have at least 8 characters, and 1,024 bytes at "
                          "most.");
    peer_of(connection, server->options->trusted_proxy, &peer);
    /* Whoever has found a session open may not go through passwords with it either. */
    if (name_fold(identity->name, folded) != 0)
        folded[0] = '\0';
    if (!limits_take_login(server, &peer, folded, &retry_after_ms))
        return answer_limited(connection, "rate-limited",
                              "Too many attempts with a wrong password.", retry_after_ms);
    int error = strlen(former) > PASSWORD_BYTES_MAX
                    ? -EACCES
                    : change_password(server, identity, former, password);
    if (error == 0)
        limits_forget_login(server, &peer, folded);
    else if (error != -EACCES)
        limits_give_back_login(server, &peer, folded);
    if (error == -EACCES)
        return api_refuse(connection, "403 Forbidden", "bad-login", "This is not your password.");
    if (error != 0)
        return api_refuse_unavailable(connection, error, "password-not-changed");
    lobby_tell_revoked(server->rooms.lobby);
    return answer_done(connection, false);
}

int
session_api_password(struct server *server, struct mg_connection *connection)
{
    struct identity identity;
    cJSON *body = NULL;

    int status = api_admit_account(server, connection, "POST", &identity);
    if (status != 0)
        return status;
    status = body_read(server, connection, &body);
    if (status == 0)
        status = serve_password(server, connection, &identity, body);
    body_free(body);
    return status;
}
