#include "pubsub/redis_connection.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "pubsub/clock.h"
#include "pubsub/payload.h"
#include "pubsub/redis_socket.h"

#define GREETING_MS     2000 /* for all that comes before it is ready */
#define PING_MS         5000 /* nothing heard for so long: ask */
#define ANSWER_MS       5000 /* nothing heard for so long though something was asked: it is dead */
#define LOOKUP_MS       20   /* until an address that is being looked up is asked for again */
#define STABLE_MS       250  /* what was ready for so long has worked */
#define BACKOFF_MS      100u
#define BACKOFF_MAX     2000u
#define BACKOFF_LONG_MS 1000u /* when Redis is there but does not want the connection */
#define BACKOFF_LONG    5000u
#define UNPARSED_MAX    (PAYLOAD_MAX + 65536u) /* bytes of one reply; no more of it is read */

/* CLIENT SETNAME takes printable ASCII without spaces. */
static void
set_name(struct redis_connection *connection, const char *label)
{
    snprintf(connection->name, sizeof(connection->name), "chatd:%s:%s",
             connection->endpoint->instance, label);
    for (char *at = connection->name; *at != '\0'; at++) {
        if (*at < '!' || *at > '~')
            *at = '_';
    }
}

void
redis_connection_init(struct redis_connection *connection, struct redis_endpoint *endpoint,
                      const char *channel, const char *label)
{
    *connection = (struct redis_connection){.endpoint = endpoint, .channel = channel};
    set_name(connection, label);
}

void
redis_connection_close(struct redis_connection *connection)
{
    redis_socket_close(&connection->context);
    redis_log_forget(&connection->endpoint->log, &connection->trouble);
    connection->state = REDIS_WAITING;
    connection->deadline = INT64_MAX;
}

/* Exponential, with full jitter, so that not all channels come back at the same time. */
static int64_t
backoff(const struct redis_connection *connection)
{
    bool is_down = connection->trouble == TROUBLE_DOWN;
    unsigned most = is_down ? BACKOFF_MAX : BACKOFF_LONG;
    unsigned limit = is_down ? BACKOFF_MS : BACKOFF_LONG_MS;

    for (unsigned i = 1; i < connection->failures && limit < most; i++)
        limit *= 2;
    return 1 + (int64_t)randombytes_uniform(limit < most ? limit : most);
}

/* Gives the connection up for now. */
static void
lose(struct redis_connection *connection, enum redis_trouble trouble, const char *detail)
{
    int64_t now = clock_now();

    if (connection->state == REDIS_CONNECTING)
        redis_addresses_avoid(connection->endpoint->addresses, &connection->address);
    if (connection->state == REDIS_READY && now >= connection->since + STABLE_MS)
        connection->failures = 0;
    redis_socket_close(&connection->context);
    connection->failures++;
    redis_log_trouble(&connection->endpoint->log, &connection->trouble, trouble, detail);
    connection->state = REDIS_WAITING;
    connection->deadline = now + backoff(connection);
}

static void
lose_because(struct redis_connection *connection, const char *reason)
{
    char detail[160];

    snprintf(detail, sizeof(detail), "reason=\"%s\"", reason);
    lose(connection, TROUBLE_DOWN, detail);
}

static void
lose_for_error(struct redis_connection *connection, int error)
{
    char text[128];

    lose_because(connection, strerror_r(error, text, sizeof(text)));
}

static void
begin(struct redis_connection *connection, int64_t now)
{
    int error = redis_addresses_get(connection->endpoint->addresses, &connection->address);

    if (error == -EINPROGRESS) {
        connection->deadline = now + LOOKUP_MS;
        return;
    }
    if (error != 0) {
        lose_because(connection, "the host was not found");
        return;
    }
    connection->state = REDIS_CONNECTING;
    connection->deadline = now + GREETING_MS;
    connection->greeting = (struct redis_greeting){0};
    connection->unanswered = 0;
    connection->is_pinged = false;
    connection->write_failed = false;
    error = redis_socket_connect(&connection->address, &connection->context);
    if (error != 0)
        lose_for_error(connection, -error);
}

static void
greet(struct redis_connection *connection)
{
    int error = redis_socket_finish(connection->context);

    if (error == 0) {
        connection->state = REDIS_GREETING;
        error = greeting_append(&connection->greeting, connection->context,
                                &connection->endpoint->url, connection->name, connection->channel);
    }
    if (error != 0)
        lose_for_error(connection, -error);
}

static void
become_ready(struct redis_connection *connection)
{
    connection->state = REDIS_READY;
    connection->since = connection->heard;
    if (connection->times_ready++ > 0)
        atomic_fetch_add_explicit(&connection->endpoint->reconnects, 1, memory_order_relaxed);
    redis_log_recovered(&connection->endpoint->log, &connection->trouble);
}

/* The next reply that was received. NULL: there is none yet, or the connection is lost. */
static redisReply *
next_reply(struct redis_connection *connection)
{
    void *reply = NULL;

    if (redisGetReplyFromReader(connection->context, &reply) != REDIS_OK)
        lose_because(connection, connection->context->errstr);
    else if (reply == NULL && redis_socket_unparsed(connection->context) > UNPARSED_MAX) {
        atomic_fetch_add_explicit(&connection->endpoint->invalid, 1, memory_order_relaxed);
        lose_because(connection, "a payload is too large");
    }
    return reply;
}

static void
take_greetings(struct redis_connection *connection)
{
    redisReply *reply;

    while (connection->state == REDIS_GREETING && (reply = next_reply(connection)) != NULL) {
        char detail[GREETING_DETAIL_SIZE];
        enum redis_trouble trouble =
            greeting_take(&connection->greeting, reply, &connection->endpoint->log, detail);
        freeReplyObject(reply);
        if (trouble != TROUBLE_NONE)
            lose(connection, trouble, detail);
        else if (connection->greeting.answered == connection->greeting.count)
            become_ready(connection);
    }
}

static void
receive(struct redis_connection *connection)
{
    if (redisBufferRead(connection->context) != REDIS_OK) {
        lose_because(connection, connection->context->errstr);
        return;
    }
    connection->heard = clock_now();
    take_greetings(connection);
}

static int
append(struct redis_connection *connection, int count, const char **words, const size_t *lengths)
{
    if (redisAppendCommandArgv(connection->context, count, words, lengths) != REDIS_OK)
        return -ENOMEM;
    if (connection->unanswered++ == 0)
        connection->asked = clock_now();
    return 0;
}

/* When it is to be asked for a sign of life, or to be given up. */
static int64_t
next_check(const struct redis_connection *connection)
{
    if (connection->state != REDIS_READY)
        return connection->deadline;
    if (connection->unanswered == 0)
        return connection->heard + PING_MS;
    return (connection->asked > connection->heard ? connection->asked : connection->heard) +
           ANSWER_MS;
}

static void
check_time(struct redis_connection *connection)
{
    if (clock_now() < next_check(connection))
        return;
    if (connection->state != REDIS_READY || connection->unanswered > 0) {
        lose_for_error(connection, ETIMEDOUT);
    } else if (append(connection, 1, (const char *[]){"PING"}, NULL) != 0) {
        lose_for_error(connection, ENOMEM);
    } else {
        connection->is_pinged = true;
    }
}

int64_t
redis_connection_prepare(const struct redis_connection *connection, struct pollfd *wanted)
{
    *wanted = (struct pollfd){.fd = -1, .events = POLLIN};
    if (connection->context != NULL)
        wanted->fd = connection->context->fd;
    if (connection->state == REDIS_CONNECTING)
        wanted->events = POLLOUT;
    else if (redis_connection_unwritten(connection) > 0 && !connection->write_failed)
        wanted->events = POLLIN | POLLOUT;
    return next_check(connection);
}

void
redis_connection_step(struct redis_connection *connection, short events)
{
    int64_t now = clock_now();

    if (connection->state == REDIS_WAITING && now >= connection->deadline)
        begin(connection, now);
    else if (connection->state == REDIS_CONNECTING && events != 0)
        greet(connection);
    else if (connection->context != NULL && (events & (POLLIN | POLLERR | POLLHUP)) != 0)
        receive(connection);
    if (connection->context != NULL)
        check_time(connection);
    /*
     * Why a write has failed, reading tells better: a Redis that has too many clients, for example,
     * says so and closes, whatever is written.
     */
    if (connection->context != NULL && connection->state != REDIS_CONNECTING &&
        !connection->write_failed)
        connection->write_failed = redis_socket_write(connection->context) != 0;
}

static bool
is_word(const redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == strlen(word) &&
           memcmp(reply->str, word, reply->len) == 0;
}

/* Whether this is for the owner, and not the answer to a PING. */
static bool
is_for_owner(struct redis_connection *connection, const redisReply *reply)
{
    bool was_pinged = connection->is_pinged;

    if (connection->channel != NULL) {
        connection->unanswered = 0;
        return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
               is_word(reply->element[0], "message") &&
               is_word(reply->element[1], connection->channel) &&
               reply->element[2]->type == REDIS_REPLY_STRING;
    }
    if (connection->unanswered > 0)
        connection->unanswered--;
    connection->is_pinged = false;
    return !was_pinged;
}

redisReply *
redis_connection_next(struct redis_connection *connection)
{
    redisReply *reply;

    if (connection->state != REDIS_READY)
        return NULL;
    while ((reply = next_reply(connection)) != NULL) {
        if (is_for_owner(connection, reply))
            return reply;
        freeReplyObject(reply);
    }
    if (connection->context != NULL)
        redis_socket_shrink(connection->context);
    return NULL;
}

int
redis_connection_send(struct redis_connection *connection, int count, const char **words,
                      const size_t *lengths)
{
    if (connection->state != REDIS_READY)
        return -ENOTCONN;
    return append(connection, count, words, lengths);
}

size_t
redis_connection_unwritten(const struct redis_connection *connection)
{
    return connection->context != NULL ? redis_socket_unwritten(connection->context) : 0;
}
