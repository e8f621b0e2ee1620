/* The bus over a Redis: who receives what, what does not get through, and what is left behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pubsub/message.h"
#include "pubsub/payload.h"
#include "test/unit/redis_fixture.h"
#include "test/unit/tap.h"

#define CHANNELS 200
#define PROMPT   INT64_C(1000) /* ms: at once, on a busy machine */

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
           status.invalid == 0 && status.queued == 0 && status.reconnects == 0,
       "and counts what was published and received");
    ok(status.channels == 1 && status.subscribed == 1, "and knows the channels");
    channel_close(&here);
    channel_close(&there);
    channel_close(&other);
}

/* Several channels of one name on one instance, and all texts that a message may have. */
static void
test_texts(void)
{
    struct channel *here = fixture_channel(one, "texts");
    struct channel *there[2] = {fixture_channel(two, "texts"), fixture_channel(two, "texts")};
    static char large[200000];
    const struct {
        const char *text;
        size_t length;
    } texts[] = {{"", 0}, {"\n\n", 2}, {"1 1\nx\n", 6}, {"nul\0nul", 7}, {large, sizeof(large)}};
    bool is_same = true;

    memset(large, 'x', sizeof(large));
    for (size_t i = 0; i < 2; i++)
        is_same = is_same && fixture_subscribe(there[i]);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct message *message = message_new(texts[i].text, texts[i].length, UINT64_MAX - i);
        if (message == NULL)
            abort();
        channel_publish(here, &message, 1);
        message_rele(message);
        for (size_t j = 0; j < 2; j++) {
            if (channel_receive(there[j], &message, 1, FIXTURE_LIMIT_MS) != 1) {
                is_same = false;
                continue;
            }
            size_t length;
            const char *text = message_text(message, &length);
            is_same = is_same && message_seq(message) == UINT64_MAX - i &&
                      length == texts[i].length && memcmp(text, texts[i].text, length) == 0;
            message_rele(message);
        }
    }
    ok(is_same, "every text comes as it was, to every channel of the name");
    channel_close(&here);
    channel_close(&there[0]);
    channel_close(&there[1]);
}

static void
test_names(void)
{
    struct channel *channel = NULL;
    static char label[1000];

    if (pubsub_channel_open(one, "names", "room:Z\xc3\xbcri West\n", &channel) != 0)
        abort();
    ok(fixture_subscribe(channel) && fixture_await_clients("name=chatd:one:room:Z__ri_West_", 1),
       "CLIENT LIST tells what a connection is for");
    channel_close(&channel);
    ok(fixture_await_clients("name=chatd:one:publisher", 1), "that of the publisher too");
    memset(label, 'l', sizeof(label) - 1);
    if (pubsub_channel_open(one, "names", label, &channel) != 0)
        abort();
    ok(fixture_subscribe(channel) && fixture_await_clients("name=chatd:one:llllllll", 1),
       "a label of any length will do");
    channel_close(&channel);
}

/* Publishes what a payload becomes when it is written with that key, for that channel. */
static void
forge(const char *instance, const unsigned char *key, const char *channel, const char *sent_on)
{
    struct message *message = message_new("forged", 6, 1);
    struct payload payload = {0};

    if (message == NULL || payload_begin(&payload, instance, 1, (int64_t)time(NULL) * 1000) != 0 ||
        payload_add(&payload, message) != 0)
        abort();
    payload_seal(&payload, key, channel);
    fixture_publish_raw(sent_on, payload.data, payload.length);
    payload_release(&payload);
    message_rele(message);
}

static uint64_t
count_invalid(struct pubsub *bus)
{
    struct pubsub_status status;

    pubsub_status(bus, &status);
    return status.invalid;
}

static void
test_forgeries(void)
{
    static const unsigned char wrong_key[PUBSUB_KEY_SIZE] = "wrong";
    static char large[PAYLOAD_MAX * 3];
    struct channel *here = fixture_channel(one, "forged");
    struct channel *there = fixture_channel(two, "forged");
    uint64_t before = count_invalid(two);

    fixture_forget_log();
    ok(fixture_subscribe(there), "subscribed");
    fixture_publish_raw("forged", "", 0);
    fixture_publish_raw("forged", "rubbish", 7);
    fixture_publish_raw("forged", "{\"action\":\"send-message\"}", 25);
    fixture_publish_raw("forged", "chatd2 three 1 1 00000000000000000000000000000000\n1 1\nx\n",
                        55);
    fixture_publish_raw("forged", large, PAYLOAD_MAX + 1);
    forge("three", wrong_key, "forged", "forged");
    forge("three", fixture_key, "another", "forged");
    forge("two", wrong_key, "forged", "forged");
    forge("two", fixture_key, "forged", "forged"); /* a copy of one's own is no forgery */
    fixture_publish(here, 1, 1);
    ok(fixture_receive(there, 1, 1), "nothing but what an instance has published is received");
    ok(count_invalid(two) == before + 8, "the rest is counted");
    ok(fixture_logged("invalid-payload") >= 1 && fixture_logged("invalid-payload") <= 3,
       "and told, but not each time");
    fixture_publish_raw("forged", large, sizeof(large));
    ok(fixture_subscribe(there), "what is far too large is not read: it subscribes again");
    ok(count_invalid(two) == before + 9, "that is counted, too");
    fixture_publish(here, 2, 1);
    ok(fixture_receive(there, 2, 1), "and it goes on");
    channel_close(&here);
    channel_close(&there);
}

static void *
act_later(void *argument)
{
    struct channel *channel = argument;

    for (int step = 0; step < 3; step++) {
        for (int i = 0; i < 8; i++)
            fixture_pause();
        if (step == 0)
            channel_nudge(channel);
        else if (step == 1)
            fixture_publish(channel, 1, 1);
        else
            channel_stop(channel);
    }
    return NULL;
}

static void
test_wakes(void)
{
    struct channel *channel = fixture_channel(one, "wakes");
    struct message *message = NULL;
    int64_t before = fixture_now();
    pthread_t thread;

    ok(channel_receive(channel, &message, 1, 0) == 0 && fixture_now() - before < PROMPT,
       "a time-out of 0 does not wait");
    ok(fixture_subscribe(channel), "subscribed");
    before = fixture_now();
    ok(fixture_receive_nothing(channel, 30) && fixture_now() - before >= 29,
       "a time-out takes its time");
    before = fixture_now();
    if (pthread_create(&thread, NULL, act_later, channel) != 0)
        abort();
    ok(channel_receive(channel, &message, 1, -1) == 0, "a nudge wakes a subscriber that waits");
    ok(channel_receive(channel, &message, 1, -1) == 1, "so does a message of this instance");
    message_rele(message);
    ok(channel_receive(channel, &message, 1, -1) == -ESHUTDOWN, "so does a stop");
    ok(fixture_now() - before < 3 * PROMPT, "all at once");
    ok(channel_receive(channel, &message, 1, -1) == -ESHUTDOWN, "a stop is for good");
    if (pthread_join(thread, NULL) != 0)
        abort();
    channel_close(&channel);
    channel = fixture_channel(one, "wakes");
    channel_stop(channel);
    ok(channel_receive(channel, &message, 1, -1) == -ESHUTDOWN, "also of a new channel");
    channel_close(&channel);
}

/* Counts this process's descriptors; *inherited are those that a program it runs would get. */
static int
count_descriptors(int *inherited)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    int count = 0;

    if (folder == NULL)
        abort();
    *inherited = 0;
    while ((entry = readdir(folder)) != NULL) {
        int flags = fcntl((int)strtol(entry->d_name, NULL, 10), F_GETFD);
        *inherited += flags >= 0 && (flags & FD_CLOEXEC) == 0;
        count++;
    }
    closedir(folder);
    return count;
}

static void
test_nothing_left(void)
{
    static struct channel *channels[CHANNELS];
    int inherited_before;
    int inherited = 0;
    int before = count_descriptors(&inherited_before);
    bool is_fine = true;

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < CHANNELS; i++) {
            char name[32];
            snprintf(name, sizeof(name), "many-%zu", i);
            channels[i] = fixture_channel(one, name);
            is_fine = is_fine && fixture_subscribe(channels[i]);
        }
        is_fine = is_fine && fixture_clients("name=chatd:one:test") == CHANNELS;
        (void)count_descriptors(&inherited);
        for (size_t i = 0; i < CHANNELS; i++)
            channel_close(&channels[i]);
    }
    ok(inherited == inherited_before, "no program that is run inherits one");
    ok(is_fine, "%d channels have as many connections", CHANNELS);
    ok(fixture_await_clients("name=chatd:one:test", 0), "none is left of closed ones");
    ok(count_descriptors(&inherited) == before, "and no descriptor");
    struct pubsub_status status;
    pubsub_status(one, &status);
    ok(status.channels == 0 && status.subscribed == 0, "the status knows");
}

static void
test_options(void)
{
    struct pubsub_redis_options options = {
        .url = "redis://user:secret@host:port", .instance = "one", .key = fixture_key};
    struct pubsub *bus = NULL;
    char why[256] = "";

    ok(pubsub_open_redis(&options, &bus, why, sizeof(why)) == -EINVAL &&
           strstr(why, "port") != NULL && strstr(why, "secret") == NULL,
       "a malformed URL is refused: %s", why);
    options.url = "redis://user@host";
    ok(pubsub_open_redis(&options, &bus, why, sizeof(why)) == -EINVAL &&
           strstr(why, "no password") != NULL,
       "so is a user without a password");
    options.url = "redis://host";
    options.instance = "in stance";
    ok(pubsub_open_redis(&options, &bus, why, sizeof(why)) == -EINVAL &&
           strstr(why, "instance") != NULL,
       "and an id with a space");
    options.instance = "1234567890123456789012345678901234567";
    ok(pubsub_open_redis(&options, &bus, why, sizeof(why)) == -EINVAL, "or of 37 characters");
}

int
main(void)
{
    fixture_open();
    fixture_start(NULL);
    one = fixture_bus("one", NULL, NULL);
    two = fixture_bus("two", NULL, NULL);
    test_exchange();
    test_texts();
    test_names();
    test_forgeries();
    test_wakes();
    test_nothing_left();
    test_options();
    pubsub_close(&one);
    pubsub_close(&two);
    ok(fixture_await_clients("name=chatd", 0), "a closed bus leaves no connection");
    return done_testing();
}
