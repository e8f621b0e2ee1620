/* The bus over a Redis that is away, dies, hangs, is full, or does not want us. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pubsub/message.h"
#include "test/unit/redis_fixture.h"
#include "test/unit/tap.h"

#define PROMPT INT64_C(1000) /* ms: at once, on a busy machine */
#define SECRET "sesame-77"

static struct pubsub *one;
static struct pubsub *two;
static struct channel *here;
static struct channel *there;

static void
open_buses(const char *credentials, const char *password)
{
    one = fixture_bus("one", fixture_url(credentials), password);
    two = fixture_bus("two", fixture_url(credentials), password);
    here = fixture_channel(one, "chat");
    there = fixture_channel(two, "chat");
}

static void
close_buses(void)
{
    channel_close(&here);
    channel_close(&there);
    pubsub_close(&one);
    pubsub_close(&two);
}

static struct pubsub_status
status_of(struct pubsub *bus)
{
    struct pubsub_status status;

    pubsub_status(bus, &status);
    return status;
}

/* Both ways, with the seqs from `first` on. */
static bool
exchange(uint64_t first)
{
    fixture_publish(here, first, 10);
    if (!fixture_receive(there, first, 10) || !fixture_receive(here, first, 10))
        return false;
    fixture_publish(there, first + 10, 10);
    return fixture_receive(here, first + 10, 10) && fixture_receive(there, first + 10, 10);
}

static bool
recover(void)
{
    return fixture_subscribe(here) && fixture_subscribe(there) && fixture_await_up(one, true) &&
           fixture_await_up(two, true);
}

static bool
is_local_at_once(uint64_t first)
{
    int64_t before = fixture_now();

    fixture_publish(here, first, 10);
    return fixture_receive(here, first, 10) && fixture_now() - before < PROMPT;
}

static void
test_down_at_start(void)
{
    open_buses("", NULL);
    ok(!status_of(one).up && status_of(one).since > 1500000000000, "down, and since when");
    ok(is_local_at_once(1), "what is local comes at once");
    ok(status_of(one).dropped == 10 && status_of(one).published == 0,
       "what cannot be sent is dropped, and counted");
    ok(fixture_receive_nothing(here, 300) && fixture_receive_nothing(there, 300),
       "nothing else happens");
    ok(fixture_logged("redis-down url=redis+unix://") == 2, "each bus says so once");
    fixture_start(NULL);
    ok(recover(), "when Redis starts, all stands by itself");
    ok(exchange(11), "and works");
    ok(fixture_logged("redis-up") == 2 && fixture_logged("redis-recovered") == 2,
       "which is told, too");
}

static void
test_killed(void)
{
    uint64_t reconnects = status_of(one).reconnects;

    fixture_forget_log();
    fixture_signal(SIGKILL);
    ok(fixture_await_up(one, false) && fixture_await_up(two, false), "a killed Redis is noticed");
    ok(is_local_at_once(1), "what is local comes at once");
    /* Both, before it is back: who notices later tells it again. */
    ok(fixture_await_subscribed(one, here, 0) && fixture_await_subscribed(two, there, 0),
       "nobody is subscribed");
    fixture_start(NULL);
    ok(recover(), "when it is back, all stands by itself");
    ok(exchange(11), "and works");
    ok(status_of(one).reconnects == reconnects + 2, "reconnects are counted");
    ok(fixture_logged("redis-down url=") == 2, "each bus says so once");
}

/* Whatever is published after -ESTALE comes. */
static void
test_client_kill(void)
{
    bool is_fine = true;

    for (uint64_t round = 0; round < 20 && is_fine; round++) {
        fixture_publish(here, 1, 5); /* these may be lost, or come late */
        free(fixture_command("CLIENT KILL TYPE pubsub"));
        is_fine = fixture_subscribe(there);
        fixture_publish(here, 6, 20);
        is_fine = is_fine && fixture_receive_from(there, 6, 20, true);
    }
    ok(is_fine, "killed subscriptions come back, and miss nothing after they said so");
    ok(fixture_subscribe(here), "the other one too");
    while (!fixture_receive_nothing(here, 0))
        ;
    uint64_t reconnects = status_of(one).reconnects;
    uint64_t reconnects_of_two = status_of(two).reconnects;
    free(fixture_command("CLIENT KILL TYPE normal"));
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;
    /* Both: who has not noticed yet still seems to be up. */
    while ((status_of(one).reconnects == reconnects ||
            status_of(two).reconnects == reconnects_of_two) &&
           fixture_now() < limit)
        fixture_pause();
    ok(fixture_await_up(one, true) && fixture_await_up(two, true), "so do killed publishers");
    ok(exchange(1), "all is well");
}

static void
test_stopped(void)
{
    struct pubsub *third = fixture_bus("three", NULL, NULL);
    struct pubsub *fourth;
    struct channel *channel;

    ok(fixture_await_up(third, true), "a third bus is up");
    uint64_t dropped = status_of(one).dropped;
    fixture_signal(SIGSTOP);
    ok(is_local_at_once(1), "with a Redis that hangs, what is local comes at once");
    fixture_publish(here, 1, 300000);
    struct pubsub_status status = status_of(one);
    ok(status.dropped > dropped && status.queued <= 65536,
       "the queue is bounded: %zu queued, %llu dropped", status.queued,
       (unsigned long long)(status.dropped - dropped));
    fixture_publish(here, 1, 1);
    ok(fixture_close(&third) < 2 * PROMPT, "a bus closes all the same");
    fourth = fixture_bus("four", NULL, NULL);
    channel = fixture_channel(fourth, "chat");
    ok(fixture_receive_nothing(channel, 100), "one opens, too");
    fixture_publish(channel, 1, 1);
    ok(fixture_receive(channel, 1, 1), "and has its local messages");
    channel_close(&channel);
    ok(fixture_close(&fourth) < 2 * PROMPT, "and closes");
    ok(fixture_await_up(one, false), "the publisher notices");
    ok(fixture_await_subscribed(one, here, 0) && fixture_await_subscribed(two, there, 0),
       "so do the channels");
    ok(status_of(one).queued == 0, "nothing is queued any more");
    ok(status_of(one).dropped >= dropped + 300000, "what was under way is counted as dropped");
    fixture_signal(SIGCONT);
    ok(recover(), "when it goes on, so do they");
    ok(exchange(1), "and all is well");
    close_buses();
    fixture_signal(SIGKILL);
}

static void
test_passwords(void)
{
    static const char password_rule[] = ">" SECRET;
    const char *options[] = {
        "--requirepass", SECRET,          "--user",          "bob",   "on",
        password_rule,   "resetchannels", "&chat*",          "-@all", "+subscribe",
        "+publish",      "+ping",         "+client|setname", NULL,
    };
    struct channel *more;

    fixture_start(options);
    fixture_forget_log();
    open_buses(":wrong-" SECRET "@", NULL);
    more = fixture_channel(one, "more");
    for (int i = 0; i < 10; i++) {
        (void)fixture_receive_nothing(here, 20);
        (void)fixture_receive_nothing(more, 20);
    }
    ok(is_local_at_once(1), "with a wrong password, what is local comes at once");
    ok(fixture_logged("redis-refused") >= 1 && fixture_logged("code=WRONGPASS") <= 2,
       "each bus says so once");
    ok(fixture_logged(SECRET) == 0, "and nobody tells the password");
    channel_close(&more);
    close_buses();

    fixture_forget_log();
    open_buses("", NULL);
    (void)fixture_receive_nothing(here, 200);
    ok(!status_of(one).up && fixture_logged("code=NOAUTH") >= 1, "without one it is the same");
    close_buses();

    open_buses(":" SECRET "@", NULL);
    ok(recover() && exchange(1), "with the right one it works");
    close_buses();
    open_buses(":not-this-one@", SECRET);
    ok(recover() && exchange(1), "also when it is given by itself");
    close_buses();

    fixture_forget_log();
    open_buses("bob:" SECRET "@", NULL);
    ok(recover() && exchange(1), "and for an ACL user with few rights");
    more = fixture_channel(one, "forbidden");
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;
    while (fixture_logged("command=\"SUBSCRIBE\" code=NOPERM") == 0 && fixture_now() < limit)
        (void)fixture_receive_nothing(more, 20);
    ok(fixture_logged("command=\"SUBSCRIBE\" code=NOPERM") == 1, "who may not subscribe says so");
    uint64_t dropped = status_of(one).dropped;
    fixture_publish(more, 1, 1);
    while (status_of(one).dropped == dropped && fixture_now() < limit)
        fixture_pause();
    ok(status_of(one).dropped == dropped + 1 && fixture_logged("redis-publish-refused") == 1,
       "who may not publish, too");
    channel_close(&more);
    ok(exchange(21), "the others are not disturbed");
    close_buses();
    fixture_signal(SIGKILL);
}

static void
test_full(void)
{
    struct channel *more[3];

    fixture_start((const char *[]){"--maxclients", "4", NULL});
    fixture_forget_log();
    open_buses("", NULL);
    ok(recover(), "four connections");
    for (int i = 0; i < 3; i++)
        more[i] = fixture_channel(one, "more");
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;
    while (fixture_logged("redis-full") == 0 && fixture_now() < limit)
        (void)fixture_receive_nothing(more[0], 20);
    for (int i = 0; i < 100; i++)
        (void)fixture_receive_nothing(more[i % 3], 20);
    ok(fixture_logged("redis-full") == 1, "a full Redis is told once");
    fixture_publish(more[0], 1, 5);
    ok(fixture_receive(more[2], 1, 5), "those without a connection have what is local");
    ok(exchange(1), "the others are not disturbed");
    channel_close(&here);
    ok(fixture_subscribe(more[1]), "who waits gets the next free place");
    fixture_signal(SIGKILL);
    for (int i = 0; i < 3; i++)
        channel_close(&more[i]);
    close_buses();
}

/* A port that nobody listens on now. */
static unsigned
free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, length) < 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) < 0)
        abort();
    close(descriptor);
    return ntohs(address.sin_port);
}

static void
test_tcp(void)
{
    char port[16];
    char url[64];

    snprintf(port, sizeof(port), "%u", free_port());
    fixture_start((const char *[]){"--port", port, "--bind", "127.0.0.1", NULL});
    fixture_forget_log();
    snprintf(url, sizeof(url), "redis://localhost:%s/3", port);
    one = fixture_bus("one", url, NULL);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%s/99", port);
    two = fixture_bus("two", url, NULL);
    here = fixture_channel(one, "chat");
    there = fixture_channel(two, "chat");
    ok(recover() && exchange(1), "over TCP, by name and by address");
    ok(fixture_clients("db=3") == 2, "the database is selected");
    ok(fixture_logged("redis-select-refused") == 1, "one that is not there is told once");
    channel_close(&there);
    pubsub_close(&two);

    two = fixture_bus("two", "redis://no-such-host.invalid", NULL);
    there = fixture_channel(two, "chat");
    ok(fixture_receive_nothing(there, 50), "a host that is not found");
    fixture_publish(there, 1, 5);
    ok(fixture_receive(there, 1, 5), "has what is local");
    channel_close(&there);
    ok(fixture_close(&two) < PROMPT, "and closes at once");
    channel_close(&here);
    pubsub_close(&one);
    fixture_signal(SIGKILL);
}

/* What listens at the other end, and sends the same to whoever comes, or nothing. */
struct impostor {
    int descriptor;
    const char *answer;
};

static void *
impostor_main(void *argument)
{
    const struct impostor *impostor = argument;
    int descriptor;

    while ((descriptor = accept(impostor->descriptor, NULL, NULL)) >= 0) {
        char greeting[1024];
        if (recv(descriptor, greeting, sizeof(greeting), 0) > 0 &&
            send(descriptor, impostor->answer, strlen(impostor->answer), MSG_NOSIGNAL) < 0)
            printf("# %s\n", strerror(errno));
        close(descriptor);
    }
    return NULL;
}

static bool
await_logged(const char *text)
{
    int64_t limit = fixture_now() + FIXTURE_LIMIT_MS;

    while (fixture_logged(text) == 0 && fixture_now() < limit)
        (void)fixture_receive_nothing(here, 20);
    return fixture_logged(text) > 0;
}

/* Opens a bus on what does not behave as a Redis does, until the log has the text in it. */
static void
meet_impostor(const char *what, const char *answer, const char *expected)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    struct impostor impostor = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), answer};
    pthread_t thread;
    char url[64];

    if (impostor.descriptor < 0 ||
        bind(impostor.descriptor, (struct sockaddr *)&address, length) < 0 ||
        listen(impostor.descriptor, 8) < 0 ||
        getsockname(impostor.descriptor, (struct sockaddr *)&address, &length) < 0 ||
        (answer != NULL && pthread_create(&thread, NULL, impostor_main, &impostor) != 0))
        abort();
    fixture_forget_log();
    snprintf(url, sizeof(url), "redis://:" SECRET "@127.0.0.1:%u", ntohs(address.sin_port));
    one = fixture_bus("one", url, NULL);
    here = fixture_channel(one, "chat");
    ok(await_logged(expected), "who says %s: %s", what, expected);
    ok(is_local_at_once(1) && status_of(one).subscribed == 0 && fixture_logged(SECRET) == 0,
       "what is local comes at once");
    channel_close(&here);
    ok(fixture_close(&one) < PROMPT, "it closes at once");
    shutdown(impostor.descriptor, SHUT_RDWR);
    if (answer != NULL && pthread_join(thread, NULL) != 0)
        abort();
    close(impostor.descriptor);
}

static void
test_impostors(void)
{
    meet_impostor("nothing", NULL, "timed out");
    meet_impostor("nothing, and closes", "", "redis-down");
    meet_impostor("HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "redis-down");
    meet_impostor("empty lists", "*0\r\n*0\r\n*0\r\n", "does not speak the protocol");
    meet_impostor("nil", "+OK\r\n+OK\r\n$-1\r\n", "redis-down");
    meet_impostor("a nil list", "*-1\r\n", "does not speak the protocol");
    meet_impostor("a text without an end", "$999999999999\r\nx", "redis-down");
    meet_impostor("no, with the password in it",
                  "-ERR unknown command, with args beginning with: '" SECRET "'\r\n",
                  "redis-refused");
}

int
main(void)
{
    fixture_open();
    test_down_at_start();
    test_killed();
    test_client_kill();
    test_stopped();
    test_passwords();
    test_full();
    test_tcp();
    test_impostors();
    return done_testing();
}
