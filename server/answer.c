#include "server/answer.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "server/assets.h"

#include <civetweb.h>
#include <string.h>

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
    (void)mg_printf(connection,
                    "HTTP/1.1 %s\r\n"
                    "%s"
                    "Content-Type: %s\r\n"
                    "Content-Length: %zu\r\n"
                    "Cache-Control: no-store\r\n"
                    "%s"
                    "Connection: close\r\n\r\n",
                    status, lines, type, length, assets_security_headers);
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
answer_error(struct mg_connection *connection, const char *status, const struct event_error *error)
{
    size_t length = 0;
    const char *text = "";
    struct message *message = event_error(error);

    if (message != NULL)
        text = message_text(message, &length);
    answer(connection, status, error->retry ? "Retry-After: 5\r\n" : "",
           "application/json; charset=utf-8", text, length);
    if (message != NULL)
        message_rele(message);
}
