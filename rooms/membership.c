/* A membership: one member in one room, the mail that is part of it, and the member's list of them. */
#include "rooms/room.h"

#include <stdlib.h>
#include <string.h>

struct membership *
membership_new(struct member *member, struct room *room, const struct joining *how, bool invited)
{
    struct membership *membership = calloc(1, sizeof(*membership));
    if (membership == NULL)
        return NULL;
    if (how->client_id != NULL && (membership->client_id = strdup(how->client_id)) == NULL) {
        free(membership);
        return NULL;
    }
    membership->join.request = ROOM_JOIN;
    membership->join.membership = membership;
    membership->caught_up.request = ROOM_CAUGHT_UP;
    membership->caught_up.membership = membership;
    membership->typing.request = ROOM_TYPING;
    membership->typing.membership = membership;
    membership->leave.request = ROOM_LEAVE;
    membership->leave.membership = membership;
    membership->index = SIZE_MAX;
    membership->invited = invited;
    membership->since = how->since;
    membership->makes = how->makes;
    membership->member = member;
    membership->room = room;
    member->operations->hold(member);
    room_hold(room);
    return membership;
}

void
membership_free(struct membership *membership)
{
    room_rele(membership->room);
    membership->member->operations->release(membership->member);
    free(membership->client_id);
    free(membership);
}

void
question_end(struct room_question *question)
{
    room_rele(question->room);
    question->job.member->operations->release(question->job.member);
}

void
membership_link(struct member *member, struct membership *membership)
{
    membership->previous = NULL;
    membership->next = member->memberships;
    if (membership->next != NULL)
        membership->next->previous = membership;
    member->memberships = membership;
    membership->linked = true;
    member->room_count++;
}

void
membership_unlink(struct member *member, struct membership *membership)
{
    if (membership->previous != NULL)
        membership->previous->next = membership->next;
    else
        member->memberships = membership->next;
    if (membership->next != NULL)
        membership->next->previous = membership->previous;
    membership->linked = false;
    member->room_count--;
}

struct membership *
membership_find_by_key(const struct member *member, const char *key)
{
    struct membership *membership = member->memberships;
    while (membership != NULL && strcmp(membership->room->key, key) != 0)
        membership = membership->next;
    return membership;
}

struct membership *
membership_find(struct member *member, const char *room_id)
{
    for (struct membership *at = member->memberships; at != NULL; at = at->next) {
        if (!atomic_load_explicit(&at->room->opened, memory_order_acquire) ||
            strcmp(at->room->stored.id, room_id) != 0)
            continue;
        if (at != member->memberships) {
            membership_unlink(member, at);
            membership_link(member, at);
        }
        return at;
    }
    return NULL;
}
