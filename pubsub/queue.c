#include "pubsub/queue.h"

#include <assert.h>
#include <stdlib.h>

#include "pubsub/message.h"

#define SLOTS_INITIAL 16u /* a power of two */

static struct message **
slot_at(const struct message_queue *queue, size_t position)
{
    return &queue->slots[(queue->head + position) & (queue->slot_count - 1)];
}

/* Makes the ring hold `wanted` messages, or leaves it as it is when memory is out. */
static void
reserve(struct message_queue *queue, size_t wanted)
{
    size_t slot_count = queue->slot_count > 0 ? queue->slot_count : SLOTS_INITIAL;
    struct message **slots;

    while (slot_count < wanted)
        slot_count *= 2;
    if (slot_count == queue->slot_count)
        return;
    slots = malloc(slot_count * sizeof(struct message *));
    if (slots == NULL)
        return;
    for (size_t i = 0; i < queue->length; i++)
        slots[i] = *slot_at(queue, i);
    free(queue->slots);
    queue->slots = slots;
    queue->slot_count = slot_count;
    queue->head = 0;
}

void
message_queue_release(struct message_queue *queue)
{
    for (size_t i = 0; i < queue->length; i++)
        message_rele(*slot_at(queue, i));
    free(queue->slots);
    *queue = (struct message_queue){0};
}

size_t
message_queue_push(struct message_queue *queue, struct message *const *messages, size_t count)
{
    assert(queue->length <= MESSAGE_QUEUE_MAX);
    if (count > MESSAGE_QUEUE_MAX - queue->length)
        count = MESSAGE_QUEUE_MAX - queue->length;
    reserve(queue, queue->length + count);
    if (count > queue->slot_count - queue->length)
        count = queue->slot_count - queue->length;
    for (size_t i = 0; i < count; i++)
        *slot_at(queue, queue->length + i) = message_hold(messages[i]);
    queue->length += count;
    return count;
}

size_t
message_queue_pop(struct message_queue *queue, struct message **messages, size_t count)
{
    if (count > queue->length)
        count = queue->length;
    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        messages[i] = *slot_at(queue, i);
    queue->head = (queue->head + count) & (queue->slot_count - 1);
    queue->length -= count;
    return count;
}
