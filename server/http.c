#include "server/http.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "server/assets.h"
#include "server/client.h"
#include "server/counters.h"
#include "server/handover.h"
#include "server/options.h"
#include "server/server.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS              "16" /* threads that serve HTTP, however many clients there are */
#define WEBSOCKET_KEY_LENGTH 24   /* 16 bytes in base64 */
#define QUERY_MAX            4096 /* longest name in a query, still encoded and then decoded */

struct http {
    struct server *server;
    struct mg_context *civetweb;
    struct handover handover;
    char address[INET_ADDRSTRLEN + 8];
    char ports[INET_ADDRSTRLEN + 8];
};

static int
log_message(const struct mg_connection *connection, const char *message)
{
    (void)connection;
    log_warnx("http %s", message);
    return 1;
}

/* Answers an upgrade that is refused, with a document like those of the protocol. */
static void
refuse(struct http *http, struct mg_connection *connection, const char *status,
       const struct event_error *error)
{
    size_t length = 0;
    const char *text = "";
    struct message *message = event_error(error);

    if (message != NULL)
        text = message_text(message, &length);
    atomic_fetch_add(&http->server->counters.refused, 1);
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

/*
 * civetweb's own errors, in words of ours: it would put what a hostile request said into the status
 * line, and leave the security headers out.
 */
static int
answer_error(struct mg_connection *connection, int status, const char *message)
{
    (void)message;
    const char *reason = mg_get_response_code_text(connection, status);
    (void)mg_printf(connection,
                    "HTTP/1.1 %d %s\r\n"
                    "Content-Type: text/plain; charset=utf-8\r\n"
                    "Content-Length: %zu\r\n"
                    "Cache-Control: no-store\r\n"
                    "%s"
                    "Connection: close\r\n\r\n%s\n",
                    status, reason, strlen(reason) + 1, assets_security_headers, reason);
    return 0;
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

static void
end_reservation(const struct mg_connection *connection)
{
    struct http *http = mg_get_user_data(mg_get_context(connection));

    if (mg_get_user_connection_data(connection) == &reserved)
        atomic_fetch_sub(&http->server->clients, 1);
}

/* Before the upgrade: returns 0 to go on with it, or 1 once it is refused. */
static int
handle_connect(const struct mg_connection *constant, void *argument)
{
    struct http *http = argument;
    struct server *server = http->server;
    struct mg_connection *connection = (struct mg_connection *)constant;
    char buffer[QUERY_MAX];
    const char *name;
    size_t length;

    if (atomic_load(&server->draining)) {
        refuse(http, connection, "503 Service Unavailable",
               &(struct event_error){.code = "shutting-down",
                                     .message = "The server is about to stop.",
                                     .retry = true});
        return 1;
    }
    if (!query_name(connection, buffer, sizeof(buffer), &name, &length)) {
        refuse(http, connection, "400 Bad Request",
               &(struct event_error){.code = "bad-name",
                                     .message = "`name` must have 1 to 64 bytes of text, and no "
                                                "control characters."});
        return 1;
    }
    if (atomic_fetch_add(&server->clients, 1) >= server->max_clients) {
        atomic_fetch_sub(&server->clients, 1);
        refuse(http, connection, "503 Service Unavailable",
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

/* Every request comes here first; returns 1 where that was the answer. */
static int
handle_begin(struct mg_connection *connection)
{
    struct http *http = mg_get_user_data(mg_get_context(connection));
    const struct mg_request_info *request = mg_get_request_info(connection);
    const char *upgrade = mg_get_header(connection, "Upgrade");
    struct event_error error = {0};

    if (upgrade == NULL || strcasecmp(upgrade, "websocket") != 0 || request->local_uri == NULL)
        return 0;
    const char *status = check_upgrade(connection, &error);
    if (status == NULL)
        return 0;
    refuse(http, connection, status, &error);
    return 1;
}

/* After the upgrade: from here on the connection is a client's, and civetweb's worker is free. */
static void
handle_ready(struct mg_connection *connection, void *argument)
{
    struct http *http = argument;
    const struct mg_request_info *request = mg_get_request_info(connection);
    char buffer[QUERY_MAX];
    char close_frame[WEBSOCKET_CONTROL_FRAME_MAX];
    const char *name;
    size_t length;
    int socket;

    int error = query_name(connection, buffer, sizeof(buffer), &name, &length) ? 0 : -EINVAL;
    if (error == 0)
        error = handover_take(&http->handover, request, &socket);
    if (error == 0) {
        struct client *client;
        error = client_start(http->server, socket, name, length, &client);
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
    atomic_fetch_add(&http->server->counters.refused, 1);
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

static int
handle_request(struct mg_connection *connection, void *argument)
{
    struct http *http = argument;
    const struct mg_request_info *request = mg_get_request_info(connection);

    if (request->local_uri != NULL && strcmp(request->local_uri, "/ws") == 0) {
        refuse(http, connection, "426 Upgrade Required\r\nUpgrade: websocket",
               &(struct event_error){.code = "bad-request",
                                     .message = "This path speaks WebSocket only."});
        return 426;
    }
    if (request->local_uri != NULL && strcmp(request->local_uri, "/healthz") == 0)
        return counters_serve_health(http->server, connection);
    if (request->local_uri != NULL && strcmp(request->local_uri, "/metrics") == 0)
        return counters_serve_metrics(http->server, connection);
    return assets_serve(connection, http->server->options->static_directory);
}

/*
 * Binds as civetweb is about to, to be able to say what is wrong, and resolves the host on the
 * way. The port 0 is left for civetweb to choose.
 */
static int
try_address(const struct options *options, struct http *http, char *why, size_t why_size)
{
    struct addrinfo hints = {
        .ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char port[8];
    char host[INET_ADDRSTRLEN];
    int on = 1;

    snprintf(port, sizeof(port), "%u", options->port);
    int failure =
        getaddrinfo(options->host[0] != '\0' ? options->host : NULL, port, &hints, &found);
    if (failure != 0) {
        snprintf(why, why_size, "--addr: %s is not an IPv4 address or a host that has one: %s",
                 options->host, gai_strerror(failure));
        return -EINVAL;
    }
    const struct sockaddr_in *address = (const struct sockaddr_in *)found->ai_addr;
    inet_ntop(AF_INET, &address->sin_addr, host, sizeof(host));
    snprintf(http->ports, sizeof(http->ports), "%s:%s", host, port);

    int error = 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(listener, found->ai_addr, found->ai_addrlen) < 0 || listen(listener, 1) < 0)
        error = -errno;
    if (listener >= 0)
        close(listener);
    freeaddrinfo(found);
    if (error != 0)
        snprintf(why, why_size, "--addr: cannot listen on %s: %s", http->ports, strerror(-error));
    return error;
}

static int
start_civetweb(struct http *http, char *why, size_t why_size)
{
    const char *options[] = {
        "listening_ports",
        http->ports,
        "num_threads",
        WORKERS,
        "listen_backlog",
        "4096",
        "connection_queue",
        "32",
        "request_timeout_ms",
        "5000",
        "enable_keep_alive",
        "yes",
        "keep_alive_timeout_ms",
        "500",
        "decode_url",
        "no",
        "tcp_nodelay",
        "1",
        "access_control_allow_origin",
        "",
        "access_control_allow_methods",
        "",
        "access_control_allow_headers",
        "",
        NULL,
    };
    struct mg_callbacks callbacks = {
        .begin_request = handle_begin,
        .log_message = log_message,
        .http_error = answer_error,
        .connection_close = end_reservation,
    };
    struct mg_server_port port;

    http->civetweb = mg_start(&callbacks, http, options);
    if (http->civetweb == NULL) {
        snprintf(why, why_size, "--addr: cannot listen on %s", http->ports);
        return -EADDRNOTAVAIL;
    }
    mg_set_request_handler(http->civetweb, "/", handle_request, http);
    mg_set_websocket_handler(http->civetweb, "/ws", handle_connect, handle_ready, handle_early_data,
                             handle_close, http);
    if (mg_get_server_ports(http->civetweb, 1, &port) != 1) {
        snprintf(why, why_size, "--addr: cannot tell the port that is listened on");
        mg_stop(http->civetweb);
        return -EADDRNOTAVAIL;
    }
    snprintf(http->address, sizeof(http->address), "%.*s:%d", (int)strcspn(http->ports, ":"),
             http->ports, port.port);
    return 0;
}

int
http_start(struct server *server, struct http **out, char *why, size_t why_size)
{
    struct http *http = calloc(1, sizeof(*http));
    if (http == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    http->server = server;
    int error = try_address(server->options, http, why, why_size);
    if (error != 0)
        goto free_http;
    error = handover_open(&http->handover);
    if (error != 0) {
        snprintf(why, why_size, "cannot make a socket: %s", strerror(-error));
        goto free_http;
    }
    if (mg_init_library(MG_FEATURES_WEBSOCKET) == 0) {
        snprintf(why, why_size, "this civetweb has no WebSocket support");
        error = -ENOTSUP;
        goto close_handover;
    }
    error = start_civetweb(http, why, why_size);
    if (error != 0)
        goto exit_library;
    *out = http;
    return 0;

exit_library:
    mg_exit_library();
close_handover:
    handover_close(&http->handover);
free_http:
    free(http);
    return error;
}

const char *
http_address(const struct http *http)
{
    return http->address;
}

void
http_stop(struct http **pointer)
{
    struct http *http = *pointer;

    *pointer = NULL;
    mg_stop(http->civetweb);
    mg_exit_library();
    handover_close(&http->handover);
    free(http);
}
