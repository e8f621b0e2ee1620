#include "server/http.h"

#include "rooms/log.h"
#include "server/answer.h"
#include "server/api.h"
#include "server/assets.h"
#include "server/counters.h"
#include "server/options.h"
#include "server/peer.h"
#include "server/reception.h"
#include "server/server.h"
#include "server/upgrade.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WORKERS "16" /* threads that serve HTTP, however many clients there are */

struct http {
    struct server *server;
    struct mg_context *civetweb;
    struct upgrade upgrade;
    atomic_bool is_installed; /* [a] civetweb knows who answers what */
    uint16_t port;            /* that civetweb listens on */
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

/*
 * civetweb's own errors, in words of ours: it would put what a hostile request said into the status
 * line, and leave the security headers out.
 */
static int
answer_failure(struct mg_connection *connection, int status, const char *message)
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

/* Whether the address may ask for anything; if not, answers. */
static bool
may_ask(struct server *server, struct mg_connection *connection)
{
    struct peer peer;
    int64_t retry_after_ms;

    peer_of(connection, server->options->trusted_proxy, &peer);
    if (limits_take_connect(server, &peer, &retry_after_ms))
        return true;
    (void)answer_limited(connection, "rate-limited",
                         "Your address asks more often than is allowed.", retry_after_ms);
    return false;
}

const struct options *
http_options(const struct mg_connection *connection)
{
    const struct http *http = mg_get_user_data(mg_get_context(connection));
    return http->server->options;
}

/* Else civetweb reads what nobody asked for of a body to its end, however long that takes. */
static void
leave_body(struct mg_connection *connection)
{
    mg_disable_connection_keep_alive(connection);
}

/* Every request comes here first; returns 1 where it was answered. */
static int
handle_begin(struct mg_connection *connection)
{
    struct http *http = mg_get_user_data(mg_get_context(connection));

    /* civetweb listens before it can be told who answers, and would answer 404 itself. */
    while (!atomic_load(&http->is_installed)) {
        const struct timespec moment = {.tv_nsec = 1000000};
        (void)nanosleep(&moment, NULL);
    }
    if (may_ask(http->server, connection) && !upgrade_answers(&http->upgrade, connection))
        return 0;
    leave_body(connection);
    return 1;
}

static void
handle_connection_close(const struct mg_connection *connection)
{
    struct http *http = mg_get_user_data(mg_get_context(connection));
    upgrade_forget(&http->upgrade, connection);
}

static int
handle_request(struct mg_connection *connection, void *argument)
{
    struct http *http = argument;
    const struct mg_request_info *request = mg_get_request_info(connection);

    leave_body(connection);
    if (request->local_uri != NULL && strcmp(request->local_uri, "/ws") == 0)
        return upgrade_refuse_plain(&http->upgrade, connection);
    if (request->local_uri != NULL && strcmp(request->local_uri, "/healthz") == 0)
        return counters_serve_health(http->server, connection);
    if (request->local_uri != NULL && strcmp(request->local_uri, "/metrics") == 0)
        return counters_serve_metrics(http->server, connection);
    if (api_owns(request->local_uri))
        return api_serve(http->server, connection);
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
        "no", /* a worker would wait for the next request */
        "decode_url",
        "no",
        "tcp_nodelay", /* for the clients that connections become, too */
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
        .http_error = answer_failure,
        .connection_close = handle_connection_close,
    };
    struct mg_server_port port;

    http->civetweb = mg_start(&callbacks, http, options);
    if (http->civetweb == NULL) {
        snprintf(why, why_size, "--addr: cannot listen on %s", http->ports);
        return -EADDRNOTAVAIL;
    }
    mg_set_request_handler(http->civetweb, "/", handle_request, http);
    upgrade_install(&http->upgrade, http->civetweb);
    atomic_store(&http->is_installed, true);
    if (mg_get_server_ports(http->civetweb, 1, &port) != 1) {
        snprintf(why, why_size, "--addr: cannot tell the port that is listened on");
        mg_stop(http->civetweb);
        return -EADDRNOTAVAIL;
    }
    http->port = (uint16_t)port.port;
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
    error = upgrade_open(&http->upgrade, server);
    if (error != 0) {
        snprintf(why, why_size, "cannot make a socket: %s", strerror(-error));
        goto free_http;
    }
    error = reception_open(&(struct reception_options){
        .base = http->upgrade.handover.base,
        .maximum = server->max_waiting,
        .maximum_of_address = server->options->limit_connections > 0 ? server->max_waiting / 2 : 0,
        .trusted_proxy = server->options->trusted_proxy,
        .head_ms = server->options->limit_head_time_s * INT64_C(1000),
    });
    if (error != 0) {
        snprintf(why, why_size, "cannot receive connections: %s", strerror(-error));
        goto close_upgrade;
    }
    if (mg_init_library(MG_FEATURES_WEBSOCKET) == 0) {
        snprintf(why, why_size, "this civetweb has no WebSocket support");
        error = -ENOTSUP;
        goto close_reception;
    }
    error = start_civetweb(http, why, why_size);
    if (error != 0)
        goto exit_library;
    *out = http;
    return 0;

exit_library:
    mg_exit_library();
close_reception:
    reception_close();
close_upgrade:
    upgrade_close(&http->upgrade);
free_http:
    free(http);
    return error;
}

const char *
http_address(const struct http *http)
{
    return http->address;
}

/* Connects to the server itself, which is to wake it. Returns the socket, or -1. */
static int
knock(const struct http *http)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(http->port)};
    char host[INET_ADDRSTRLEN];
    int visitor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(host, sizeof(host), "%.*s", (int)strcspn(http->ports, ":"), http->ports);
    if (visitor < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        (connect(visitor, (struct sockaddr *)&address, sizeof(address)) < 0 &&
         errno != EINPROGRESS))
        log_warn(errno, "stop-not-told"); /* it is seen later */
    return visitor;
}

void
http_stop(struct http **pointer)
{
    struct http *http = *pointer;

    *pointer = NULL;
    int visitor = reception_ring() ? -1 : knock(http);
    mg_stop(http->civetweb);
    if (visitor >= 0)
        close(visitor);
    mg_exit_library();
    reception_close();
    upgrade_close(&http->upgrade);
    free(http);
}
