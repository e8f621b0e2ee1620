/* The bus over a Redis: who receives what, what does not get through, and what is left behind. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/message.h"
#include "pubsub/payload.h"
#include "test/unit/redis_fixture.h"
#include "test/unit/tap.h"

static struct pubsub *one;
static struct pubsub *two;

static void
test_exchange(void)
{
    struct channel *here = fixture_channel(one, "chat:room:x");
    struct channel *there = fixture_channel(two, "chat:room:x");
    struct channel *other = fixture_channel(two, "chat:room:y");
    struct pubsub_status status;

    ok(fixture_subscribe(here) && fixture_subscribe(there) && fixture_subscribe(other),
       "a subscription that stands says so");
    ok(fixture_await_up(one, true) && fixture_await_up(two, true), "both can publish");
    fixture_publish(here, 1, 5000);
    ok(fixture_receive(there, 1, 5000), "another instance receives all, in order");
    ok(fixture_receive(here, 1, 5000), "so does this one");
    fixture_publish(there, 5001, 10);
    ok(fixture_receive(here, 5001, 10), "and the other way round");
    ok(fixture_receive(there, 5001, 10), "that one too");
    ok(fixture_receive_nothing(here, 50) && fixture_receive_nothing(there, 50),
       "nothing comes twice");
    ok(fixture_receive_nothing(other, 50), "a channel of another name receives none of it");
    pubsub_status(one, &status);
    ok(strcmp(status.kind, "redis") == 0 && status.up && status.since > 1500000000000,
       "the status says that it is up");
    ok(status.published == 5000 && status.dropped == 0 && status.received == 10 &&
           status.invalid == 0 && status.queued == 0,
       "and counts: published %llu dropped %llu received %llu",
       (unsigned long long)status.published, (unsigned long long)status.dropped,
       (unsigned long long)status.received);
    ok(status.channels == 1 && status.subscribed == 1, "and knows the channels");
    channel_close(&here);
    channel_close(&there);
    channel_close(&other);
}

int
main(void)
{
    fixture_open();
    fixture_start(NULL);
    one = fixture_bus("one", NULL, NULL);
    two = fixture_bus("two", NULL, NULL);
    test_exchange();
    pubsub_close(&one);
    pubsub_close(&two);
    return done_testing();
}
