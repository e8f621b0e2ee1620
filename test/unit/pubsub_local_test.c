/* The bus within the process: who receives what, nudges, overflow, back-pressure and stopping. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "test/unit/tap.h"

#define QUEUE_MAX  16384u /* what a subscriber may have waiting */
#define FAIR       1024u  /* up to where channel_wait_ready does not wait */
#define PUBLISHERS 4
#define EACH       20000 /* messages of one publisher */
#define BATCH      64

static struct pubsub *bus;

static struct channel *
open_channel(const char *name)
{
    struct channel *channel = NULL;

    if (pubsub_channel_open(bus, name, "test", &channel) != 0)
        abort();
    return channel;
}

static void
publish(struct channel *channel, uint64_t first, size_t count)
{
    struct message **messages = calloc(count, sizeof(struct message *));

    if (messages == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        messages[i] = message_new("text", 4, first + i);
        if (messages[i] == NULL)
            abort();
    }
    channel_publish(channel, messages, count);
    for (size_t i = 0; i < count; i++)
        message_rele(messages[i]);
    free(messages);
}

/* Receives once and returns the count, or a negative error; *first is the first seq. */
static int
receive(struct channel *channel, size_t capacity, int timeout_ms, uint64_t *first)
{
    struct message *messages[BATCH];
    int count = channel_receive(channel, messages, capacity < BATCH ? capacity : BATCH, timeout_ms);

    *first = 0;
    for (int i = 0; i < count; i++) {
        if (i == 0)
            *first = message_seq(messages[i]);
        else if (message_seq(messages[i]) != *first + (uint64_t)i)
            count = -1000;
        message_rele(messages[i]);
    }
    return count;
}

/* Receives until a nudge or a time-out; returns how many came with the seqs from 1 on, or -1. */
static int
receive_all(struct channel *channel)
{
    int total = 0;
    int count;
    uint64_t first;

    while ((count = receive(channel, BATCH, 0, &first)) > 0) {
        if (first != (uint64_t)total + 1)
            return -1;
        total += count;
    }
    return count == 0 ? total : -1;
}

static long
milliseconds(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        abort();
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
test_names(void)
{
    char name[PUBSUB_CHANNEL_NAME_SIZE + 1];
    struct channel *channel = NULL;
    struct channel *one = open_channel("one");
    struct channel *other = open_channel("one");
    struct channel *two = open_channel("two");
    uint64_t first;

    publish(one, 1, 3);
    ok(receive(one, BATCH, 0, &first) == 3 && first == 1, "a channel receives what it publishes");
    ok(receive(other, BATCH, 0, &first) == 3 && first == 1, "so does another one of its name");
    ok(receive(two, BATCH, 0, &first) == 0, "one of another name does not");
    channel_close(&other);
    ok(other == NULL, "closing clears the pointer");
    publish(one, 4, 1);
    ok(receive(one, BATCH, 0, &first) == 1 && first == 4, "it goes on when the other has closed");
    other = open_channel("one");
    ok(receive(other, BATCH, 0, &first) == 0, "nothing of before the opening is received");
    struct pubsub_status status;
    pubsub_status(bus, &status);
    ok(strcmp(status.kind, "local") == 0 && status.up && status.since > 0 && status.channels == 3 &&
           status.subscribed == 3,
       "the status knows three channels");
    channel_close(&one);
    publish(other, 5, 2);
    channel_close(&other);
    channel_close(&two);

    memset(name, 'n', sizeof(name));
    name[PUBSUB_CHANNEL_NAME_SIZE] = '\0';
    ok(pubsub_channel_open(bus, name, "test", &channel) == -ENAMETOOLONG,
       "a name too long is refused");
    name[PUBSUB_CHANNEL_NAME_SIZE - 1] = '\0';
    ok(pubsub_channel_open(bus, name, "test", &channel) == 0, "the longest name is not");
    channel_close(&channel);
}

static void
test_order_and_capacity(void)
{
    struct channel *channel = open_channel("order");
    uint64_t first;

    publish(channel, 1, 10);
    publish(channel, 11, 1);
    publish(channel, 12, 0);
    ok(receive(channel, 4, 0, &first) == 4 && first == 1, "at most the capacity");
    ok(receive(channel, 4, 0, &first) == 4 && first == 5, "then the next");
    ok(receive(channel, 4, 0, &first) == 3 && first == 9, "then the rest");
    for (uint64_t i = 0; i < 100; i++) {
        publish(channel, i * 37 + 1, 37);
        if (receive(channel, BATCH, 0, &first) != 37 || first != i * 37 + 1) {
            ok(false, "round %d through the ring", (int)i);
            break;
        }
    }
    channel_close(&channel);
}

static void
test_nudge_and_timeout(void)
{
    struct channel *channel = open_channel("nudge");
    uint64_t first;
    long before = milliseconds();

    ok(receive(channel, BATCH, 30, &first) == 0, "a time-out is 0");
    ok(milliseconds() - before >= 29, "and took its time");
    channel_nudge(channel);
    channel_nudge(channel);
    ok(receive(channel, BATCH, -1, &first) == 0, "a nudge ends the next wait");
    before = milliseconds();
    ok(receive(channel, BATCH, 20, &first) == 0 && milliseconds() - before >= 19,
       "two nudges before a receive are one");
    publish(channel, 1, 2);
    channel_nudge(channel);
    publish(channel, 3, 2);
    ok(receive(channel, BATCH, -1, &first) == 2 && first == 1,
       "messages before a nudge come first");
    ok(receive(channel, BATCH, -1, &first) == 0, "then the nudge");
    ok(receive(channel, BATCH, -1, &first) == 2 && first == 3, "then those behind it");
    publish(channel, 1, 1);
    channel_nudge(channel);
    publish(channel, 2, 1);
    channel_nudge(channel);
    ok(receive(channel, BATCH, -1, &first) == 1, "a second nudge does not push a pending one back");
    ok(receive(channel, BATCH, -1, &first) == 0, "that comes in its place");
    ok(receive(channel, BATCH, 0, &first) == 1 && first == 2, "and it stands for both");
    channel_close(&channel);
}

static void
test_overflow(void)
{
    struct channel *channel = open_channel("overflow");
    uint64_t first;

    publish(channel, 1, QUEUE_MAX - 10);
    publish(channel, QUEUE_MAX - 9, 30);
    publish(channel, QUEUE_MAX + 21, 5);
    ok(receive_all(channel) == QUEUE_MAX,
       "the oldest are kept, in order, and the new ones dropped");
    channel_nudge(channel);
    ok(receive(channel, BATCH, 0, &first) == 0, "the queue is empty then");
    publish(channel, 1, 20000);
    ok(receive_all(channel) == QUEUE_MAX, "one batch that is too large is kept in part");
    publish(channel, 1, QUEUE_MAX);
    publish(channel, QUEUE_MAX + 1, 1);
    while (receive(channel, BATCH, -1, &first) > 0)
        ;
    ok(true, "an overflow nudges: the last receive did not wait for ever");
    publish(channel, 1, 7);
    ok(receive_all(channel) == 7, "after an overflow all is as before");
    publish(channel, 1, 100);
    channel_close(&channel); /* the sanitizers see a leak of what was not received */
}

struct publisher {
    struct channel *channel;
    uint64_t base;
};

static void *
publish_many(void *argument)
{
    const struct publisher *publisher = argument;

    for (uint64_t i = 0; i < EACH; i += 10) {
        channel_wait_ready(publisher->channel);
        publish(publisher->channel, publisher->base + i, 10);
    }
    return NULL;
}

/* With back-pressure nothing is lost, and each publisher's messages stay in order. */
static void
test_concurrent(void)
{
    struct channel *channel = open_channel("concurrent");
    struct publisher publishers[PUBLISHERS];
    pthread_t threads[PUBLISHERS];
    uint64_t next[PUBLISHERS] = {0};
    struct message *messages[BATCH];
    int total = 0;
    bool ordered = true;

    for (size_t i = 0; i < PUBLISHERS; i++) {
        publishers[i] = (struct publisher){channel, i * EACH};
        if (pthread_create(&threads[i], NULL, publish_many, &publishers[i]) != 0)
            abort();
    }
    while (total < PUBLISHERS * EACH) {
        int count = channel_receive(channel, messages, BATCH, 10000);
        if (count <= 0)
            break;
        for (int i = 0; i < count; i++) {
            uint64_t seq = message_seq(messages[i]);
            ordered = ordered && seq % EACH == next[seq / EACH];
            next[seq / EACH]++;
            message_rele(messages[i]);
        }
        total += count;
    }
    for (size_t i = 0; i < PUBLISHERS; i++)
        if (pthread_join(threads[i], NULL) != 0)
            abort();
    ok(total == PUBLISHERS * EACH, "all %d messages of %d threads came", total, PUBLISHERS);
    ok(ordered, "each thread's in order");
    channel_close(&channel);
}

struct waiter {
    struct channel *channel;
    atomic_bool done;
};

static void *
wait_ready(void *argument)
{
    struct waiter *waiter = argument;

    channel_wait_ready(waiter->channel);
    atomic_store(&waiter->done, true);
    return NULL;
}

static void
pause_briefly(void)
{
    if (nanosleep(&(struct timespec){0, 30000000}, NULL) != 0)
        abort();
}

static void
test_wait_ready(void)
{
    struct waiter waiter = {open_channel("ready"), false};
    pthread_t thread;
    uint64_t first;

    publish(waiter.channel, 1, FAIR);
    channel_wait_ready(waiter.channel);
    ok(true, "a fair backlog does not wait");
    publish(waiter.channel, FAIR + 1, BATCH + 1);
    if (pthread_create(&thread, NULL, wait_ready, &waiter) != 0)
        abort();
    pause_briefly();
    ok(receive(waiter.channel, BATCH, -1, &first) == BATCH, "a batch is taken");
    pause_briefly();
    ok(!atomic_load(&waiter.done), "more than a fair backlog waits");
    ok(receive(waiter.channel, BATCH, -1, &first) == BATCH, "another batch is taken");
    if (pthread_join(thread, NULL) != 0)
        abort();
    ok(atomic_load(&waiter.done), "and now it goes on");

    atomic_store(&waiter.done, false);
    publish(waiter.channel, 1, 2UL * FAIR);
    if (pthread_create(&thread, NULL, wait_ready, &waiter) != 0)
        abort();
    pause_briefly();
    channel_stop(waiter.channel);
    if (pthread_join(thread, NULL) != 0)
        abort();
    ok(atomic_load(&waiter.done), "a stop lets it go on");
    publish(waiter.channel, 1, 2UL * QUEUE_MAX);
    channel_wait_ready(waiter.channel);
    ok(true, "a publisher never waits on a stopped channel");
    ok(receive(waiter.channel, BATCH, -1, &first) == -ESHUTDOWN, "which receives -ESHUTDOWN");
    ok(receive(waiter.channel, BATCH, -1, &first) == -ESHUTDOWN, "for good");
    channel_close(&waiter.channel);
}

struct waking {
    struct channel *channel;
    sem_t turn; /* the subscriber is about to wait */
};

static void
await_turn(struct waking *waking)
{
    while (sem_wait(&waking->turn) != 0)
        if (errno != EINTR)
            abort();
    pause_briefly();
}

static void *
act_later(void *argument)
{
    struct waking *waking = argument;
    await_turn(waking);
    channel_nudge(waking->channel);
    await_turn(waking);
    publish(waking->channel, 1, 1);
    await_turn(waking);
    channel_stop(waking->channel);
    return NULL;
}

static int
receive_in_turn(struct waking *waking)
{
    uint64_t first;

    if (sem_post(&waking->turn) != 0)
        abort();
    return receive(waking->channel, BATCH, -1, &first);
}

static void
test_wakes(void)
{
    struct waking waking = {.channel = open_channel("wakes")};
    pthread_t thread;

    if (sem_init(&waking.turn, 0, 0) != 0 || pthread_create(&thread, NULL, act_later, &waking) != 0)
        abort();
    ok(receive_in_turn(&waking) == 0, "a nudge wakes a subscriber that waits");
    ok(receive_in_turn(&waking) == 1, "so does a message");
    ok(receive_in_turn(&waking) == -ESHUTDOWN, "so does a stop");
    if (pthread_join(thread, NULL) != 0 || sem_destroy(&waking.turn) != 0)
        abort();
    channel_close(&waking.channel);
}

static void *
open_and_close(void *argument)
{
    const char *names[] = {"churn-a", "churn-b", "churn-c"};

    for (size_t i = 0; i < 2000; i++) {
        struct channel *channel = open_channel(names[i % 3]);
        struct message *messages[BATCH];
        int count;

        publish(channel, 1, 1);
        count = channel_receive(channel, messages, BATCH, 0);
        for (int j = 0; j < count; j++)
            message_rele(messages[j]);
        channel_close(&channel);
        if (count < 1)
            return NULL;
    }
    return argument;
}

static void
test_churn(void)
{
    pthread_t threads[PUBLISHERS];
    int fine = 0;

    for (size_t i = 0; i < PUBLISHERS; i++)
        if (pthread_create(&threads[i], NULL, open_and_close, &fine) != 0)
            abort();
    for (size_t i = 0; i < PUBLISHERS; i++) {
        void *result = NULL;
        if (pthread_join(threads[i], &result) != 0)
            abort();
        fine += result != NULL;
    }
    ok(fine == PUBLISHERS, "channels of the same names open and close at the same time");
}

int
main(void)
{
    if (pubsub_open_local(&bus) != 0)
        abort();
    test_names();
    test_order_and_capacity();
    test_nudge_and_timeout();
    test_overflow();
    test_concurrent();
    test_wait_ready();
    test_wakes();
    test_churn();
    pubsub_close(&bus);
    ok(bus == NULL, "the bus closes with no channel left");
    return done_testing();
}
