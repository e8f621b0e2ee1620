#include "server/answer.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "server/assets.h"
#include "server/cross_origin.h"
#include "server/http.h"

#include <civetweb.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RETRY_AFTER_S INT64_C(5) /* where nobody knows */

bool
answer_is_head(const struct mg_connection *connection)
{
    return strcmp(mg_get_request_info(connection)->request_method, "HEAD") == 0;
}

/* A client that has gone is not answered, and that is all. */
static void
answer(struct mg_connection *connection, const char *status, const char *lines, const char *type,
       const char *text, size_t length)
{
    char cross_origin[CROSS_ORIGIN_SIZE];

    cross_origin_lines(connection, http_options(connection), cross_origin);
    (void)mg_printf(connection,
                    "HTTP/1.1 %s\r\n"
                    "%s%s"
                    "Content-Type: %s\r\n"
                    "Content-Length: %zu\r\n"
                    "Cache-Control: no-store\r\n"
                    "%s"
                    "Connection: close\r\n\r\n",
                    status, lines, cross_origin, type, length, assets_security_headers);
    if (!answer_is_head(connection))
        (void)mg_write(connection, text, length);
}

void
answer_text(struct mg_connection *connection, const char *status, const char *type,
            const char *text, size_t length)
{
    answer(connection, status, "", type, text, length);
}

void
answer_empty(struct mg_connection *connection, const char *status)
{
    char cross_origin[CROSS_ORIGIN_SIZE];

    cross_origin_lines(connection, http_options(connection), cross_origin);
    (void)mg_printf(connection,
                    "HTTP/1.1 %s\r\n"
                    "Cache-Control: no-store\r\n"
                    "%s%s"
                    "Connection: close\r\n\r\n",
                    status, cross_origin, assets_security_headers);
}

void
answer_error(struct mg_connection *connection, const char *status, const struct event_error *error)
{
    size_t length = 0;
    const char *text = "";
    char lines[48] = "";
    struct message *message = event_error(error);

    if (error->retry)
        (void)snprintf(lines, sizeof(lines), "Retry-After: %" PRId64 "\r\n",
                       error->retry_after_ms > 0 ? (error->retry_after_ms + 999) / 1000
                                                 : RETRY_AFTER_S);

    if (message != NULL)
        text = message_text(message, &length);
    answer(connection, status, lines, "application/json; charset=utf-8", text, length);
    if (message != NULL)
        message_rele(message);
}

int
answer_limited(struct mg_connection *connection, const char *code, const char *message,
               int64_t retry_after_ms)
{
    answer_error(
        connection, "429 Too Many Requests",
        &(struct event_error){
            .code = code, .message = message, .retry = true, .retry_after_ms = retry_after_ms});
    return 429;
}
