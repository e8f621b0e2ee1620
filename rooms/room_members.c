/* Who is in a room: what people are told of it, leaving, typing, and bringing somebody in. */
#include "rooms/room.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "rooms/event.h"
#include "rooms/lobby.h"
#include "rooms/rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPING_MS   1000 /* in which a member's typing is told once */
#define NOTICES_MAX 64   /* that are told in one go */

static bool
is_hinted(const struct room *room)
{
    return room->member_count <= HINTED_MEMBERS_MAX;
}

/* A notice is a hint for people: without memory there is none. */
void
room_add_notice(struct room *room, const struct member *member, const char *what)
{
    char text[REPO_USER_NAME_SIZE + 32];

    if (room->stored.is_private || !is_hinted(room))
        return;
    if (room->notice_count == NOTICES_MAX)
        room_tell_notices(room);
    if (room->notices == NULL)
        room->notices = malloc(NOTICES_MAX * sizeof(struct message *));
    if (room->notices == NULL)
        return;
    snprintf(text, sizeof(text), "%s %s the room", member->name, what);
    struct message *notice = event_notice(&room->stored, text);
    if (notice != NULL)
        room->notices[room->notice_count++] = notice;
}

void
room_tell_notices(struct room *room)
{
    if (room->notice_count > 0) {
        channel_publish_elsewhere(room->channel, room->notices, room->notice_count);
        room_hand_out_hints(room, room->notices, room->notice_count);
    }
    while (room->notice_count > 0)
        message_rele(room->notices[--room->notice_count]);
    free(room->notices);
    room->notices = NULL;
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
    bool was_in = atomic_load(&membership->admitted);
    if (was_in)
        room_users_remove(&room->users, membership);
    if (was_in && !room_users_have(&room->users, membership->member->id)) {
        if (membership->by_choice)
            room_roll_add(room, membership->member->id, false);
        /* A connection that is lost is likely to come back. */
        if (room->member_count > 0 &&
            (membership->by_choice || room->rooms->presence_grace_ms == 0))
            room_add_notice(room, membership->member, "left");
    }
    membership->ended = true;
    /* The historian may be at work for it; then it ends with its `caught_up`. */
    if (membership->is_catching_up) {
        lock_take(&room->lock);
        atomic_store(&membership->left, true);
        lock_drop(&room->lock);
    } else {
        membership_free(membership);
    }
}

static void
refuse_typing(const struct room *room, const struct membership *membership, int error)
{
    struct member *member = membership->member;
    struct event_error refusal = {.refused = "typing", .room_id = room->stored.id};

    event_error_for(error, &refusal);
    if (error == DENIED_MUTED)
        refusal.until = membership->until;
    struct message *message = event_error(&refusal);
    if (message == NULL)
        return;
    member->operations->deliver(member, &message, 1);
    message_rele(message);
}

void
room_handle_typing(struct room *room, struct membership *membership)
{
    const struct member *member = membership->member;
    int64_t now = clock_monotonic_ms();

    atomic_store(&membership->types, false);
    if (!atomic_load(&membership->admitted) || now - membership->typed < TYPING_MS ||
        !is_hinted(room))
        return;
    int error = room_rights_may(room, membership, RIGHT_TYPE, clock_realtime_ms());
    if (error != 0) {
        refuse_typing(room, membership, error);
        return;
    }
    struct message *typing = event_typing(&room->stored, member->id, member->name);
    if (typing == NULL)
        return;
    membership->typed = now;
    channel_publish_elsewhere(room->channel, &typing, 1);
    room_hand_out_hints(room, &typing, 1);
    message_rele(typing);
}
