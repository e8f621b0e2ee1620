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
refuse(struct room *room, const struct membership *membership, const char *client_id, int error)
{
    struct member *member = membership->member;
    bool is_known =
        atomic_load_explicit(&room->opened, memory_order_acquire) && error != DENIED_UNINVITED;
    struct event_error refusal = {
        .refused = room->key[0] == 'p' ? "join-room-private" : "join-room",
        .client_id = client_id,
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
    refuse(room, membership, NULL, error);
}

/* How it asked at first. */
static struct joining
joining_of(const struct membership *membership)
{
    return (struct joining){
        .since = membership->since,
        .makes = membership->makes,
        .client_id = membership->client_id,
    };
}

struct joining
room_joining_again(const struct room_join_again *again, uint64_t since)
{
    return (struct joining){
        .since = since,
        .makes = again->makes,
        .client_id = again->has_client_id ? again->client_id : NULL,
    };
}

/*
 * Has it ask again, where only whoever the room was to be opened for is refused so: that one makes
 * no room, or may make no more. So too where the member's first request makes the room that its second
 * one only asks for. Returns 0, or the error that the member is told.
 */
static int
pass_on(const struct room *room, struct membership *membership, const struct joining *how,
        int error)
{
    struct member *member = membership->member;
    bool is_passed_on =
        (error == NO_SUCH_ROOM && (how->makes || member_has(member, room->key))) ||
        (error == -EDQUOT && (!how->makes || strcmp(member->id, room->opener_id) != 0));

    if (!is_passed_on || member_has_left(membership))
        return error;
    error = member_join_anew(membership, how);
    return error == -ENFILE ? -EAGAIN : error; /* this one may be the one too many */
}

void
room_refuse_again(struct room *room, struct room_join_again *again, int error)
{
    struct membership *membership = again->head.membership;
    struct joining how = room_joining_again(again, membership->since);

    error = pass_on(room, membership, &how, error);
    if (error == 0)
        return;
    refuse(room, membership, how.client_id, error);
    membership->member->operations->answered(membership->member, 1);
}

void
room_refuse_join(struct room *room, struct membership *membership, int error)
{
    /* Before it is told, so that it can try again at once. */
    if (member_expel(membership)) {
        struct joining how = joining_of(membership);
        error = pass_on(room, membership, &how, error);
    }
    if (error != 0 && !membership->invited) {
        refuse(room, membership, membership->client_id, error);
        membership->member->operations->answered(membership->member, 1);
    }
}

void
room_join_anew(struct room *room, struct membership *membership)
{
    struct joining how = joining_of(membership);

    registry_unlist(room->rooms->registry, room);
    membership->denied = NO_SUCH_ROOM;
    /* Who has left meanwhile is in no other room instead. */
    int error = member_expel(membership) ? member_join_anew(membership, &how) : NO_SUCH_ROOM;
    if (error == 0)
        return;
    refuse(room, membership, how.client_id, error);
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
            room_refuse_again(room, (struct room_join_again *)mail, error);
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
