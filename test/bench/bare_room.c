/* What a message becomes, as long as a message of chatd's, and its way to the members. */
#include "test/bench/bare.h"
#include "test/bench/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX    16384
#define FAULT_PERIOD 101
#define PAUSE_NS     300000000

void *
bare_allocate(void *old, size_t size)
{
    void *memory = realloc(old, size);

    if (memory == NULL)
        abort();
    return memory;
}

void
bare_join(struct bare_room *room, struct bare_client *client)
{
    room->members = bare_allocate(room->members, (room->count + 1) * sizeof(struct bare_client *));
    room->members[room->count++] = client;
    client->room = room;
}

void
bare_leave(struct bare_client *client)
{
    struct bare_room *room = client->room;

    for (size_t i = 0; room != NULL && i < room->count; i++)
        if (room->members[i] == client)
            room->members[i--] = room->members[--room->count];
    client->room = NULL;
}

static size_t
compose(char *frame, const struct bare_client *sender, struct bare_text text, struct bare_text id)
{
    struct bare_room *room = sender->room;
    struct timespec now;
    char end[256];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    int end_size =
        snprintf(end, sizeof(end),
                 "\",\"target\":{\"id\":\"room%018u\",\"name\":\"room-%05u\"},"
                 "\"sender\":{\"id\":\"user%018u\",\"name\":\"%s\"},"
                 "\"seq\":%" PRIu64 ",\"ts\":%" PRId64 "%s%.*s%s}",
                 room->number, room->number, room->number, sender->name, ++room->seq,
                 (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                 id.size > 0 ? ",\"id\":\"" : "", (int)id.size, id.data, id.size > 0 ? "\"" : "");
    size_t length = WIRE_CHAT_SIZE + text.size + (size_t)end_size;
    char *at = frame + wire_write_header(frame, WIRE_TEXT, false, length);
    memcpy(at, WIRE_CHAT, WIRE_CHAT_SIZE);
    memcpy(at + WIRE_CHAT_SIZE, text.data, text.size);
    memcpy(at + WIRE_CHAT_SIZE + text.size, end, (size_t)end_size);
    return (size_t)(at - frame) + length;
}

static void
send_all(const struct bare_room *room, const char *frame, size_t size)
{
    for (size_t i = 0; i < room->count; i++)
        bare_send(room->members[i], frame, size);
}

static void
put_into_batch(struct bare *bare, struct bare_room *room, const char *frame, size_t size)
{
    if (room->batch_size + size > room->batch_capacity) {
        room->batch_capacity = (room->batch_size + size) * 2;
        room->batch = bare_allocate(room->batch, room->batch_capacity);
    }
    memcpy(room->batch + room->batch_size, frame, size);
    room->batch_size += size;
    if (!room->is_dirty)
        bare->dirty[bare->dirty_count++] = room;
    room->is_dirty = true;
}

/* Does what a server must not, to the member in the middle. */
static void
spoil(const struct bare *bare, struct bare_room *room, const char *frame, size_t size)
{
    const struct bare_client *victim = room->members[room->count / 2];

    for (size_t i = 0; i < room->count; i++)
        if (room->members[i] != victim || bare->fault == BARE_DOUBLE)
            bare_send(room->members[i], frame, size);
    if (bare->fault == BARE_DOUBLE)
        bare_send(victim, frame, size);
    if (bare->fault == BARE_SWAP) {
        room->held = bare_allocate(room->held, size);
        memcpy(room->held, frame, size);
        room->held_size = size;
    }
}

/* Faults of the server itself; false: the message is not for anybody. */
static bool
is_spared(enum bare_fault fault)
{
    if (fault == BARE_PAUSE)
        (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    if (fault == BARE_DIE)
        exit(0);
    return fault != BARE_DROP;
}

void
bare_post(struct bare *bare, const struct bare_client *sender, struct bare_text text,
          struct bare_text id)
{
    char frame[FRAME_MAX];
    struct bare_room *room = sender->room;

    if (room == NULL || text.size + 1024 > FRAME_MAX || id.size > 64)
        return;
    bool is_victim = bare->fault != BARE_NO_FAULT && ++room->posts % FAULT_PERIOD == 0;
    if (is_victim && !is_spared(bare->fault))
        return;
    size_t size = compose(frame, sender, text, id);
    if (bare->batches) {
        put_into_batch(bare, room, frame, size);
        return;
    }
    if (is_victim && bare->fault <= BARE_SWAP) {
        spoil(bare, room, frame, size);
        return;
    }
    send_all(room, frame, size);
    if (is_victim && bare->fault == BARE_REPEAT) {
        size = compose(frame, sender, text, id);
        send_all(room, frame, size);
    }
    if (room->held_size > 0)
        bare_send(room->members[room->count / 2], room->held, room->held_size);
    room->held_size = 0;
}

void
bare_flush(struct bare *bare)
{
    for (size_t i = 0; i < bare->dirty_count; i++) {
        struct bare_room *room = bare->dirty[i];
        send_all(room, room->batch, room->batch_size);
        room->batch_size = 0;
        room->is_dirty = false;
    }
    bare->dirty_count = 0;
}
