/* What is recorded and sent again: a channel takes each payload once, and none that is old. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/clock.h"
#include "pubsub/message.h"
#include "pubsub/payload.h"
#include "pubsub/replay.h"
#include "test/unit/redis_fixture.h"
#include "test/unit/tap.h"

#define BEGIN  INT64_C(1700000000000) /* when a guard begins */
#define SECOND INT64_C(1000)

/* Offers a payload that was sent, and arrives, so many ms after the guard began. */
static bool
offer(struct replay_guard *guard, const char *instance, uint64_t number, int64_t sent,
      int64_t arrives)
{
    struct payload_reader payload = {.number = number, .time = BEGIN + sent};

    snprintf(payload.instance, sizeof(payload.instance), "%s", instance);
    return replay_guard_admit(guard, &payload, BEGIN + arrives);
}

static void
test_numbers(void)
{
    struct replay_guard guard;

    replay_guard_init(&guard, BEGIN);
    ok(offer(&guard, "a", 7, 100, 101), "the first payload of an instance is taken");
    ok(!offer(&guard, "a", 7, 100, 102), "not again");
    ok(!offer(&guard, "a", 7, 100, 40 * SECOND), "nor later");
    ok(offer(&guard, "a", 8, 100, 102), "the next one is, though of the same millisecond");
    ok(!offer(&guard, "a", 7, 100, 103) && !offer(&guard, "a", 1, 99, 103), "none from before it");
    ok(offer(&guard, "a", 1000, 200, 201), "numbers may be missing: they went to other channels");
    ok(!offer(&guard, "a", 999, 200, 202), "but do not come later");
    ok(offer(&guard, "b", 7, 200, 201) && !offer(&guard, "b", 7, 200, 201),
       "each instance has numbers of its own");
    ok(offer(&guard, "a", UINT64_MAX, 300, 301) && !offer(&guard, "a", UINT64_MAX, 300, 302) &&
           !offer(&guard, "a", 0, 300, 302),
       "up to the largest");
}

static void
test_times(void)
{
    struct replay_guard guard;

    replay_guard_init(&guard, BEGIN);
    ok(!offer(&guard, "a", 1, -30 * SECOND, 10), "what is from before the channel is not taken");
    ok(!offer(&guard, "a", 2, -1, 10), "not by a millisecond");
    ok(!offer(&guard, "a", 2, -1, 30 * SECOND), "nor later");
    ok(offer(&guard, "a", 2, 0, 10), "what is from after that is");
    ok(offer(&guard, "a", 3, 0, REPLAY_AGE_MAX), "though it was under way for long");
    ok(!offer(&guard, "a", 4, 0, REPLAY_AGE_MAX + 1), "but not for too long");
    ok(!offer(&guard, "c", 1, 0, REPLAY_AGE_MAX + 1), "whoever sent it");
    ok(offer(&guard, "a", 4, REPLAY_AHEAD_MAX, 0), "it may be a little ahead of the clock");
    ok(!offer(&guard, "a", 5, REPLAY_AHEAD_MAX + 1, 0), "but not more");
    struct payload_reader never = {.instance = "a", .number = 9, .time = INT64_MAX};
    ok(!replay_guard_admit(&guard, &never, BEGIN), "as far as the numbers go");
    never.time = 0;
    ok(!replay_guard_admit(&guard, &never, BEGIN), "either way");
}

/* The clock is set by an hour while the channel is open. */
static void
test_clock_is_set(void)
{
    const int64_t hour = 3600 * SECOND;

    for (int64_t by = -hour; by <= hour; by += 2 * hour) {
        struct replay_guard guard;
        replay_guard_init(&guard, BEGIN);
        ok(offer(&guard, "a", 1, 10, 11), "before the clock is set by %d s", (int)(by / SECOND));
        ok(!offer(&guard, "a", 2, 12, 13 + by), "what is under way then is not taken");
        ok(offer(&guard, "a", 3, 20 + by, 21 + by), "what comes after that is");
        ok(!offer(&guard, "a", 3, 20 + by, 21 + by), "once");
        (void)offer(&guard, "b", 1, 22 + by, 23 + by);
        ok(offer(&guard, "b", 2, 24 + by, 25 + by), "also from others, but perhaps their first");
        ok(!offer(&guard, "b", 2, 24 + by, 25 + by), "once");
    }
}

static void
test_many_instances(void)
{
    const int64_t many = 1000;
    struct replay_guard guard;
    char name[32];
    size_t taken = 0;
    size_t again = 0;

    replay_guard_init(&guard, BEGIN);
    for (int64_t i = 0; i < 2 * many; i++) {
        snprintf(name, sizeof(name), "instance-%" PRId64, i % many);
        taken += offer(&guard, name, (uint64_t)(i / many) + 1, 10 * i, 10 * i + 1);
    }
    ok(taken == 2000 && guard.count == REPLAY_INSTANCES, "of many instances all is taken once");
    for (int64_t i = 0; i < 2 * many; i++) {
        snprintf(name, sizeof(name), "instance-%" PRId64, i % many);
        again += offer(&guard, name, (uint64_t)(i / many) + 1, 10 * i, 20 * many);
    }
    ok(again == 0, "and nothing again, though not all of them are remembered");
    ok(offer(&guard, "new", 1, 20 * many, 20 * many), "but what is new is");
}

/* Publishes a payload of an instance as that would be, with the seq as its text. */
static void
publish(const char *instance, uint64_t number, int64_t age, uint64_t seq)
{
    struct payload payload = {0};
    struct message *message;
    char text[32];

    snprintf(text, sizeof(text), "text-%" PRIu64, seq);
    message = message_new(text, strlen(text), seq);
    if (message == NULL || payload_begin(&payload, instance, number, clock_wall() - age) != 0 ||
        payload_add(&payload, message) != 0)
        abort();
    payload_seal(&payload, fixture_key, "name");
    fixture_publish_raw("name", payload.data, payload.length);
    payload_release(&payload);
    message_rele(message);
}

static struct pubsub_status
status_of(struct pubsub *bus)
{
    struct pubsub_status status;

    pubsub_status(bus, &status);
    return status;
}

static void
test_channels(void)
{
    struct pubsub *one = fixture_bus("one", NULL, NULL);
    struct pubsub *two = fixture_bus("two", NULL, NULL);
    struct channel *there = fixture_channel(two, "name");

    ok(fixture_subscribe(there), "subscribed");
    fixture_pause();
    publish("three", 10, 0, 1);
    for (int i = 0; i < 50; i++)
        publish("three", 10, 0, 99);
    publish("three", 9, 0, 99);
    publish("three", 11, 0, 2);
    publish("four", 1, 120 * SECOND, 99);
    publish("four", 2, -120 * SECOND, 99);
    publish("two", 1, 120 * SECOND, 99); /* a copy of one's own, whenever */
    publish("four", 1, 0, 3);
    ok(fixture_receive(there, 1, 3), "what is new is received, and nothing else");
    ok(status_of(two).replayed == 53 && status_of(two).invalid == 0, "the rest is counted");
    ok(fixture_logged("replayed-payload") >= 1 && fixture_logged("replayed-payload") <= 3 &&
           fixture_logged("channel=name instance=three number=10 age-ms=") >= 1,
       "and told, but not each time");

    struct channel *later = fixture_channel(two, "name");
    ok(fixture_subscribe(later), "a channel is opened later, on the same name");
    publish("three", 12, 5 * SECOND, 99);
    publish("three", 12, 5 * SECOND, 99);
    publish("three", 13, 0, 5);
    ok(fixture_receive(later, 5, 1), "it takes nothing that was said before");
    ok(status_of(two).replayed == 55, "that is counted, too");

    struct channel *here = fixture_channel(one, "name");
    ok(fixture_await_up(one, true), "an instance publishes");
    fixture_publish(here, 6, 3000);
    ok(fixture_receive(later, 6, 3000), "all of its payloads are taken");
    free(fixture_command("CLIENT KILL TYPE pubsub"));
    ok(fixture_subscribe(later), "the subscription is lost, and begins again");
    fixture_publish(here, 3006, 3000);
    ok(fixture_receive(later, 3006, 3000), "then too");
    publish("three", 13, 0, 99);
    fixture_publish(here, 6006, 1);
    ok(fixture_receive(later, 6006, 1), "and what was taken before that is not taken again");
    channel_close(&here);
    channel_close(&there);
    channel_close(&later);
    pubsub_close(&one);
    pubsub_close(&two);
}

int
main(void)
{
    test_numbers();
    test_times();
    test_clock_is_set();
    test_many_instances();
    fixture_open();
    fixture_start(NULL);
    test_channels();
    return done_testing();
}
