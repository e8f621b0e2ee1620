#include "test/unit/redis_fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pubsub/message.h"
#include "test/unit/stop_process.h"

#define OPTIONS_MAX 32
#define BATCH       64

const unsigned char fixture_key[PUBSUB_KEY_SIZE] = "thirty-two bytes are a key here.";

static char folder[64];
static char socket_path[96];
static pid_t server;
static pid_t owner;

static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static char *log_text;
static size_t log_length;

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    printf("Bail out! %s: %s\n", what, strerror(errno));
    exit(1);
}

int64_t
fixture_now(void)
{
    struct timespec now;

    must(clock_gettime(CLOCK_MONOTONIC, &now) == 0, "clock_gettime");
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
fixture_pause(void)
{
    must(nanosleep(&(struct timespec){0, 5000000}, NULL) == 0, "nanosleep");
}

static void
end(void)
{
    if (getpid() != owner)
        return;
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    unlink(socket_path);
    rmdir(folder);
    free(log_text);
}

void
fixture_open(void)
{
    const char *base = getenv("TMPDIR");

    owner = getpid();
    snprintf(folder, sizeof(folder), "%.32s/redis-XXXXXX", base != NULL ? base : "/tmp");
    must(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
    must(atexit(end) == 0, "atexit");
}

static void
run_server(const char *const *options)
{
    const char *arguments[OPTIONS_MAX] = {"redis-server", "--port",    "0",        "--unixsocket",
                                          socket_path,    "--save",    "",         "--appendonly",
                                          "no",           "--dir",     folder,     "--daemonize",
                                          "no",           "--logfile", "/dev/null"};
    size_t count = 15;

    for (; options != NULL && *options != NULL && count < OPTIONS_MAX - 1; options++)
        arguments[count++] = *options;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(arguments[0], (char *const *)arguments);
    _exit(127);
}

void
fixture_start(const char *const *options)
{
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;
    bool is_there = false;

    server = fork();
    must(server >= 0, "fork");
    if (server == 0)
        run_server(options);
    while (!is_there && fixture_now() < limit) {
        redisContext *context = redisConnectUnix(socket_path);
        is_there = context != NULL && context->err == 0;
        redisFree(context);
        must(waitpid(server, NULL, WNOHANG) == 0, "redis-server ended");
        if (!is_there)
            fixture_pause();
    }
    must(is_there, "redis-server");
}

void
fixture_signal(int signal_number)
{
    if (signal_number == SIGSTOP) {
        must(stop_process(server), "SIGSTOP");
        return;
    }
    must(kill(server, signal_number) == 0, "kill");
    if (signal_number == SIGKILL) {
        must(waitpid(server, NULL, 0) == server, "waitpid");
        server = 0;
    }
}

char *
fixture_command(const char *command)
{
    redisContext *context = redisConnectUnix(socket_path);
    redisReply *reply = NULL;
    char *text = NULL;

    must(context != NULL && context->err == 0, "connecting to redis-server");
    reply = redisCommand(context, command);
    if (reply != NULL)
        text = strdup(reply->str != NULL ? reply->str : "");
    freeReplyObject(reply);
    redisFree(context);
    must(text != NULL, command);
    return text;
}

void
fixture_publish_raw(const char *channel, const void *data, size_t length)
{
    redisContext *context = redisConnectUnix(socket_path);
    redisReply *reply = NULL;

    must(context != NULL && context->err == 0, "connecting to redis-server");
    reply = redisCommand(context, "PUBLISH %s %b", channel, data, length);
    must(reply != NULL && reply->type == REDIS_REPLY_INTEGER, "PUBLISH");
    freeReplyObject(reply);
    redisFree(context);
}

static int
count_lines(const char *lines, const char *text)
{
    int count = 0;

    for (const char *end_of_line; (end_of_line = strchr(lines, '\n')) != NULL;
         lines = end_of_line + 1)
        count += memmem(lines, (size_t)(end_of_line - lines), text, strlen(text)) != NULL;
    return count;
}

int
fixture_clients(const char *text)
{
    char *list = fixture_command("CLIENT LIST");
    int count = count_lines(list, text);

    free(list);
    return count;
}

bool
fixture_await_clients(const char *text, int count)
{
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;

    while (fixture_clients(text) != count && fixture_now() < limit)
        fixture_pause();
    return fixture_clients(text) == count;
}

const char *
fixture_url(const char *credentials)
{
    static char url[256];

    snprintf(url, sizeof(url), "redis+unix://%s%s", credentials, socket_path);
    return url;
}

static void
keep_line(enum pubsub_level level, const char *line)
{
    size_t size = strlen(line) + sizeof("\n");
    char *text;

    (void)level;
    pthread_mutex_lock(&log_mutex);
    text = realloc(log_text, log_length + size);
    must(text != NULL, "memory");
    log_text = text;
    snprintf(log_text + log_length, size, "%s\n", line);
    log_length += size - 1;
    pthread_mutex_unlock(&log_mutex);
    if (getenv("VERBOSE") != NULL)
        printf("# %s\n", line);
}

int
fixture_logged(const char *text)
{
    int count = 0;

    pthread_mutex_lock(&log_mutex);
    if (log_text != NULL)
        count = count_lines(log_text, text);
    pthread_mutex_unlock(&log_mutex);
    return count;
}

void
fixture_forget_log(void)
{
    pthread_mutex_lock(&log_mutex);
    log_length = 0;
    if (log_text != NULL)
        log_text[0] = '\0';
    pthread_mutex_unlock(&log_mutex);
}

struct pubsub *
fixture_bus(const char *instance, const char *url, const char *password)
{
    const struct pubsub_redis_options options = {
        .url = url != NULL ? url : fixture_url(""),
        .password = password,
        .instance = instance,
        .key = fixture_key,
        .log = keep_line,
    };
    struct pubsub *bus = NULL;
    char why[256] = "";

    must(pubsub_open_redis(&options, &bus, why, sizeof(why)) == 0, why);
    return bus;
}

struct channel *
fixture_channel(struct pubsub *bus, const char *name)
{
    struct channel *channel = NULL;

    must(pubsub_channel_open(bus, name, "test", &channel) == 0, "pubsub_channel_open");
    return channel;
}

void
fixture_publish(struct channel *channel, uint64_t first, size_t count)
{
    struct message *messages[BATCH];

    while (count > 0) {
        size_t part = count < BATCH ? count : BATCH;
        for (size_t i = 0; i < part; i++) {
            char text[32];
            snprintf(text, sizeof(text), "text-%" PRIu64, first + i);
            messages[i] = message_new(text, strlen(text), first + i);
            must(messages[i] != NULL, "message_new");
        }
        channel_publish(channel, messages, part);
        for (size_t i = 0; i < part; i++)
            message_rele(messages[i]);
        first += part;
        count -= part;
    }
}

bool
fixture_subscribe(struct channel *channel)
{
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;
    struct message *messages[BATCH];
    int count;

    do {
        count = channel_receive(channel, messages, BATCH, (int)(limit - fixture_now()));
        for (int i = 0; i < count; i++)
            message_rele(messages[i]);
    } while (count >= 0 && fixture_now() < limit);
    return count == -ESTALE;
}

static bool
is_expected(const struct message *message, uint64_t seq)
{
    char expected[32];
    size_t length;
    const char *text = message_text(message, &length);

    snprintf(expected, sizeof(expected), "text-%" PRIu64, seq);
    return message_seq(message) == seq && length == strlen(expected) &&
           memcmp(text, expected, length) == 0;
}

bool
fixture_receive_from(struct channel *channel, uint64_t first, size_t count, bool skips)
{
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;
    struct message *messages[BATCH];
    bool is_fine = true;

    while (count > 0 && is_fine && fixture_now() < limit) {
        int got = channel_receive(channel, messages, count < BATCH ? count : BATCH,
                                  (int)(limit - fixture_now()));
        is_fine = got >= 0 || got == -ESTALE;
        for (int i = 0; i < got; i++) {
            bool is_skipped = skips && message_seq(messages[i]) < first;
            skips = is_skipped;
            is_fine = is_fine && (is_skipped || is_expected(messages[i], first));
            message_rele(messages[i]);
            first += is_skipped ? 0 : 1;
            count -= is_skipped ? 0 : 1;
        }
    }
    return is_fine && count == 0;
}

bool
fixture_receive(struct channel *channel, uint64_t first, size_t count)
{
    return fixture_receive_from(channel, first, count, false);
}

bool
fixture_receive_nothing(struct channel *channel, int timeout_ms)
{
    struct message *messages[BATCH];
    int count = channel_receive(channel, messages, BATCH, timeout_ms);

    for (int i = 0; i < count; i++)
        message_rele(messages[i]);
    return count == 0;
}

bool
fixture_await_up(struct pubsub *bus, bool up)
{
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;
    struct pubsub_status status;

    for (pubsub_status(bus, &status); status.up != up && fixture_now() < limit;
         pubsub_status(bus, &status))
        fixture_pause();
    return status.up == up;
}

bool
fixture_await_subscribed(struct pubsub *bus, struct channel *channel, size_t count)
{
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;
    struct message *messages[BATCH];
    struct pubsub_status status;

    do {
        int got = channel_receive(channel, messages, BATCH, 5);
        for (int i = 0; i < got; i++)
            message_rele(messages[i]);
        pubsub_status(bus, &status);
    } while (status.subscribed != count && fixture_now() < limit);
    return status.subscribed == count;
}

int64_t
fixture_close(struct pubsub **bus)
{
    int64_t before = fixture_now();

    pubsub_close(bus);
    return fixture_now() - before;
}
