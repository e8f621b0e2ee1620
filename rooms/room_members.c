#include "rooms/room.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "rooms/event.h"
#include "rooms/lobby.h"
#include "rooms/log.h"
#include "rooms/missed.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELIVERY_WAIT_MS 1000 /* for what was acknowledged to be handed out */

/* A notice is a hint for people: without memory there is none. */
static void
publish_notice(struct room *room, const struct member *member, const char *what)
{
    char text[REPO_USER_NAME_SIZE + 32];

    if (room->stored.is_private)
        return;
    snprintf(text, sizeof(text), "%s %s the room", member->name, what);
    struct message *notice = event_notice(&room->stored, text);
    if (notice == NULL)
        return;
    channel_publish(room->channel, &notice, 1);
    message_rele(notice);
}

/* The other one of a private room's two users: false in a public room. */
static bool
other_user(const struct room *room, const struct member *member, char id[REPO_ID_SIZE],
           char name[REPO_USER_NAME_SIZE])
{
    const struct repo_room *stored = &room->stored;

    if (!stored->is_private)
        return false;
    bool is_first = strcmp(stored->users[0], member->id) == 0;
    snprintf(id, REPO_ID_SIZE, "%s", stored->users[is_first ? 1 : 0]);
    /* Somebody who has gone since is known by the id alone. */
    if (lobby_find_name(room->rooms->lobby, id, name) != 0)
        snprintf(name, REPO_USER_NAME_SIZE, "%s", "?");
    return true;
}

static void
deliver_one(struct member *member, struct message *message)
{
    member->operations->deliver(member, &message, 1);
    message_rele(message);
}

static void
refuse(struct room *room, struct member *member, int error)
{
    struct event_error refusal = {.refused =
                                      room->key[0] == 'p' ? "join-room-private" : "join-room"};
    event_error_for(error, &refusal);
    struct message *message = event_error(&refusal);
    if (message != NULL)
        deliver_one(member, message);
}

static bool
has_room_for_one_more(struct room *room)
{
    if (room->member_count < room->member_capacity)
        return true;
    size_t capacity = room->member_capacity > 0 ? room->member_capacity * 2 : 4;
    struct membership **members = malloc(capacity * sizeof(struct membership *));
    if (members == NULL)
        return false;
    lock_take(&room->lock);
    if (room->member_count > 0)
        memcpy(members, room->members, room->member_count * sizeof(struct membership *));
    struct membership **old = room->members;
    room->members = members;
    room->member_capacity = capacity;
    lock_drop(&room->lock);
    free(old);
    return true;
}

/*
 * Waits until what was acknowledged before is handed out, so that it counts in the `lastSeq` of who
 * joins now. Not for ever: what could not be read from the repository comes later.
 */
static void
wait_delivered(struct room *room)
{
    int64_t deadline = clock_monotonic_ms() + DELIVERY_WAIT_MS;

    lock_take(&room->lock);
    room->awaits_delivery = true;
    while (atomic_load(&room->delivered) < room->published) {
        if (!lock_wait_until(&room->lock, &room->caught_up, deadline))
            break;
    }
    room->awaits_delivery = false;
    lock_drop(&room->lock);
}

/*
 * Puts the member in and answers it: from under the room's lock, so that what is handed out next is
 * exactly what comes after the `lastSeq` in the answer and after what was missed. False: something
 * was handed out meanwhile that is still to be read.
 */
static bool
let_in(struct room *room, struct membership *membership, struct missed *missed, int *error)
{
    char id[REPO_ID_SIZE];
    char name[REPO_USER_NAME_SIZE];
    struct member *member = membership->member;
    bool has_other = other_user(room, member, id, name);

    lock_take(&room->lock);
    if (!missed_is_complete(missed, room)) {
        lock_drop(&room->lock);
        return false;
    }
    uint64_t last = atomic_load(&room->delivered);
    struct message *joined = event_room_joined(&room->stored, has_other ? id : NULL, name,
                                               missed->since < last ? missed->since : last);
    *error = joined != NULL ? 0 : -ENOMEM;
    if (joined != NULL) {
        if (membership->index == SIZE_MAX) {
            membership->index = room->member_count;
            room->members[room->member_count++] = membership;
        }
        member->operations->deliver(member, &joined, 1);
        if (missed->count > 0)
            member->operations->deliver(member, missed->messages, missed->count);
    }
    lock_drop(&room->lock);
    if (joined != NULL)
        message_rele(joined);
    return true;
}

static int
add_member(struct room *room, struct membership *membership)
{
    struct missed missed;
    int error = 0;

    if (!has_room_for_one_more(room))
        return -ENOMEM;
    wait_delivered(room);
    missed_init(&missed, membership->since);
    do {
        missed_read(&missed, room);
    } while (!let_in(room, membership, &missed, &error));
    missed_clear(&missed);
    /* It has everything from now on, and may ask again. */
    membership->since = MISSED_NONE;
    return error;
}

/*
 * Brings the other user of a private room in, who gets what is posted from now on; one who is in
 * already does not notice.
 */
static void
invite_other(struct room *room, const struct member *member)
{
    if (!room->stored.is_private)
        return;
    bool is_first = strcmp(room->stored.users[0], member->id) == 0;
    lobby_invite(room->rooms->lobby, member, room->stored.users[is_first ? 1 : 0],
                 atomic_load(&room->delivered));
}

void
room_handle_join(struct room *room, struct membership *membership)
{
    struct member *member = membership->member;

    int error = add_member(room, membership);
    if (error != 0) {
        bool is_mine = room_refuse_join(room, membership, error);
        assert(!is_mine); /* the mailbox of a room that serves is open */
        return;
    }
    if (!membership->invited)
        member->operations->answered(member, 1);
    publish_notice(room, member, "joined");
    if (!membership->invited)
        invite_other(room, member);
}

void
room_refuse_again(struct room *room, struct membership *membership, int error)
{
    refuse(room, membership->member, error);
    membership->member->operations->answered(membership->member, 1);
}

void
room_handle_join_again(struct room *room, struct membership *membership)
{
    int error = membership->index != SIZE_MAX ? add_member(room, membership) : -ENOMEM;
    if (error != 0) {
        room_refuse_again(room, membership, error);
        return;
    }
    membership->member->operations->answered(membership->member, 1);
    /* The other one may have left meanwhile. */
    invite_other(room, membership->member);
}

void
room_handle_leave(struct room *room, struct membership *membership)
{
    bool was_in = membership->index != SIZE_MAX;

    if (was_in) {
        lock_take(&room->lock);
        size_t last = --room->member_count;
        room->members[membership->index] = room->members[last];
        room->members[membership->index]->index = membership->index;
        membership->index = SIZE_MAX;
        lock_drop(&room->lock);
    }
    if (was_in && room->member_count > 0)
        publish_notice(room, membership->member, "left");
    membership_free(membership);
}

bool
room_refuse_join(struct room *room, struct membership *membership, int error)
{
    struct member *member = membership->member;

    /* Before it is told, so that it can try again at once. */
    lock_take(&member->lock);
    if (membership->linked)
        member_put_leave(member, membership);
    bool is_mine = membership->abandoned;
    lock_drop(&member->lock);
    if (!membership->invited) {
        refuse(room, member, error);
        member->operations->answered(member, 1);
    }
    return is_mine;
}
