#include "server/upgrade.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "server/assets.h"
#include "server/client.h"
#include "server/server.h"

#include <civetweb.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define WEBSOCKET_KEY_LENGTH 24   /* 16 bytes in base64 */
#define QUERY_MAX            4096 /* longest name in a query, still encoded and then decoded */

/* Answers an upgrade that is refused, with a document like those of the protocol. */
static void
refuse(struct upgrade *upgrade, struct mg_connection *connection, const char *status,
       const struct event_error *error)
{
    size_t length = 0;
    const char *text = "";
    struct message *message = event_error(error);

    if (message != NULL)
        text = message_text(message, &length);
    atomic_fetch_add(&upgrade->server->counters.refused, 1);
    /* A client that has gone is not answered, and that is all. */
    (void)mg_printf(connection,
                    "HTTP/1.1 %s\r\n"
                    "Content-Type: application/json; charset=utf-8\r\n"
                    "Content-Length: %zu\r\n"
                    "Cache-Control: no-store\r\n"
                    "%s"
                    "%s"
                    "Connection: close\r\n\r\n%.*s",
                    status, length, error->retry ? "Retry-After: 5\r\n" : "",
                    assets_security_headers, (int)length, text);
    if (message != NULL)
        message_rele(message);
}

/* The name of the query, decoded into `buffer` and trimmed; false when it is not valid. */
static bool
query_name(const struct mg_connection *connection, char *buffer, size_t size, const char **name,
           size_t *length)
{
    const char *query = mg_get_request_info(connection)->query_string;

    if (query == NULL)
        return false;
    int decoded = mg_get_var(query, strlen(query), "name", buffer, size);
    /* It is terminated, so that a NUL within it cuts the name: then it is not the one sent. */
    if (decoded < 0 || strlen(buffer) != (size_t)decoded)
        return false;
    *name = buffer;
    return name_trim(name, (size_t)decoded, REPO_USER_NAME_SIZE - 1, length);
}

/*
 * What a connection's user data point to from the moment that it counts as a client until it is
 * one: the upgrade may fail in between, of which civetweb tells only that the connection is closed.
 */
static const char reserved;

void
upgrade_end_reservation(struct upgrade *upgrade, const struct mg_connection *connection)
{
    if (mg_get_user_connection_data(connection) == &reserved)
        atomic_fetch_sub(&upgrade->server->clients, 1);
}

/* Before the upgrade: returns 0 to go on with it, or 1 once it is refused. */
static int
handle_connect(const struct mg_connection *constant, void *argument)
{
    struct upgrade *upgrade = argument;
    struct server *server = upgrade->server;
    struct mg_connection *connection = (struct mg_connection *)constant;
    char buffer[QUERY_MAX];
    const char *name;
    size_t length;

    if (atomic_load(&server->draining)) {
        refuse(upgrade, connection, "503 Service Unavailable",
               &(struct event_error){.code = "shutting-down",
                                     .message = "The server is about to stop.",
                                     .retry = true});
        return 1;
    }
    if (!query_name(connection, buffer, sizeof(buffer), &name, &length)) {
        refuse(upgrade, connection, "400 Bad Request",
               &(struct event_error){.code = "bad-name",
                                     .message = "`name` must have 1 to 64 bytes of text, and no "
                                                "control characters."});
        return 1;
    }
    if (atomic_fetch_add(&server->clients, 1) >= server->max_clients) {
        atomic_fetch_sub(&server->clients, 1);
        refuse(upgrade, connection, "503 Service Unavailable",
               &(struct event_error){.code = "server-full",
                                     .message = "As many clients are connected as may be.",
                                     .retry = true});
        return 1;
    }
    mg_set_user_connection_data(connection, (void *)&reserved);
    return 0;
}

/*
 * What RFC 6455 (4.2.1) asks of an upgrade, and civetweb does not look at, or refuses in words that
 * are no HTTP. Returns NULL, or the status and, in *error, the answer.
 */
static const char *
check_upgrade(const struct mg_connection *connection, struct event_error *error)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    const char *version = mg_get_header(connection, "Sec-WebSocket-Version");
    const char *key = mg_get_header(connection, "Sec-WebSocket-Key");

    error->code = "bad-request";
    if (strcmp(request->local_uri, "/ws") != 0) {
        error->message = "Nothing here speaks WebSocket.";
        return "404 Not Found";
    }
    if (strcmp(request->request_method, "GET") != 0) {
        error->message = "An upgrade is asked for by GET.";
        return "405 Method Not Allowed\r\nAllow: GET";
    }
    if (strcmp(request->http_version, "1.1") != 0) {
        error->message = "An upgrade takes HTTP/1.1.";
        return "400 Bad Request";
    }
    if (version == NULL || strcmp(version, "13") != 0) {
        error->message = "This server speaks version 13 of WebSocket.";
        return "426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
    }
    if (key == NULL || strlen(key) != WEBSOCKET_KEY_LENGTH) {
        error->message = "Sec-WebSocket-Key must be 16 bytes in base64.";
        return "400 Bad Request";
    }
    return NULL;
}

bool
upgrade_answers(struct upgrade *upgrade, struct mg_connection *connection)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    const char *header = mg_get_header(connection, "Upgrade");
    struct event_error error = {0};

    if (header == NULL || strcasecmp(header, "websocket") != 0 || request->local_uri == NULL)
        return false;
    const char *status = check_upgrade(connection, &error);
    if (status == NULL)
        return false;
    refuse(upgrade, connection, status, &error);
    return true;
}

/* After the upgrade: from here on the connection is a client's, and civetweb's worker is free. */
static void
handle_ready(struct mg_connection *connection, void *argument)
{
    struct upgrade *upgrade = argument;
    const struct mg_request_info *request = mg_get_request_info(connection);
    char buffer[QUERY_MAX];
    char close_frame[WEBSOCKET_CONTROL_FRAME_MAX];
    const char *name;
    size_t length;
    int socket;

    int error = query_name(connection, buffer, sizeof(buffer), &name, &length) ? 0 : -EINVAL;
    if (error == 0)
        error = handover_take(&upgrade->handover, request, &socket);
    if (error == 0) {
        struct client *client;
        error = client_start(upgrade->server, socket, name, length, &client);
        if (error == 0) {
            mg_set_user_connection_data(connection, client);
            return;
        }
        /* Nobody else can say it any more. */
        size_t size = websocket_close_frame(close_frame, WEBSOCKET_CLOSE_INTERNAL_ERROR, "");
        if (send(socket, close_frame, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            log_warn(errno, "close-not-sent");
        close(socket);
    }
    /* One who is gone already is not found, and not missed. */
    if (error != -ENOENT)
        log_warn(-error, "client-not-started peer=%s:%d", request->remote_addr,
                 request->remote_port);
    atomic_fetch_add(&upgrade->server->counters.refused, 1);
}

/*
 * civetweb comes here with what a client sent before the upgrade was answered, which RFC 6455 (4.1)
 * forbids; its connection is handed over already, and the rest of it makes no sense there.
 */
static int
handle_early_data(struct mg_connection *connection, int bits, char *data, size_t length,
                  void *argument)
{
    struct client *client = mg_get_user_connection_data(connection);

    (void)bits;
    (void)data;
    (void)length;
    (void)argument;
    if (client != NULL && (void *)client != &reserved)
        client_abort(client, WEBSOCKET_CLOSE_PROTOCOL_ERROR);
    return 0;
}

/* civetweb is done with its side of a connection. */
static void
handle_close(const struct mg_connection *connection, void *argument)
{
    struct client *client = mg_get_user_connection_data(connection);

    (void)argument;
    if (client == NULL || (const void *)client == &reserved)
        return;
    mg_set_user_connection_data(connection, NULL);
    client_rele(client);
}

int
upgrade_refuse_plain(struct upgrade *upgrade, struct mg_connection *connection)
{
    refuse(upgrade, connection, "426 Upgrade Required\r\nUpgrade: websocket",
           &(struct event_error){.code = "bad-request",
                                 .message = "This path speaks WebSocket only."});
    return 426;
}

int
upgrade_open(struct upgrade *upgrade, struct server *server)
{
    upgrade->server = server;
    return handover_open(&upgrade->handover);
}

void
upgrade_close(struct upgrade *upgrade)
{
    handover_close(&upgrade->handover);
}

void
upgrade_install(struct upgrade *upgrade, struct mg_context *civetweb)
{
    mg_set_websocket_handler(civetweb, "/ws", handle_connect, handle_ready, handle_early_data,
                             handle_close, upgrade);
}
