#include "pubsub/redis_connection.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <hiredis/sds.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pubsub/clock.h"
#include "pubsub/payload.h"

#define GREETING_MS     2000 /* for connecting and all that comes before it is ready */
#define PING_MS         5000 /* nothing heard for so long: ask */
#define ANSWER_MS       5000 /* nothing heard for so long though something was asked: it is dead */
#define LOOKUP_MS       20   /* until the name's address is asked for again */
#define STABLE_MS       1000 /* one that was ready for so long has worked */
#define BACKOFF_MS      100u
#define BACKOFF_MAX     2000u
#define BACKOFF_LONG_MS 1000u /* when it is not for want of trying */
#define BACKOFF_LONG    5000u
#define IDLE_BUFFER     2048u                  /* bytes that an idle reader may keep */
#define UNREAD_MAX      (PAYLOAD_MAX + 65536u) /* bytes of one reply; larger ones are not read */

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

static void
disconnect(struct redis_connection *connection)
{
    int descriptor;

    if (connection->context == NULL)
        return;
    /* redisFree does not close a descriptor 0. */
    descriptor = redisFreeKeepFd(connection->context);
    connection->context = NULL;
    if (descriptor >= 0 && close(descriptor) < 0)
        assert(errno != EBADF);
}

void
redis_connection_close(struct redis_connection *connection)
{
    disconnect(connection);
    redis_log_forget(&connection->endpoint->log, &connection->trouble);
    connection->state = REDIS_WAITING;
    connection->deadline = INT64_MAX;
}

/* Exponential, with full jitter, so that not all channels come back at the same time. */
static int64_t
backoff(const struct redis_connection *connection)
{
    bool is_down = connection->trouble <= TROUBLE_DOWN;
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
    disconnect(connection);
    connection->failures++;
    redis_log_trouble(&connection->endpoint->log, &connection->trouble, trouble, detail);
    connection->state = REDIS_WAITING;
    connection->deadline = now + backoff(connection);
}

static void
lose_for_error(struct redis_connection *connection, int error)
{
    char text[128];
    char detail[160];

    snprintf(detail, sizeof(detail), "reason=\"%s\"", strerror_r(error, text, sizeof(text)));
    lose(connection, TROUBLE_DOWN, detail);
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

static int
append_greeting(struct redis_connection *connection, enum redis_greeting greeting)
{
    const struct redis_url *url = &connection->endpoint->url;
    const char *words[3] = {NULL};
    char number[16];
    int count = 0;

    switch (greeting) {
    case GREETING_AUTH:
        words[count++] = "AUTH";
        if (url->user[0] != '\0')
            words[count++] = url->user;
        words[count++] = url->password;
        break;
    case GREETING_SELECT:
        snprintf(number, sizeof(number), "%u", url->db);
        words[count++] = "SELECT";
        words[count++] = number;
        break;
    case GREETING_NAME:
        words[count++] = "CLIENT";
        words[count++] = "SETNAME";
        words[count++] = connection->name;
        break;
    case GREETING_SUBSCRIBE:
    case GREETINGS:
        words[count++] = "SUBSCRIBE";
        words[count++] = connection->channel;
        break;
    }
    connection->greetings[connection->greeting_count++] = greeting;
    return append(connection, count, words, NULL);
}

/* Gives all commands at once: what is not ready after one round trip will not be. */
static void
greet(struct redis_connection *connection)
{
    const struct redis_url *url = &connection->endpoint->url;
    int error = 0;

    connection->state = REDIS_GREETING;
    if (url->has_password)
        error = append_greeting(connection, GREETING_AUTH);
    if (error == 0 && url->db != 0)
        error = append_greeting(connection, GREETING_SELECT);
    if (error == 0)
        error = append_greeting(connection, GREETING_NAME);
    if (error == 0 && connection->channel != NULL)
        error = append_greeting(connection, GREETING_SUBSCRIBE);
    if (error != 0)
        lose_for_error(connection, -error);
}

/* hiredis would look the host up, wait for it, and leave the descriptor open across exec. */
static int
open_socket(const struct redis_address *address, int *out)
{
    int family = address->socket.ss_family;
    int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (descriptor < 0)
        return -errno;
    if (family != AF_UNIX &&
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0)
        goto fail;
    if (connect(descriptor, (const struct sockaddr *)&address->socket, address->length) < 0 &&
        errno != EINPROGRESS)
        goto fail;
    *out = descriptor;
    return 0;

fail:
    error = -errno;
    close(descriptor);
    return error;
}

static void
begin(struct redis_connection *connection, int64_t now)
{
    int descriptor = -1;
    int error = redis_addresses_get(connection->endpoint->addresses, &connection->address);

    if (error == -EINPROGRESS) {
        connection->deadline = now + LOOKUP_MS;
        return;
    }
    if (error == -EHOSTUNREACH) {
        lose(connection, TROUBLE_DOWN, "reason=\"the host was not found\"");
        return;
    }
    connection->state = REDIS_CONNECTING;
    connection->deadline = now + GREETING_MS;
    connection->greeting_count = 0;
    connection->greeting = 0;
    connection->unanswered = 0;
    connection->pinged = false;
    connection->write_failed = false;
    error = open_socket(&connection->address, &descriptor);
    if (error == 0) {
        connection->context = redisConnectFd(descriptor);
        if (connection->context == NULL) {
            close(descriptor);
            error = -ENOMEM;
        }
    }
    if (error != 0)
        lose_for_error(connection, -error);
    else
        connection->context->flags &= ~REDIS_BLOCK;
}

static void
finish_connect(struct redis_connection *connection)
{
    int error = 0;
    socklen_t length = sizeof(error);

    if (getsockopt(connection->context->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    if (error != 0)
        lose_for_error(connection, error);
    else
        greet(connection);
}

/*
 * redisBufferWrite would raise SIGPIPE. A failure is left for reading to find: a Redis that has too
 * many clients, for example, says so and closes, whatever was written.
 */
static void
flush(struct redis_connection *connection)
{
    redisContext *context = connection->context;
    ssize_t sent;

    if (connection->write_failed || sdslen(context->obuf) == 0)
        return;
    sent = send(context->fd, context->obuf, sdslen(context->obuf), MSG_NOSIGNAL);
    if (sent < 0) {
        connection->write_failed = errno != EAGAIN && errno != EINTR;
    } else if ((size_t)sent < sdslen(context->obuf)) {
        sdsrange(context->obuf, (int)sent, -1);
    } else {
        sdsfree(context->obuf);
        context->obuf = sdsempty();
        if (context->obuf == NULL)
            lose_for_error(connection, ENOMEM);
    }
}

/* The code at the front of an error: the rest may repeat what was sent, even a password. */
static void
error_code(const redisReply *reply, char *code, size_t size)
{
    size_t length = 0;

    while (length < reply->len && length < size - 1 && isupper((unsigned char)reply->str[length])) {
        code[length] = reply->str[length];
        length++;
    }
    code[length] = '\0';
}

/* Handles an error in reply to a greeting; returns whether the connection goes on without it. */
static bool
endure(struct redis_connection *connection, enum redis_greeting greeting, const redisReply *reply)
{
    static const char *const commands[GREETINGS] = {"AUTH", "SELECT", "CLIENT SETNAME",
                                                    "SUBSCRIBE"};
    char code[32];
    char detail[96];

    error_code(reply, code, sizeof(code));
    snprintf(detail, sizeof(detail), "command=\"%s\" code=%s", commands[greeting], code);
    if (strncmp(reply->str, "ERR max number of clients", 25) == 0)
        lose(connection, TROUBLE_FULL, "reason=\"max number of clients reached\"");
    else if (greeting == GREETING_AUTH || greeting == GREETING_SUBSCRIBE ||
             strcmp(code, "NOAUTH") == 0)
        lose(connection, TROUBLE_REFUSED, detail);
    else
        redis_log_note(&connection->endpoint->log,
                       greeting == GREETING_SELECT ? NOTE_SELECT : NOTE_NAME, detail);
    return connection->context != NULL;
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

static void
lose_for_nonsense(struct redis_connection *connection)
{
    lose(connection, TROUBLE_DOWN, "reason=\"it does not speak the protocol of Redis\"");
}

/* Takes the replies to the greetings. */
static void
take_greetings(struct redis_connection *connection)
{
    while (connection->state == REDIS_GREETING) {
        enum redis_greeting greeting = connection->greetings[connection->greeting];
        void *taken = NULL;
        redisReply *reply;

        if (redisGetReplyFromReader(connection->context, &taken) != REDIS_OK) {
            lose_for_nonsense(connection);
            return;
        }
        if (taken == NULL)
            return;
        reply = taken;
        connection->unanswered--;
        if (reply->type == REDIS_REPLY_ERROR) {
            if (!endure(connection, greeting, reply)) {
                freeReplyObject(reply);
                return;
            }
        } else if (reply->type !=
                   (greeting == GREETING_SUBSCRIBE ? REDIS_REPLY_ARRAY : REDIS_REPLY_STATUS)) {
            freeReplyObject(reply);
            lose_for_nonsense(connection);
            return;
        }
        freeReplyObject(reply);
        if (++connection->greeting == connection->greeting_count)
            become_ready(connection);
    }
}

static void
receive(struct redis_connection *connection)
{
    redisContext *context = connection->context;

    if (redisBufferRead(context) != REDIS_OK) {
        char detail[160];
        snprintf(detail, sizeof(detail), "reason=\"%s\"", context->errstr);
        lose(connection, TROUBLE_DOWN, detail);
        return;
    }
    connection->heard = clock_now();
    take_greetings(connection);
}

/* When a ready connection is to be asked for a sign of life, or to be given up. */
static int64_t
next_check(const struct redis_connection *connection)
{
    if (connection->unanswered == 0)
        return connection->heard + PING_MS;
    return (connection->asked > connection->heard ? connection->asked : connection->heard) +
           ANSWER_MS;
}

static void
check_time(struct redis_connection *connection)
{
    static const char *ping[] = {"PING"};
    bool is_ready = connection->state == REDIS_READY;
    int error = 0;

    if (clock_now() < (is_ready ? next_check(connection) : connection->deadline))
        return;
    if (!is_ready || connection->unanswered > 0) {
        lose_for_error(connection, ETIMEDOUT);
        return;
    }
    error = append(connection, 1, ping, NULL);
    connection->pinged = true;
    if (error != 0)
        lose_for_error(connection, -error);
}

int64_t
redis_connection_prepare(const struct redis_connection *connection, struct pollfd *wanted)
{
    bool has_more = redis_connection_pending(connection) > 0 && !connection->write_failed;

    *wanted = (struct pollfd){.fd = -1};
    if (connection->context != NULL)
        wanted->fd = connection->context->fd;
    if (connection->state == REDIS_CONNECTING)
        wanted->events = POLLOUT;
    else
        wanted->events = (short)(POLLIN | (has_more ? POLLOUT : 0));
    return connection->state == REDIS_READY ? next_check(connection) : connection->deadline;
}

void
redis_connection_step(struct redis_connection *connection, short events)
{
    if (connection->state == REDIS_WAITING) {
        int64_t now = clock_now();
        if (now >= connection->deadline)
            begin(connection, now);
    } else if (connection->state == REDIS_CONNECTING) {
        if (events != 0)
            finish_connect(connection);
    } else if ((events & (POLLIN | POLLERR | POLLHUP)) != 0) {
        receive(connection);
    }
    if (connection->context != NULL)
        check_time(connection);
    if (connection->context != NULL && connection->state != REDIS_CONNECTING)
        flush(connection);
}

/* A message that went past leaves its buffer behind, and most channels are idle most of the time. */
static void
shrink_reader(redisContext *context)
{
    redisReader *reader = context->reader;
    redisReader *fresh;

    if (reader->ridx >= 0 || reader->pos < sdslen(reader->buf) ||
        sdsalloc(reader->buf) <= IDLE_BUFFER)
        return;
    fresh = redisReaderCreate();
    if (fresh == NULL)
        return;
    redisReaderFree(reader);
    context->reader = fresh;
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
    bool was_pinged = connection->pinged;

    if (connection->channel != NULL) {
        connection->unanswered = 0;
        return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
               is_word(reply->element[0], "message") &&
               is_word(reply->element[1], connection->channel) &&
               reply->element[2]->type == REDIS_REPLY_STRING;
    }
    if (connection->unanswered > 0)
        connection->unanswered--;
    connection->pinged = false;
    return !was_pinged;
}

redisReply *
redis_connection_next(struct redis_connection *connection)
{
    while (connection->state == REDIS_READY) {
        void *taken = NULL;

        if (redisGetReplyFromReader(connection->context, &taken) != REDIS_OK) {
            lose_for_nonsense(connection);
            return NULL;
        }
        if (taken == NULL) {
            const redisReader *reader = connection->context->reader;
            if (sdslen(reader->buf) - reader->pos > UNREAD_MAX) {
                atomic_fetch_add_explicit(&connection->endpoint->invalid, 1, memory_order_relaxed);
                lose(connection, TROUBLE_DOWN, "reason=\"a payload is too large\"");
            } else {
                shrink_reader(connection->context);
            }
            return NULL;
        }
        if (is_for_owner(connection, taken))
            return taken;
        freeReplyObject(taken);
    }
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
redis_connection_pending(const struct redis_connection *connection)
{
    return connection->context != NULL ? sdslen(connection->context->obuf) : 0;
}
