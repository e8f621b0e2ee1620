/* Who is in a room: what people are told of it, leaving, typing, and bringing somebody in. */
#include "rooms/room.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "rooms/event.h"
#include "rooms/lobby.h"
#include "rooms/rooms.h"

#include <stdio.h>
#include <string.h>

#define TYPING_MS 1000 /* in which a member's typing is told once */

/* A notice is a hint for people: without memory there is none. */
void
room_publish_notice(struct room *room, const struct member *member, const char *what)
{
    char text[REPO_USER_NAME_SIZE + 32];

    if (room->stored.is_private)
        return;
    snprintf(text, sizeof(text), "%s %s the room", member->name, what);
    struct message *notice = event_notice(&room->stored, text);
    if (notice == NULL)
        return;
    channel_publish_elsewhere(room->channel, &notice, 1);
    room_hand_out_hints(room, &notice, 1);
    message_rele(notice);
}

/* Whether another connection of the member's user is in the room here. */
static bool
is_another(const struct membership *one, const struct membership *membership)
{
    return one != membership && strcmp(one->member->id, membership->member->id) == 0;
}

bool
room_has_another(const struct room *room, const struct membership *membership)
{
    for (size_t i = 0; i < room->member_count; i++) {
        if (is_another(room->members[i], membership))
            return true;
    }
    for (const struct membership *at = room->first_behind; at != NULL; at = at->next_behind) {
        if (!atomic_load(&at->left) && is_another(at, membership))
            return true;
    }
    return false;
}

void
room_invite_other(struct room *room, const struct member *member, uint64_t since)
{
    if (!room->stored.is_private)
        return;
    bool is_first = strcmp(room->stored.users[0], member->id) == 0;
    lobby_invite(room->rooms->lobby, member, room->stored.users[is_first ? 1 : 0], since);
}

static void
remove_from_members(struct room *room, struct membership *membership)
{
    lock_take(&room->lock);
    size_t last = --room->member_count;
    room->members[membership->index] = room->members[last];
    room->members[membership->index]->index = membership->index;
    membership->index = SIZE_MAX;
    lock_drop(&room->lock);
}

void
room_handle_leave(struct room *room, struct membership *membership)
{
    if (membership->index != SIZE_MAX)
        remove_from_members(room, membership);
    if (membership->admitted && !room_has_another(room, membership)) {
        if (membership->by_choice)
            room_roll_add(room, membership->member->id, false);
        /* A connection that is lost is likely to come back. */
        if (room->member_count > 0 &&
            (membership->by_choice || room->rooms->presence_grace_ms == 0))
            room_publish_notice(room, membership->member, "left");
    }
    /* The historian may be at work for it; then it ends with its `caught_up`. */
    if (membership->is_catching_up) {
        lock_take(&room->lock);
        atomic_store(&membership->left, true);
        lock_drop(&room->lock);
    } else {
        membership_free(membership);
    }
}

void
room_handle_typing(struct room *room, struct membership *membership)
{
    const struct member *member = membership->member;
    int64_t now = clock_monotonic_ms();

    atomic_store(&membership->types, false);
    if (!membership->admitted || now - membership->typed < TYPING_MS)
        return;
    struct message *typing = event_typing(&room->stored, member->id, member->name);
    if (typing == NULL)
        return;
    membership->typed = now;
    channel_publish_elsewhere(room->channel, &typing, 1);
    room_hand_out_hints(room, &typing, 1);
    message_rele(typing);
}
