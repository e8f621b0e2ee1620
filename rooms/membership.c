/* A membership: one member in one room, and the mail that is part of it. */
#include "rooms/room.h"

#include <stdlib.h>

struct membership *
membership_new(struct member *member, struct room *room, bool invited, uint64_t since)
{
    struct membership *membership = calloc(1, sizeof(*membership));
    if (membership == NULL)
        return NULL;
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
    membership->since = since;
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
    free(membership);
}

void
question_end(struct room_question *question)
{
    room_rele(question->room);
    question->job.member->operations->release(question->job.member);
}
