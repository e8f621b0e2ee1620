#include "pubsub/redis_publisher.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pubsub/clock.h"
#include "pubsub/message.h"

#define PAYLOAD_BYTES   65536u   /* about where one payload ends and the next begins */
#define UNWRITTEN_BYTES 1048576u /* of commands that are not written yet; more stays in the queue */
#define FAREWELL_MS     500      /* for what is queued at the end */

static void
count_dropped(struct redis_publisher *publisher, size_t count)
{
    atomic_fetch_add_explicit(&publisher->dropped, count, memory_order_relaxed);
}

void
publisher_send(struct redis_publisher *publisher, const char *channel,
               struct message *const *messages, size_t count)
{
    count_dropped(publisher, queue_put(&publisher->queue, channel, messages, count));
}

/* Sends what has been put together. */
static void
send_payload(struct redis_publisher *publisher)
{
    struct payload *payload = &publisher->payload;
    const char *words[] = {"PUBLISH", publisher->channel, NULL};
    size_t lengths[] = {strlen("PUBLISH"), strlen(publisher->channel), payload->length};
    size_t last = (publisher->first + publisher->commands) % PUBLISHER_COMMANDS;

    if (payload->count == 0)
        return;
    assert(publisher->commands < PUBLISHER_COMMANDS);
    payload_seal(payload, publisher->key, publisher->channel);
    words[2] = payload->data;
    if (redis_connection_send(&publisher->connection, 3, words, lengths) == 0) {
        publisher->counts[last] = payload->count;
        publisher->commands++;
    } else {
        count_dropped(publisher, payload->count);
    }
    payload->count = 0;
}

static void
add_message(struct redis_publisher *publisher, const struct message *message)
{
    struct payload *payload = &publisher->payload;
    size_t length;
    int error = 0;

    (void)message_text(message, &length);
    if (payload->count > 0 && payload->length + length > PAYLOAD_BYTES)
        send_payload(publisher);
    if (payload->count == 0)
        error = payload_begin(payload, publisher->endpoint->instance, ++publisher->number,
                              clock_wall());
    if (error == 0)
        error = payload_add(payload, message);
    if (error != 0)
        count_dropped(publisher, 1);
}

/* Makes commands of what is queued, in its order, as long as not too many are under way. */
static void
send_queued(struct redis_publisher *publisher)
{
    struct parcel *parcel;

    while (publisher->connection.state == REDIS_READY &&
           publisher->commands + PARCEL_MESSAGES + 1 <= PUBLISHER_COMMANDS &&
           redis_connection_unwritten(&publisher->connection) < UNWRITTEN_BYTES &&
           (parcel = queue_take(&publisher->queue)) != NULL) {
        if (strcmp(parcel->channel, publisher->channel) != 0) {
            send_payload(publisher);
            memcpy(publisher->channel, parcel->channel, sizeof(publisher->channel));
        }
        for (size_t i = 0; i < parcel->count; i++)
            add_message(publisher, parcel->messages[i]);
        parcel_free(parcel);
    }
    send_payload(publisher);
}

/* Takes the replies to what was sent. */
static void
take_replies(struct redis_publisher *publisher)
{
    redisReply *reply;

    while ((reply = redis_connection_next(&publisher->connection)) != NULL) {
        if (publisher->commands > 0) {
            size_t count = publisher->counts[publisher->first];
            publisher->first = (publisher->first + 1) % PUBLISHER_COMMANDS;
            publisher->commands--;
            if (reply->type == REDIS_REPLY_INTEGER) {
                atomic_fetch_add_explicit(&publisher->published, count, memory_order_relaxed);
            } else {
                count_dropped(publisher, count);
                redis_log_note(&publisher->endpoint->log, NOTE_PUBLISH, "");
            }
        }
        freeReplyObject(reply);
    }
}

static void
drop_all(struct redis_publisher *publisher)
{
    struct parcel *parcel;

    for (; publisher->commands > 0; publisher->commands--) {
        count_dropped(publisher, publisher->counts[publisher->first]);
        publisher->first = (publisher->first + 1) % PUBLISHER_COMMANDS;
    }
    while ((parcel = queue_take(&publisher->queue)) != NULL) {
        count_dropped(publisher, parcel->count);
        parcel_free(parcel);
    }
}

/* Has the queue, and the log, follow the connection. */
static void
note_state(struct redis_publisher *publisher)
{
    bool is_ready = publisher->connection.state == REDIS_READY;

    if (!queue_set_open(&publisher->queue, is_ready))
        return;
    if (is_ready)
        redis_log_tell(&publisher->endpoint->log, PUBSUB_INFO, "redis-up", "");
    else
        drop_all(publisher);
}

static void
await(struct redis_publisher *publisher, int64_t until)
{
    struct pollfd wanted[2];
    int64_t due = redis_connection_prepare(&publisher->connection, &wanted[1]);
    int64_t pause;
    int count;

    wanted[0] = (struct pollfd){.fd = publisher->wake, .events = POLLIN};
    pause = (due < until ? due : until) - clock_now();
    count = poll(wanted, 2, pause < 0 ? 0 : pause < INT_MAX ? (int)pause : INT_MAX);
    if (count < 0) {
        assert(errno == EINTR || errno == ENOMEM);
        return;
    }
    if (wanted[0].revents != 0) {
        eventfd_t value;
        int error = eventfd_read(publisher->wake, &value);
        assert(error == 0 || errno == EAGAIN);
    }
    redis_connection_step(&publisher->connection, wanted[1].revents);
}

/* Whether everything is done that is to be done before the end. */
static bool
is_done(struct redis_publisher *publisher)
{
    return publisher->connection.state != REDIS_READY ||
           (publisher->commands == 0 && queue_is_empty(&publisher->queue));
}

static void *
publisher_main(void *argument)
{
    struct redis_publisher *publisher = argument;
    int64_t end = INT64_MAX;

    while (clock_now() < end) {
        await(publisher, end);
        take_replies(publisher);
        send_queued(publisher);
        /* What has just been put together is written now, not when the next thing happens. */
        redis_connection_step(&publisher->connection, 0);
        note_state(publisher);
        if (!atomic_load(&publisher->is_stopping))
            continue;
        if (is_done(publisher))
            break;
        if (end == INT64_MAX)
            end = clock_now() + FAREWELL_MS;
    }
    redis_connection_close(&publisher->connection);
    note_state(publisher);
    return NULL;
}

int
publisher_start(struct redis_publisher *publisher, struct redis_endpoint *endpoint,
                const unsigned char *key)
{
    int error;

    *publisher = (struct redis_publisher){.endpoint = endpoint, .key = key};
    publisher->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (publisher->wake < 0)
        return -errno;
    queue_init(&publisher->queue, publisher->wake);
    redis_connection_init(&publisher->connection, endpoint, NULL, "publisher");
    error = pthread_create(&publisher->thread, NULL, publisher_main, publisher);
    if (error == 0)
        return 0;
    queue_destroy(&publisher->queue);
    close(publisher->wake);
    return -error;
}

void
publisher_stop(struct redis_publisher *publisher)
{
    int error;

    atomic_store(&publisher->is_stopping, true);
    error = eventfd_write(publisher->wake, 1);
    assert(error == 0);
    error = pthread_join(publisher->thread, NULL);
    assert(error == 0);
    payload_release(&publisher->payload);
    queue_destroy(&publisher->queue);
    close(publisher->wake);
}

void
publisher_status(struct redis_publisher *publisher, struct pubsub_status *status)
{
    queue_status(&publisher->queue, status);
    status->published = atomic_load_explicit(&publisher->published, memory_order_relaxed);
    status->dropped = atomic_load_explicit(&publisher->dropped, memory_order_relaxed);
}
