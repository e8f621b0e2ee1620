#include "server/api_request.h"

#include "rooms/event.h"
#include "rooms/log.h"
#include "server/answer.h"
#include "server/credentials.h"
#include "server/guest.h"
#include "server/identity.h"
#include "server/options.h"
#include "server/origin.h"
#include "server/server.h"

#include <civetweb.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
api_refuse(struct mg_connection *connection, const char *status, const char *code,
           const char *message)
{
    int number = (int)strtol(status, NULL, 10);

    answer_error(connection, status,
                 &(struct event_error){.code = code, .message = message, .retry = number == 503});
    return number;
}

int
api_refuse_unavailable(struct mg_connection *connection, int error, const char *what)
{
    if (error == -EBUSY || error == -ESHUTDOWN)
        return api_refuse(connection, "503 Service Unavailable", "busy",
                          "The server is busy. Try again.");
    log_warn(-error, "%s", what);
    return api_refuse(connection, "503 Service Unavailable", "unavailable",
                      "The server cannot do this just now. Try again.");
}

int
api_check_read(struct mg_connection *connection)
{
    if (strcmp(mg_get_request_info(connection)->request_method, "GET") == 0 ||
        answer_is_head(connection))
        return 0;
    return api_refuse(connection, "405 Method Not Allowed\r\nAllow: GET, HEAD", "bad-request",
                      "Only GET and HEAD are answered here.");
}

int
api_check_change(const struct server *server, struct mg_connection *connection, const char *method)
{
    char status[64];

    if (strcmp(mg_get_request_info(connection)->request_method, method) != 0) {
        (void)snprintf(status, sizeof(status), "405 Method Not Allowed\r\nAllow: %s", method);
        return api_refuse(connection, status, "bad-request", "This path takes another method.");
    }
    if (!origin_is_allowed(mg_get_header(connection, "Origin"), mg_get_header(connection, "Host"),
                           server->options->origin))
        return api_refuse(connection, "403 Forbidden", "origin-refused",
                          "Pages of this site may not ask for this; the server's --origin says "
                          "which may.");
    return 0;
}

/* A cookie that is of no use is not to be sent again. */
static int
refuse_token(struct mg_connection *connection, const struct identity *identity)
{
    char status[sizeof(ANSWER_UNAUTHORIZED) + CREDENTIALS_HEADER_SIZE];
    char cookie[CREDENTIALS_HEADER_SIZE] = "";

    if (identity->by_cookie)
        credentials_set_cookie(cookie, NULL, 0, false);
    (void)snprintf(status, sizeof(status), "%s%s", ANSWER_UNAUTHORIZED, cookie);
    return api_refuse(connection, status, "bad-token",
                      "This takes a token that is known and not expired.");
}

static int
refuse_banned(struct mg_connection *connection, const struct identity *identity)
{
    answer_error(connection, "403 Forbidden",
                 &(struct event_error){.code = "banned",
                                       .message = "You are banned from this server.",
                                       .until = identity->banned_until});
    return 403;
}

int
api_identify(const struct server *server, struct mg_connection *connection, struct identity *out)
{
    struct event_error refusal;
    int error = identity_find(server, connection, out);

    if (error == 0) {
        const char *line = out->is_account ? NULL : guest_refuse_name(server, out, &refusal);
        return line == NULL ? 0 : api_refuse(connection, line, refusal.code, refusal.message);
    }
    if (error == -ENODATA || error == -EACCES)
        return refuse_token(connection, out);
    if (error == -EPERM)
        return refuse_banned(connection, out);
    return api_refuse_unavailable(connection, error, "identity-not-read");
}

int
api_admit_account(const struct server *server, struct mg_connection *connection, const char *method,
                  struct identity *out)
{
    int status = api_check_change(server, connection, method);

    if (status != 0)
        return status;
    status = api_identify(server, connection, out);
    identity_clear(out);
    if (status == 0 && !out->is_account)
        status = api_refuse(connection, "403 Forbidden", "no-account", "This is for accounts.");
    return status;
}

int
api_answer(struct mg_connection *connection, const char *status, cJSON *document)
{
    char *text = document != NULL ? cJSON_PrintUnformatted(document) : NULL;

    cJSON_Delete(document);
    if (text == NULL)
        return api_refuse_unavailable(connection, -ENOMEM, "answer-not-made");
    answer_text(connection, status, "application/json; charset=utf-8", text, strlen(text));
    explicit_bzero(text, strlen(text)); /* there may be a token in it */
    cJSON_free(text);
    return (int)strtol(status, NULL, 10);
}

cJSON_bool
api_add_integer(cJSON *object, const char *key, int64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRId64, value);
    return cJSON_AddRawToObject(object, key, digits) != NULL;
}
