#include "server/body.h"

#include "rooms/event.h"
#include "rooms/lock.h"
#include "server/answer.h"
#include "server/options.h"
#include "server/peer.h"
#include "server/server.h"

#include <civetweb.h>
#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX    (1 << 20) /* without a limit */
#define READ_MS     5000      /* for all of it */
#define READERS_MAX 8         /* workers that wait for bodies at a time: half of them */
#define ADDRESS_MAX 3         /* and those of one address among them */
#define JSON_TYPE   "application/json"

static bool
is_json(const struct mg_connection *connection)
{
    const char *type = mg_get_header(connection, "Content-Type");
    size_t length = strlen(JSON_TYPE);

    if (type == NULL || strncasecmp(type, JSON_TYPE, length) != 0)
        return false;
    type += length;
    type += strspn(type, " \t");
    return *type == '\0' || *type == ';';
}

/* Some clients wait to be told that the body is wanted (RFC 9110, 10.1.1). */
static void
ask_for_body(struct mg_connection *connection)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const char *expected = mg_get_header(connection, "Expect");

    if (expected != NULL && strcasecmp(expected, "100-continue") == 0)
        (void)mg_write(connection, line, strlen(line)); /* who does not get it sends no body */
}

/*
 * Reads what comes. Returns its length, -EMSGSIZE when it is too much, -ETIMEDOUT when it does not
 * come, or -EPROTO, when it ends too early or its chunks make no sense.
 */
static int
receive(struct mg_connection *connection, char *buffer, size_t size)
{
    int64_t expected = mg_get_request_info(connection)->content_length;
    int64_t deadline = clock_monotonic_ms() + READ_MS;
    size_t length = 0;

    if (expected > (int64_t)size)
        return -EMSGSIZE;
    ask_for_body(connection);
    /* A byte at a time: civetweb waits for all that it is asked for, however long each byte takes. */
    for (;;) {
        char byte;
        int count = mg_read(connection, &byte, 1);
        if (count == 0)
            break;
        if (count < 0 || clock_monotonic_ms() > deadline)
            return clock_monotonic_ms() > deadline ? -ETIMEDOUT : -EPROTO;
        if (length == size)
            return -EMSGSIZE;
        buffer[length++] = byte;
    }
    if (expected >= 0 && length < (size_t)expected)
        return clock_monotonic_ms() >= deadline ? -ETIMEDOUT : -EPROTO;
    return (int)length;
}

static int
refuse(struct mg_connection *connection, int status, const char *line, const char *code,
       const char *message)
{
    answer_error(connection, line,
                 &(struct event_error){.code = code, .message = message, .retry = status == 503});
    return status;
}

static int
read_text(struct server *server, struct mg_connection *connection, char *buffer, size_t size,
          cJSON **out)
{
    const char *problem;

    int length = receive(connection, buffer, size);
    if (length == -EMSGSIZE) {
        limits_count(server, LIMIT_BODY, mg_get_request_info(connection)->remote_addr);
        return refuse(connection, 413, "413 Content Too Large", "too-long",
                      "The body of this request is too long.");
    }
    if (length == -EPROTO)
        return refuse(connection, 400, "400 Bad Request", "bad-request",
                      "The body of this request is not whole, or its chunks are not understood.");
    if (length < 0)
        return refuse(connection, 408, "408 Request Timeout", "bad-request",
                      "The body of this request did not come.");
    *out = body_parse(buffer, (size_t)length, &problem);
    sodium_memzero(buffer, (size_t)length);
    if (*out == NULL)
        return refuse(connection, 400, "400 Bad Request", "bad-json", problem);
    return 0;
}

/* Whether one more may be waited for. If so, *holder is to be given back. */
static bool
may_wait(struct server *server, const struct mg_connection *connection,
         struct counted_holder **holder)
{
    struct peer peer;

    peer_of(connection, server->options->trusted_proxy, &peer);
    if (counted_take(server->limits.bodies, peer.key, sizeof(peer.key), 1, ADDRESS_MAX, holder) !=
        0)
        return false;
    if (atomic_fetch_add(&server->body_readers, 1) < READERS_MAX)
        return true;
    atomic_fetch_sub(&server->body_readers, 1);
    counted_give(server->limits.bodies, holder, 1);
    return false;
}

int
body_read(struct server *server, struct mg_connection *connection, cJSON **out)
{
    if (!is_json(connection))
        return refuse(connection, 415, "415 Unsupported Media Type", "bad-request",
                      "This takes a body of the type application/json.");
    size_t size = server->options->limit_body > 0 ? server->options->limit_body : BODY_MAX;
    int64_t expected = mg_get_request_info(connection)->content_length;
    if (expected >= 0 && expected < (int64_t)size)
        size = (size_t)expected;
    char *buffer = malloc(size > 0 ? size : 1);
    struct counted_holder *holder = NULL;
    bool may = buffer != NULL && may_wait(server, connection, &holder);
    int status = !may ? refuse(connection, 503, "503 Service Unavailable", "busy",
                               "The server is busy. Try again.")
                      : read_text(server, connection, buffer, size, out);
    if (may) {
        atomic_fetch_sub(&server->body_readers, 1);
        counted_give(server->limits.bodies, &holder, 1);
    }
    free(buffer);
    return status;
}
