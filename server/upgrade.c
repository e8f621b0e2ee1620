#include "server/upgrade.h"

#include "rooms/event.h"
#include "rooms/log.h"
#include "server/answer.h"
#include "server/client.h"
#include "server/extensions.h"
#include "server/guest.h"
#include "server/identity.h"
#include "server/options.h"
#include "server/origin.h"
#include "server/peer.h"
#include "server/server.h"

#include <civetweb.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* 16 bytes in base64 are so many characters of it, and then "==". */
#define WEBSOCKET_KEY_CHARACTERS 22

/*
 * What a connection's user data point to from the moment that it counts as a client: the upgrade
 * may fail in between, of which civetweb tells only that the connection is closed. One worker at a
 * time has to do with it.
 */
struct visitor {
    struct client *client;          /* that it has become, held; NULL before */
    struct counted_holder *address; /* counted with it */
    struct identity identity;
    bool deflates; /* permessage-deflate was accepted */
};

/* Answers an upgrade that is refused, with a document like those of the protocol. */
static void
refuse(struct upgrade *upgrade, struct mg_connection *connection, const char *status,
       const struct event_error *error)
{
    atomic_fetch_add(&upgrade->server->counters.refused, 1);
    answer_error(connection, status, error);
}

void
upgrade_forget(struct upgrade *upgrade, const struct mg_connection *connection)
{
    struct visitor *visitor = mg_get_user_connection_data(connection);

    if (visitor == NULL)
        return;
    mg_set_user_connection_data(connection, NULL);
    if (visitor->client != NULL)
        client_rele(visitor->client);
    else
        atomic_fetch_sub(&upgrade->server->clients, 1);
    limits_end_connection(upgrade->server, &visitor->address);
    identity_clear(&visitor->identity);
    free(visitor);
}

/* Finds or makes the user who asks to be let in. If there is none, answers, and returns false. */
static bool
identify(struct upgrade *upgrade, struct mg_connection *connection, struct identity *out)
{
    struct event_error error;
    const char *status = guest_identify(upgrade->server, connection, out, &error);

    if (status != NULL)
        refuse(upgrade, connection, status, &error);
    return status == NULL;
}

/* Counts it among its address's, and among all; -EAGAIN, -ENFILE: there are as many as may be. */
static int
count_visitor(struct server *server, const struct peer *peer, struct visitor *visitor)
{
    int error = limits_begin_connection(server, peer, &visitor->address);

    if (error == 0 && atomic_fetch_add(&server->clients, 1) >= server->max_clients) {
        atomic_fetch_sub(&server->clients, 1);
        limits_end_connection(server, &visitor->address);
        error = -ENFILE;
    }
    return error;
}

static void
refuse_visitor(struct upgrade *upgrade, struct mg_connection *connection, int error)
{
    struct event_error full = {.code = "server-full",
                               .message = "As many clients are connected as may be.",
                               .retry = true};
    struct event_error many = {.code = "too-many-connections",
                               .message = "As many clients are connected from your address as may "
                                          "be.",
                               .retry = true};

    if (error == -EAGAIN)
        refuse(upgrade, connection, "429 Too Many Requests", &many);
    else
        refuse(upgrade, connection, "503 Service Unavailable", &full);
}

/* Counts the connection as a client and keeps who it is; if it cannot, answers, and returns false. */
static bool
admit(struct upgrade *upgrade, struct mg_connection *connection, const struct identity *identity)
{
    struct server *server = upgrade->server;
    struct visitor *visitor = calloc(1, sizeof(*visitor));
    struct peer peer;

    upgrade_forget(upgrade, connection); /* of an upgrade that failed */
    peer_of(connection, server->options->trusted_proxy, &peer);
    int error = visitor != NULL ? count_visitor(server, &peer, visitor) : -ENOMEM;
    if (error == 0) {
        visitor->identity = *identity;
        mg_set_user_connection_data(connection, visitor);
        return true;
    }
    free(visitor);
    refuse_visitor(upgrade, connection, error);
    return false;
}

/* What the client offers in its headers; -EINVAL when one of them is malformed. */
static int
read_extensions(const struct mg_connection *connection, struct extensions *extensions)
{
    const struct mg_request_info *request = mg_get_request_info(connection);

    *extensions = (struct extensions){0};
    for (int i = 0; i < request->num_headers; i++) {
        const struct mg_header *header = &request->http_headers[i];
        if (strcasecmp(header->name, "Sec-WebSocket-Extensions") != 0)
            continue;
        int error = extensions_read(extensions, header->value);
        if (error != 0)
            return error;
    }
    return 0;
}

/*
 * Accepts what can be of what the client offers. civetweb, which answers the upgrade next, writes no
 * header of ours: so the answer begins here, and ends with a header of which civetweb's status line
 * becomes the value. Returns false when nobody is there any more.
 */
static bool
answer_extensions(const struct upgrade *upgrade, struct mg_connection *connection)
{
    struct visitor *visitor = mg_get_user_connection_data(connection);
    struct extensions extensions;
    char head[EXTENSIONS_ANSWER_SIZE + 128];

    if (!upgrade->server->options->compression || read_extensions(connection, &extensions) != 0 ||
        !extensions.deflates)
        return true;
    visitor->deflates = true;
    int length = snprintf(head, sizeof(head),
                          "HTTP/1.1 101 Switching Protocols\r\n"
                          "Sec-WebSocket-Extensions: %s\r\n"
                          "X-Upgrade: ",
                          extensions.answer);
    return mg_write(connection, head, (size_t)length) == length;
}

/* Before the upgrade: returns 0 to go on with it, or 1 once it is refused. */
static int
handle_connect(const struct mg_connection *constant, void *argument)
{
    struct upgrade *upgrade = argument;
    struct mg_connection *connection = (struct mg_connection *)constant;
    struct identity identity;

    if (!origin_is_allowed(mg_get_header(connection, "Origin"), mg_get_header(connection, "Host"),
                           upgrade->server->options->origin)) {
        refuse(upgrade, connection, "403 Forbidden",
               &(struct event_error){.code = "origin-refused",
                                     .message = "Pages of this site may not connect here; the "
                                                "server's --origin says which may."});
        return 1;
    }
    if (atomic_load(&upgrade->server->draining)) {
        refuse(upgrade, connection, "503 Service Unavailable",
               &(struct event_error){.code = "shutting-down",
                                     .message = "The server is about to stop.",
                                     .retry = true});
        return 1;
    }
    bool is_admitted = identify(upgrade, connection, &identity) &&
                       admit(upgrade, connection, &identity) &&
                       answer_extensions(upgrade, connection);
    identity_clear(&identity);
    return is_admitted ? 0 : 1;
}

/* Whether there is one Sec-WebSocket-Key (RFC 6455, 11.3.1) of 16 bytes in base64. */
static bool
has_key(const struct mg_request_info *request)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *key = NULL;

    for (int i = 0; i < request->num_headers; i++) {
        if (strcasecmp(request->http_headers[i].name, "Sec-WebSocket-Key") != 0)
            continue;
        if (key != NULL)
            return false;
        key = request->http_headers[i].value;
    }
    return key != NULL && strspn(key, alphabet) == WEBSOCKET_KEY_CHARACTERS &&
           strcmp(key + WEBSOCKET_KEY_CHARACTERS, "==") == 0;
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
    struct extensions extensions;

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
    if (!has_key(request)) {
        error->message = "Sec-WebSocket-Key must be 16 bytes in base64, once.";
        return "400 Bad Request";
    }
    if (read_extensions(connection, &extensions) != 0) {
        error->message = "Sec-WebSocket-Extensions is malformed.";
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

/* Starts a client on the socket; on failure says so to whoever is there, and closes it. */
static int
start_client(struct upgrade *upgrade, struct visitor *visitor, int socket)
{
    char close_frame[WEBSOCKET_CONTROL_FRAME_MAX];

    int error = client_start(upgrade->server, socket, &visitor->identity, &visitor->address,
                             visitor->deflates, &visitor->client);
    identity_clear(&visitor->identity);
    if (error == 0)
        return 0;
    /* Nobody else can say it any more. */
    size_t size = websocket_close_frame(close_frame, WEBSOCKET_CLOSE_INTERNAL_ERROR, "");
    if (send(socket, close_frame, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_warn(errno, "close-not-sent");
    close(socket);
    return error;
}

/* After the upgrade: from here on the connection is a client's, and civetweb's worker is free. */
static void
handle_ready(struct mg_connection *connection, void *argument)
{
    struct upgrade *upgrade = argument;
    const struct mg_request_info *request = mg_get_request_info(connection);
    struct visitor *visitor = mg_get_user_connection_data(connection);
    int socket;

    int error = handover_take(&upgrade->handover, request, &socket);
    if (error == 0)
        error = start_client(upgrade, visitor, socket);
    if (error == 0)
        return;
    /* One who is gone already is not found, and not missed. */
    if (error != -ENOENT)
        log_warn(-error, "client-not-started peer=%s:%d", request->remote_addr,
                 request->remote_port);
    atomic_fetch_add(&upgrade->server->counters.refused, 1);
    /* Else civetweb waits, however long, for what comes. */
    mg_disable_connection_keep_alive(connection);
}

/*
 * civetweb comes here with what a client sent before the upgrade was answered, which RFC 6455 (4.1)
 * forbids; its connection is handed over already, and the rest of it makes no sense there.
 */
static int
handle_early_data(struct mg_connection *connection, int bits, char *data, size_t length,
                  void *argument)
{
    const struct visitor *visitor = mg_get_user_connection_data(connection);

    (void)bits;
    (void)data;
    (void)length;
    (void)argument;
    if (visitor->client != NULL)
        client_abort(visitor->client, WEBSOCKET_CLOSE_PROTOCOL_ERROR);
    return 0;
}

/* civetweb is done with its side of a connection. */
static void
handle_close(const struct mg_connection *connection, void *argument)
{
    upgrade_forget(argument, connection);
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
