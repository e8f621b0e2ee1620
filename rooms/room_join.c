/* Joining a room: the answer, what was missed, and then being one of those to whom it hands out. */
#include "rooms/room.h"

#include "pubsub/message.h"
#include "repo/user_data.h"
#include "rooms/catch_up.h"
#include "rooms/event.h"
#include "rooms/lobby.h"
#include "rooms/log.h"
#include "rooms/rooms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELIVERY_WAIT_MS 1000 /* for what was acknowledged to be handed out */

/* The other one of a private room's two users, by its id and what it is called now. */
static int
other_user(const struct room *room, const struct member *member, char id[REPO_ID_SIZE],
           char name[REPO_USER_NAME_SIZE])
{
    const struct repo_room *stored = &room->stored;
    struct repo_identity identity;

    bool is_first = strcmp(stored->users[0], member->id) == 0;
    snprintf(id, REPO_ID_SIZE, "%s", stored->users[is_first ? 1 : 0]);
    if (lobby_find_name(room->rooms->lobby, id, name) == 0)
        return 0;
    /* Somebody who is away, or who will not come back any more. */
    int error = repo_identity_find_by_id(room->rooms->repo, id, &identity);
    if (error != 0 && error != -ENOENT)
        return error;
    snprintf(name, REPO_USER_NAME_SIZE, "%s", error == 0 ? identity.name : REPO_DELETED_NAME);
    return 0;
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
 * What the member may have already of what is stored: what it says, or, where it did not ask, all of
 * it. Who comes from another instance may have what was not heard of here yet: then the subscriber is
 * told to read it.
 */
static int
find_known(struct room *room, const struct membership *membership, uint64_t *known)
{
    uint64_t since = membership->invited ? UINT64_MAX : membership->since;
    uint64_t stored;

    *known = 0;
    if (!membership->invited &&
        (since == MEMBER_SINCE_NONE || since <= atomic_load(&room->delivered)))
        return 0;
    int error = repo_last_seqs(room->rooms->repo, &room->stored.number, &stored, NULL, 1);
    if (error != 0)
        return error;
    *known = since < stored ? since : stored;
    if (*known > atomic_load(&room->delivered))
        subscriber_nudge(room, stored);
    return 0;
}

/*
 * Waits until what was acknowledged before, and what the member has already, is handed out, so that
 * it counts in the `lastSeq` of who joins now. Not for ever: what could not be read from the
 * repository comes later.
 */
static int
wait_delivered(struct room *room, const struct membership *membership)
{
    int64_t deadline = clock_monotonic_ms() + DELIVERY_WAIT_MS;
    uint64_t known;

    int error = find_known(room, membership, &known);
    if (error != 0 && !membership->invited)
        return error;
    error = 0;
    lock_take(&room->lock);
    room->awaits_delivery = true;
    while (atomic_load(&room->delivered) < room->published ||
           atomic_load(&room->delivered) < known) {
        if (!lock_wait_until(&room->lock, &room->caught_up, deadline))
            break;
    }
    room->awaits_delivery = false;
    /* It would be given again what it has. Whom somebody else brings in takes that. */
    if (atomic_load(&room->delivered) < known && !membership->invited)
        error = -EBUSY;
    lock_drop(&room->lock);
    return error;
}

static void
add_to_members(struct room *room, struct membership *membership)
{
    lock_assert_held(&room->lock);
    membership->index = room->member_count;
    room->members[room->member_count++] = membership;
}

/*
 * Answers the request to join. Who misses nothing is let in, from under the room's lock, so that
 * what is handed out next is exactly what comes after the `lastSeq` in the answer; *misses says
 * that the member has to catch up first.
 */
static int
welcome(struct room *room, struct membership *membership, const char *client_id, bool *misses)
{
    char id[REPO_ID_SIZE];
    char name[REPO_USER_NAME_SIZE];
    struct member *member = membership->member;
    int error = room->stored.is_private ? other_user(room, member, id, name) : 0;
    if (error != 0)
        return error;
    struct event_joined joined = {
        .room = &room->stored,
        .client_id = client_id,
        .other_id = room->stored.is_private ? id : NULL,
        .other_name = name,
        .since = membership->since,
        .rights = room->stored.is_private ? NULL : &room->rights,
        .own = room_rights_own(membership),
    };

    lock_take(&room->lock);
    uint64_t last = atomic_load(&room->delivered);
    joined.last_seq = last;
    if (membership->index != SIZE_MAX || membership->is_catching_up) {
        joined.since = MEMBER_SINCE_NONE; /* it gets everything already */
    } else if (joined.since != MEMBER_SINCE_NONE) {
        joined.since = joined.since < last ? joined.since : last;
        joined.truncated = last - joined.since > room->rooms->resume_limit;
        if (joined.truncated)
            joined.since = last - room->rooms->resume_limit;
    }
    *misses = joined.since != MEMBER_SINCE_NONE && joined.since < last;
    struct message *message = event_room_joined(&joined);
    if (message != NULL) {
        bool is_new = membership->index == SIZE_MAX && !membership->is_catching_up;
        atomic_store(&membership->admitted, true);
        if (is_new)
            membership->last = joined.since; /* from here on the historian's, if it misses any */
        if (is_new && !*misses)
            add_to_members(room, membership);
        member->operations->deliver(member, &message, 1);
    }
    lock_drop(&room->lock);
    if (message == NULL)
        return -ENOMEM;
    message_rele(message);
    return 0;
}

static int
add_member(struct room *room, struct membership *membership, const char *client_id)
{
    bool misses;

    if (!has_room_for_one_more(room))
        return -ENOMEM;
    int error = wait_delivered(room, membership);
    if (error == 0)
        error = welcome(room, membership, client_id, &misses);
    if (error == 0 && misses) {
#ifdef CHATD_BREAK_RESUME /* test/chaos: the first of what was missed is left out */
        membership->last++;
#endif
        membership->is_catching_up = true;
        membership->next_behind = room->first_behind;
        room->first_behind = membership;
        catch_up_begin(membership);
    }
    return error;
}

void
room_handle_join(struct room *room, struct membership *membership)
{
    struct member *member = membership->member;

    int error = room_rights_admit(room, membership);
    if (error == NO_SUCH_ROOM) {
        room_join_anew(room, membership);
        return;
    }
    if (error == 0)
        error = add_member(room, membership, membership->client_id);
    if (error != 0) {
        membership->denied = error;
        room_refuse_join(room, membership, error);
        return;
    }
    free(membership->client_id);
    membership->client_id = NULL;
    bool is_first = !room_users_have(&room->users, member->id);
    room_users_add(&room->users, membership);
    room_roll_add(room, member->id, true);
    if (!membership->invited)
        member->operations->answered(member, 1);
    /* Who comes back was never away, as far as people are concerned. */
    if (membership->since == MEMBER_SINCE_NONE && is_first)
        room_add_notice(room, member, "joined");
    if (!membership->invited)
        room_invite_other(room, member, atomic_load(&room->delivered));
}

static void
remove_from_behind(struct room *room, struct membership *membership)
{
    struct membership **at = &room->first_behind;

    while (*at != membership)
        at = &(*at)->next_behind;
    *at = membership->next_behind;
}

/* Lets in who has caught up; what was handed out since is read here, as long as that is little. */
void
room_handle_caught_up(struct room *room, struct membership *membership)
{
    int error = membership->failure;
    bool is_in = false;

    while (error == 0 && !is_in && !atomic_load(&membership->left)) {
        error = has_room_for_one_more(room) ? catch_up_rest(membership) : -ENOMEM;
        if (error == -EAGAIN) {
            catch_up_begin(membership);
            return;
        }
        lock_take(&room->lock);
        is_in = error == 0 && membership->last == atomic_load(&room->delivered);
        if (is_in)
            add_to_members(room, membership);
        lock_drop(&room->lock);
    }
    membership->is_catching_up = false;
    remove_from_behind(room, membership);
    if (atomic_load(&membership->left)) {
        /* Who was put out has its leave in the mailbox still. */
        if (membership->ended)
            membership_free(membership);
    } else if (error != 0) {
        log_warn(-error, "catch-up-failed room=%s seq=%llu", room->stored.id,
                 (unsigned long long)membership->last);
        atomic_store(&membership->admitted, false);
        room_users_remove(&room->users, membership);
        room_expel(room, membership, error);
    }
}

/* Whoever was put out since it asked, and may come again, does; but not who has left since. */
static int
join_again(struct room *room, struct room_join_again *again, bool *is_passed_on)
{
    struct membership *membership = again->head.membership;
    struct joining how = room_joining_again(again, MEMBER_SINCE_NONE);

    int error = room_rights_check(room);
    if (error == 0 && atomic_load(&membership->admitted))
        return add_member(room, membership, how.client_id);
    if (error == 0)
        error = membership->denied != 0 ? membership->denied : -ENOMEM;
    if ((error != -EPERM && error != NO_SUCH_ROOM) || member_has_left(membership))
        return error;
    error = member_join_anew(membership, &how);
    *is_passed_on = error == 0;
    return error;
}

void
room_handle_join_again(struct room *room, struct room_join_again *again)
{
    struct membership *membership = again->head.membership;
    bool is_passed_on = false;

    int error = join_again(room, again, &is_passed_on);
    if (is_passed_on)
        return;
    if (error != 0) {
        room_refuse_again(room, again, error);
        return;
    }
    membership->member->operations->answered(membership->member, 1);
    /* The other one may have left meanwhile. */
    room_invite_other(room, membership->member, atomic_load(&room->delivered));
}
