/* Joins that are refused, and the mail of a room that could not be opened. */
#include "rooms/room.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "rooms/registry.h"
#include "rooms/rooms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
refuse(struct room *room, const struct membership *membership, int error)
{
    struct member *member = membership->member;
    bool is_known =
        atomic_load_explicit(&room->opened, memory_order_acquire) && error != DENIED_UNINVITED;
    struct event_error refusal = {
        .refused = room->key[0] == 'p' ? "join-room-private" : "join-room",
        .room_id = is_known ? room->stored.id : NULL,
    };
    event_error_for(error, &refusal);
    if (error == DENIED_BANNED)
        refusal.until = membership->until;
    struct message *message = event_error(&refusal);
    if (message == NULL)
        return;
    member->operations->deliver(member, &message, 1);
    message_rele(message);
}

void
room_expel(struct room *room, struct membership *membership, int error)
{
    member_expel(membership);
    refuse(room, membership, error);
}

/*
 * Has it ask again, where only whoever the room was to be opened for is refused so: that one makes
 * no room, or may make no more. So too where the member's first request makes the room that its second
 * one only asks for. Returns 0, or the error that the member is told.
 */
static int
pass_on(const struct room *room, struct membership *membership, bool makes, int error)
{
    struct member *member = membership->member;
    bool is_passed_on = (error == NO_SUCH_ROOM && (makes || member_has(member, room->key))) ||
                        (error == -EDQUOT && (!makes || strcmp(member->id, room->opener_id) != 0));

    if (!is_passed_on || member_has_left(membership))
        return error;
    error = member_join_anew(membership, makes);
    return error == -ENFILE ? -EAGAIN : error; /* this one may be the one too many */
}

void
room_refuse_again(struct room *room, struct membership *membership, bool makes, int error)
{
    error = pass_on(room, membership, makes, error);
    if (error == 0)
        return;
    refuse(room, membership, error);
    membership->member->operations->answered(membership->member, 1);
}

void
room_refuse_join(struct room *room, struct membership *membership, int error)
{
    /* Before it is told, so that it can try again at once. */
    if (member_expel(membership))
        error = pass_on(room, membership, membership->makes, error);
    if (error != 0 && !membership->invited) {
        refuse(room, membership, error);
        membership->member->operations->answered(membership->member, 1);
    }
}

void
room_join_anew(struct room *room, struct membership *membership)
{
    registry_unlist(room->rooms->registry, room);
    membership->denied = NO_SUCH_ROOM;
    /* Who has left meanwhile is in no other room instead. */
    int error =
        member_expel(membership) ? member_join_anew(membership, membership->makes) : NO_SUCH_ROOM;
    if (error == 0)
        return;
    refuse(room, membership, error);
    membership->member->operations->answered(membership->member, 1);
}

/* Answers what is in the mailbox with the error. */
static void
refuse_all(struct room *room, int error)
{
    struct mail *rest = mailbox_take(&room->mailbox, 0);

    while (rest != NULL) {
        struct room_mail *mail = (struct room_mail *)rest;
        rest = rest->next;
        switch (mail->request) {
        case ROOM_POST:
            room_refuse_post(room, (struct room_post *)mail, error);
            break;
        case ROOM_JOIN:
            room_refuse_join(room, mail->membership, error);
            break;
        case ROOM_LEAVE:
            membership_free(mail->membership);
            break;
        case ROOM_JOIN_AGAIN:
            room_refuse_again(room, mail->membership, mail->makes, error);
            free(mail);
            break;
        case ROOM_QUESTION:
            ((struct room_question *)mail)->refuse((struct room_question *)mail, error);
            break;
        case ROOM_TYPING:
        case ROOM_RIGHTS:
        case ROOM_CAUGHT_UP: /* of a room that was opened only */
        case ROOM_STOP:
            break;
        }
    }
}

void
room_give_up(struct room *room, int error)
{
    registry_unlist(room->rooms->registry, room);
    /* Each refusal puts a leave in, and who has found the room before may still ask. */
    do
        refuse_all(room, error);
    while (!registry_retire(room->rooms->registry, room));
}
