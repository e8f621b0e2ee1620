#include "pubsub/redis_queue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "pubsub/clock.h"
#include "pubsub/lock.h"
#include "pubsub/message.h"

#define MESSAGES_MAX ((size_t)65536)
#define BYTES_MAX    ((size_t)16 * 1024 * 1024)

void
queue_init(struct redis_queue *queue, int wake)
{
    *queue = (struct redis_queue){.wake = wake, .since = clock_wall()};
    must(pthread_mutex_init(&queue->mutex, NULL));
    STAILQ_INIT(&queue->parcels);
}

void
queue_destroy(struct redis_queue *queue)
{
    assert(STAILQ_EMPTY(&queue->parcels));
    must(pthread_mutex_destroy(&queue->mutex));
}

bool
queue_set_open(struct redis_queue *queue, bool is_open)
{
    bool has_changed;

    mutex_lock(&queue->mutex);
    has_changed = queue->is_open != is_open;
    queue->is_open = is_open;
    if (has_changed)
        queue->since = clock_wall();
    mutex_unlock(&queue->mutex);
    return has_changed;
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

void
parcel_free(struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->count; i++)
        message_rele(parcel->messages[i]);
    free(parcel);
}

/* Returns whether the parcel is in the queue. */
static bool
put_parcel(struct redis_queue *queue, struct parcel *parcel)
{
    bool is_taken;

    mutex_lock(&queue->mutex);
    is_taken = queue->is_open && queue->messages + parcel->count <= MESSAGES_MAX &&
               queue->bytes + parcel->bytes <= BYTES_MAX;
    if (is_taken) {
        STAILQ_INSERT_TAIL(&queue->parcels, parcel, next);
        queue->messages += parcel->count;
        queue->bytes += parcel->bytes;
        if (queue->is_waited_for) {
            must(eventfd_write(queue->wake, 1));
            queue->is_waited_for = false;
        }
    }
    mutex_unlock(&queue->mutex);
    return is_taken;
}

size_t
queue_put(struct redis_queue *queue, const char *channel, struct message *const *messages,
          size_t count)
{
    size_t refused = 0;

    while (count > 0) {
        size_t part = count < PARCEL_MESSAGES ? count : PARCEL_MESSAGES;
        struct parcel *parcel = parcel_new(channel, messages, part);
        if (parcel == NULL || !put_parcel(queue, parcel)) {
            refused += part;
            if (parcel != NULL)
                parcel_free(parcel);
        }
        messages += part;
        count -= part;
    }
    return refused;
}

struct parcel *
queue_take(struct redis_queue *queue)
{
    struct parcel *parcel;

    mutex_lock(&queue->mutex);
    parcel = STAILQ_FIRST(&queue->parcels);
    if (parcel != NULL) {
        STAILQ_REMOVE_HEAD(&queue->parcels, next);
        queue->messages -= parcel->count;
        queue->bytes -= parcel->bytes;
    }
    queue->is_waited_for = parcel == NULL;
    mutex_unlock(&queue->mutex);
    return parcel;
}

bool
queue_is_empty(struct redis_queue *queue)
{
    bool is_empty;

    mutex_lock(&queue->mutex);
    is_empty = STAILQ_EMPTY(&queue->parcels);
    mutex_unlock(&queue->mutex);
    return is_empty;
}

void
queue_status(struct redis_queue *queue, struct pubsub_status *status)
{
    mutex_lock(&queue->mutex);
    status->up = queue->is_open;
    status->since = queue->since;
    status->queued = queue->messages;
    mutex_unlock(&queue->mutex);
}
