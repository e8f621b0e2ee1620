/* What a room has before its first request is handled, and gives back after its last. */
#include "rooms/room.h"

#include "pubsub/pubsub.h"
#include "rooms/lobby.h"
#include "rooms/log.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Both names, cut between two characters where they are too long together. */
static void
join_names(const char *one, const char *other, char out[REPO_ROOM_NAME_SIZE])
{
    char whole[2 * REPO_USER_NAME_SIZE + 2];

    size_t length = (size_t)snprintf(whole, sizeof(whole), "%s, %s", one, other);
    if (length >= REPO_ROOM_NAME_SIZE) {
        length = REPO_ROOM_NAME_SIZE - 1;
        while (((unsigned char)whole[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(out, whole, length);
    out[length] = '\0';
}

/* A private room's name for people, where there is none yet: it takes two who are known. */
static int
name_private(struct room *room)
{
    struct repo_room *stored = &room->stored;
    struct repo_room there;
    struct repo_identity identity;
    char other[REPO_USER_NAME_SIZE];
    bool opener_is_first = strcmp(stored->users[0], room->opener_id) == 0;
    const char *other_id = stored->users[opener_is_first ? 1 : 0];

    int error = lobby_find_name(room->rooms->lobby, other_id, other);
    if (error == -ENOENT) {
        /* Somebody who is away, or whose arrival was not heard of yet. */
        error = repo_identity_find_by_id(room->rooms->repo, other_id, &identity);
        if (error == -ENOENT)
            return repo_room_find_by_users(room->rooms->repo, stored->users[0], stored->users[1],
                                           &there);
        if (error == 0)
            snprintf(other, sizeof(other), "%s", identity.name);
    }
    if (error == 0)
        join_names(room->opener_name, other, stored->name);
    return error;
}

/* What is asked for, from the key: a public room by its name, or a private one by its pair. */
static int
describe(struct room *room)
{
    struct repo_room *stored = &room->stored;

    identifier_make(stored->id);
    stored->is_private = room->key[0] == 'p';
    if (!stored->is_private) {
        snprintf(stored->name, sizeof(stored->name), "%s", room->key + 1);
        return 0;
    }
    const char *separator = strchr(room->key, ':');
    assert(separator != NULL);
    snprintf(stored->users[0], sizeof(stored->users[0]), "%.*s", (int)(separator - room->key - 1),
             room->key + 1);
    snprintf(stored->users[1], sizeof(stored->users[1]), "%s", separator + 1);
    return name_private(room);
}

int
room_open(struct room *room)
{
    struct rooms *rooms = room->rooms;
    struct repo_room *stored = &room->stored;
    char channel[PUBSUB_CHANNEL_NAME_SIZE];
    char label[sizeof("private:") + REPO_ROOM_NAME_SIZE];
    struct repo_room_origin origin = {
        .owner_id = room->opener_id,
        .kind = REPO_PUBLIC,
        .created = clock_realtime_ms(),
    };
    bool created = false;
    uint64_t last;

    int error = describe(room);
    if (error == 0)
        error = room->makes ? room_make(rooms, stored, &origin, room->opener_id, &created)
                            : room_find(rooms, stored);
    if (error != 0)
        return error;
    snprintf(channel, sizeof(channel), "%.64s:room:%s", rooms->channel_prefix, stored->id);
    snprintf(label, sizeof(label), "%s:%s", stored->is_private ? "private" : "room",
             stored->is_private ? stored->id : stored->name);
    error = pubsub_channel_open(rooms->pubsub, channel, label, &room->channel);
    if (error != 0)
        return error == -EMFILE ? -ENFILE : error; /* the process's limit, not the member's */
    /* Read with the subscription standing: whatever is stored from here on is received. */
    error = repo_last_seqs(rooms->repo, &stored->number, &last, NULL, 1);
    if (error == 0)
        error = room_rights_open(room);
    if (error != 0)
        goto close_channel;
    atomic_store(&room->delivered, last);
    atomic_store(&room->known, last);
    room->published = last;
    if (pthread_create(&room->subscriber, NULL, subscriber_main, room) != 0) {
        error = -EAGAIN;
        goto close_channel;
    }
    atomic_store_explicit(&room->opened, true, memory_order_release);
    log_info("room-open id=%s private=%d created=%d last-seq=%llu", stored->id, stored->is_private,
             created, (unsigned long long)last);
    return 0;

close_channel:
    channel_close(&room->channel);
    return error;
}

void
room_close(struct room *room)
{
    channel_stop(room->channel);
    int error = pthread_join(room->subscriber, NULL);
    assert(error == 0);
    channel_close(&room->channel);
    log_info("room-close id=%s", room->stored.id);
}
