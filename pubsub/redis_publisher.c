#include "pubsub/redis_publisher.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pubsub/clock.h"
#include "pubsub/message.h"

#define QUEUE_MESSAGES  65536u
#define QUEUE_BYTES     (16u * 1024 * 1024)
#define PARCEL_MESSAGES 64u            /* at most; fewer than PUBLISHER_COMMANDS */
#define PAYLOAD_BYTES   65536u         /* about where one ends and the next begins */
#define PENDING_BYTES   (1024u * 1024) /* unsent; more stays in the queue */
#define FAREWELL_MS     500            /* for what is queued at the end */

/* What one call published, or a part of that. */
struct parcel {
    STAILQ_ENTRY(parcel) next;
    char channel[PUBSUB_CHANNEL_NAME_SIZE];
    size_t bytes; /* of the texts */
    size_t count;
    struct message *messages[];
};

static void
lock(struct redis_publisher *publisher)
{
    int error = pthread_mutex_lock(&publisher->mutex);

    assert(error == 0);
}

static void
unlock(struct redis_publisher *publisher)
{
    int error = pthread_mutex_unlock(&publisher->mutex);

    assert(error == 0);
}

static void
count_dropped(struct redis_publisher *publisher, size_t count)
{
    atomic_fetch_add_explicit(&publisher->dropped, count, memory_order_relaxed);
}

static struct parcel *
parcel_new(const char *channel, struct message *const *messages, size_t count)
{
    struct parcel *parcel = malloc(sizeof(*parcel) + count * sizeof(struct message *));

    if (parcel == NULL)
        return NULL;
    snprintf(parcel->channel, sizeof(parcel->channel), "%s", channel);
    parcel->bytes = 0;
    parcel->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        (void)message_text(messages[i], &length);
        parcel->bytes += length;
        parcel->messages[i] = message_hold(messages[i]);
    }
    return parcel;
}

static void
parcel_free(struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->count; i++)
        message_rele(parcel->messages[i]);
    free(parcel);
}

/* Returns whether the parcel is in the queue. */
static bool
enqueue(struct redis_publisher *publisher, struct parcel *parcel)
{
    bool is_accepted;

    lock(publisher);
    is_accepted = publisher->is_up && publisher->queued + parcel->count <= QUEUE_MESSAGES &&
                  publisher->queued_bytes + parcel->bytes <= QUEUE_BYTES;
    if (is_accepted) {
        STAILQ_INSERT_TAIL(&publisher->list, parcel, next);
        publisher->queued += parcel->count;
        publisher->queued_bytes += parcel->bytes;
        if (publisher->is_waiting) {
            int error = eventfd_write(publisher->wake, 1);
            assert(error == 0);
            publisher->is_waiting = false;
        }
    }
    unlock(publisher);
    return is_accepted;
}

void
publisher_send(struct redis_publisher *publisher, const char *channel,
               struct message *const *messages, size_t count)
{
    while (count > 0) {
        size_t part = count < PARCEL_MESSAGES ? count : PARCEL_MESSAGES;
        struct parcel *parcel = parcel_new(channel, messages, part);
        if (parcel == NULL || !enqueue(publisher, parcel)) {
            count_dropped(publisher, part);
            if (parcel != NULL)
                parcel_free(parcel);
        }
        messages += part;
        count -= part;
    }
}

/* Takes the next parcel to send. NULL: there is none, and `wake` is signalled when there is. */
static struct parcel *
dequeue(struct redis_publisher *publisher)
{
    struct parcel *parcel;

    lock(publisher);
    parcel = STAILQ_FIRST(&publisher->list);
    if (parcel != NULL) {
        STAILQ_REMOVE_HEAD(&publisher->list, next);
        publisher->queued -= parcel->count;
        publisher->queued_bytes -= parcel->bytes;
    }
    publisher->is_waiting = parcel == NULL;
    unlock(publisher);
    return parcel;
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
        error = payload_begin(payload, publisher->endpoint->instance);
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
           redis_connection_pending(&publisher->connection) < PENDING_BYTES &&
           (parcel = dequeue(publisher)) != NULL) {
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
    while ((parcel = dequeue(publisher)) != NULL) {
        count_dropped(publisher, parcel->count);
        parcel_free(parcel);
    }
}

/* Tells those who publish, and the log, whether the connection is ready. */
static void
note_state(struct redis_publisher *publisher)
{
    bool is_ready = publisher->connection.state == REDIS_READY;
    bool was_up;

    lock(publisher);
    was_up = publisher->is_up;
    publisher->is_up = is_ready;
    if (was_up != is_ready)
        publisher->since = clock_wall();
    unlock(publisher);
    if (was_up && !is_ready)
        drop_all(publisher);
    if (!was_up && is_ready)
        redis_log_tell(&publisher->endpoint->log, PUBSUB_INFO, "redis-up", "");
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
    bool is_empty;

    lock(publisher);
    is_empty = STAILQ_EMPTY(&publisher->list);
    unlock(publisher);
    return publisher->connection.state != REDIS_READY || (is_empty && publisher->commands == 0);
}

static bool
is_stopping(struct redis_publisher *publisher)
{
    bool result;

    lock(publisher);
    result = publisher->is_stopping;
    unlock(publisher);
    return result;
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
        if (!is_stopping(publisher))
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
    error = pthread_mutex_init(&publisher->mutex, NULL);
    assert(error == 0);
    STAILQ_INIT(&publisher->list);
    publisher->since = clock_wall();
    redis_connection_init(&publisher->connection, endpoint, NULL, "publisher");
    error = pthread_create(&publisher->thread, NULL, publisher_main, publisher);
    if (error == 0)
        return 0;
    pthread_mutex_destroy(&publisher->mutex);
    close(publisher->wake);
    return -error;
}

void
publisher_stop(struct redis_publisher *publisher)
{
    int error;

    lock(publisher);
    publisher->is_stopping = true;
    unlock(publisher);
    error = eventfd_write(publisher->wake, 1);
    assert(error == 0);
    error = pthread_join(publisher->thread, NULL);
    assert(error == 0);
    payload_release(&publisher->payload);
    error = pthread_mutex_destroy(&publisher->mutex);
    assert(error == 0);
    close(publisher->wake);
}

void
publisher_status(struct redis_publisher *publisher, struct pubsub_status *status)
{
    lock(publisher);
    status->up = publisher->is_up;
    status->since = publisher->since;
    status->queued = publisher->queued;
    unlock(publisher);
    status->published = atomic_load_explicit(&publisher->published, memory_order_relaxed);
    status->dropped = atomic_load_explicit(&publisher->dropped, memory_order_relaxed);
}
