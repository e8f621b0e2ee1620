#include "server/account_api.h"

#include "repo/account.h"
#include "rooms/event.h"
#include "rooms/identifier.h"
#include "rooms/lobby.h"
#include "rooms/lock.h"
#include "rooms/log.h"
#include "rooms/name_fold.h"
#include "server/answer.h"
#include "server/api_request.h"
#include "server/body.h"
#include "server/hasher.h"
#include "server/login.h"
#include "server/options.h"
#include "server/password.h"
#include "server/peer.h"
#include "server/server.h"

#include <civetweb.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- registering -------------------------------------------------------------------------- */

/* What is asked for, checked. */
struct application {
    char name[REPO_USER_NAME_SIZE];
    char folded[NAME_FOLD_SIZE];
    const char *password; /* of the body */
    bool is_invited;
    unsigned char invitation[REPO_TOKEN_HASH_BYTES];
};

/* Takes the name, trimmed; false when it is no name that an account can have. */
static bool
take_name(struct application *application, const char *text)
{
    size_t length;

    if (text == NULL || !name_trim(&text, strlen(text), REPO_USER_NAME_SIZE - 1, &length))
        return false;
    memcpy(application->name, text, length);
    application->name[length] = '\0';
    return name_fold(application->name, application->folded) == 0;
}

/* Whether whoever asks may register at all; if not, answers. */
static int
check_registration(struct server *server, struct mg_connection *connection,
                   struct application *application, const char *invitation)
{
    enum registration registration = server->options->registration;

    if (registration == REGISTRATION_OPEN)
        return 0;
    if (registration == REGISTRATION_CLOSED)
        return api_refuse(connection, "403 Forbidden", "registration-closed",
                          "Accounts are made by whoever runs this server.");
    int error = -ENOENT;
    if (invitation != NULL && token_is_valid(invitation)) {
        token_hash(invitation, application->invitation);
        error = repo_invite_link_find(server->repo, application->invitation, clock_realtime_ms());
    }
    application->is_invited = error == 0;
    if (error == -ENOENT)
        return api_refuse(connection, "403 Forbidden", "bad-invitation",
                          "This takes an invitation that is not used up and has not expired.");
    return error == 0 ? 0 : api_refuse_unavailable(connection, error, "invitation-not-read");
}

static int
check_application(struct server *server, struct mg_connection *connection, const cJSON *body,
                  struct application *application)
{
    application->password = body_string(body, "password");
    if (!take_name(application, body_string(body, "username")))
        return api_refuse(connection, "400 Bad Request", "bad-name",
                          "`username` must have 1 to 64 bytes of text, and no control characters.");
    if (application->password == NULL ||
        !password_is_good(application->password, strlen(application->password)))
        return api_refuse(connection, "400 Bad Request", "bad-password",
                          "`password` must have at least 8 characters, and 1,024 bytes at most.");
    return check_registration(server, connection, application, body_string(body, "invitation"));
}

static int
refuse_creation(struct mg_connection *connection, int error)
{
    if (error == -EEXIST)
        return api_refuse(connection, "409 Conflict", "name-taken", "This name is taken.");
    if (error == -EACCES)
        return api_refuse(connection, "403 Forbidden", "bad-invitation",
                          "The invitation was used up meanwhile.");
    return api_refuse_unavailable(connection, error, "account-not-made");
}

static int
create(struct server *server, struct mg_connection *connection, const cJSON *body,
       const struct application *application)
{
    char password[REPO_PASSWORD_SIZE];
    char id[IDENTIFIER_SIZE];
    struct repo_account there;
    struct login login;

    /* Hashing is dear, so what can be refused before is. */
    int error = repo_account_find_by_name(server->repo, application->folded, &there);
    if (error != -ENOENT)
        return refuse_creation(connection, error == 0 ? -EEXIST : error);
    error =
        hasher_hash(server->hasher, application->password, strlen(application->password), password);
    if (error != 0)
        return api_refuse_unavailable(connection, error, "password-not-hashed");
    identifier_make(id);
    login_begin(server, connection, body, &login);
    struct repo_registration registration = {
        .id = id,
        .name = application->name,
        .folded = application->folded,
        .password = password,
        .invitation = application->is_invited ? application->invitation : NULL,
        .session = &login.start,
        .now = clock_realtime_ms(),
    };
    error = repo_account_create(server->repo, &registration);
    sodium_memzero(password, sizeof(password));
    if (error != 0)
        return refuse_creation(connection, error);
    lobby_tell_revoked(server->rooms.lobby); /* to guests of that name */
    log_info("account-registered user=%s admin=%d", id, registration.is_admin);
    login.user_id = id;
    login.user_name = application->name;
    login.is_admin = registration.is_admin;
    return login_answer(server, connection, "201 Created", &login);
}

/* The same, if not too many accounts come from there. */
static int
create_limited(struct server *server, struct mg_connection *connection, const cJSON *body,
               const struct application *application)
{
    struct peer peer;
    int64_t retry_after_ms;

    peer_of(connection, server->options->trusted_proxy, &peer);
    if (!limits_take_registration(server, &peer, &retry_after_ms))
        return answer_limited(connection, "rate-limited",
                              "Too many accounts are made from your address.", retry_after_ms);
    int status = create(server, connection, body, application);
    if (status != 201)
        limits_give_back_registration(server, &peer);
    return status;
}

int
account_api_register(struct server *server, struct mg_connection *connection)
{
    struct application application = {0};
    cJSON *body = NULL;

    int status = api_check_change(server, connection, "POST");
    if (status == 0)
        status = body_read(server, connection, &body);
    if (status == 0)
        status = check_application(server, connection, body, &application);
    if (status == 0)
        status = create_limited(server, connection, body, &application);
    body_free(body);
    return status;
}

/* ---- logging in --------------------------------------------------------------------------- */

static int
refuse_login(struct mg_connection *connection)
{
    return api_refuse(connection, "401 Unauthorized\r\nWWW-Authenticate: Bearer", "bad-login",
                      "There is no such account with this password.");
}

/*
 * Looks for the account, and at the password, in the same time whether there is one or not. Returns
 * 0, -EACCES, or another negative errno.
 */
static int
check_password(struct server *server, const char *folded, const char *password,
               struct repo_account *account, char rehashed[REPO_PASSWORD_SIZE])
{
    if (strlen(password) > PASSWORD_BYTES_MAX)
        return -EACCES;
    int error =
        folded[0] != '\0' ? repo_account_find_by_name(server->repo, folded, account) : -ENOENT;
    if (error != 0 && error != -ENOENT)
        return error;
    return hasher_verify(server->hasher, error == 0 ? account->password : NULL, password,
                         strlen(password), rehashed);
}

/* Begins the session of who has the right password, unless it is banned. */
static int
begin(struct server *server, struct mg_connection *connection, const cJSON *body,
      const struct repo_account *account, const char *rehashed)
{
    int64_t now = clock_realtime_ms();
    int64_t number;
    struct login login;

    if (account->banned_until > now) {
        answer_error(connection, "403 Forbidden",
                     &(struct event_error){.code = "banned",
                                           .message = "You are banned from this server.",
                                           .until = account->banned_until});
        return 403;
    }
    login_begin(server, connection, body, &login);
    int error =
        repo_session_begin(server->repo, account->id, account->password,
                           rehashed[0] != '\0' ? rehashed : NULL, &login.start, now, &number);
    if (error == -ENOENT)
        return refuse_login(connection); /* the password was changed meanwhile */
    if (error != 0)
        return api_refuse_unavailable(connection, error, "session-not-stored");
    login.user_id = account->id;
    login.user_name = account->name;
    login.is_admin = account->is_admin;
    return login_answer(server, connection, "200 OK", &login);
}

static int
log_in(struct server *server, struct mg_connection *connection, const cJSON *body)
{
    const char *name = body_string(body, "username");
    const char *password = body_string(body, "password");
    char rehashed[REPO_PASSWORD_SIZE];
    struct repo_account account = {0};
    struct application application = {0};
    struct peer peer;
    int64_t retry_after_ms;

    if (name == NULL || password == NULL)
        return api_refuse(connection, "400 Bad Request", "bad-request",
                          "This takes `username` and `password`.");
    if (!take_name(&application, name))
        application.folded[0] = '\0';
    peer_of(connection, server->options->trusted_proxy, &peer);
    if (!limits_take_login(server, &peer, application.folded, &retry_after_ms))
        return answer_limited(connection, "rate-limited",
                              "Too many attempts to log in have failed.", retry_after_ms);
    int error = check_password(server, application.folded, password, &account, rehashed);
    if (error == 0)
        limits_forget_login(server, &peer, application.folded);
    else if (error != -EACCES)
        limits_give_back_login(server, &peer, application.folded);
    int status = error == 0         ? begin(server, connection, body, &account, rehashed)
                 : error == -EACCES ? refuse_login(connection)
                                    : api_refuse_unavailable(connection, error, "login-not-done");
    sodium_memzero(&account, sizeof(account));
    sodium_memzero(rehashed, sizeof(rehashed));
    return status;
}

int
account_api_login(struct server *server, struct mg_connection *connection)
{
    cJSON *body = NULL;

    int status = api_check_change(server, connection, "POST");
    if (status == 0)
        status = body_read(server, connection, &body);
    if (status == 0)
        status = log_in(server, connection, body);
    body_free(body);
    return status;
}
