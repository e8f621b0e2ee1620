#include "rooms/member.h"

#include "repo/repo.h"
#include "rooms/historian.h"
#include "rooms/registry.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
member_init(struct member *member, const struct member_operations *operations, const char *id,
            const char *name)
{
    memset(member, 0, sizeof(*member));
    member->operations = operations;
    member->name = name;
    member->room_maximum = UINT16_MAX;
    memcpy(member->id, id, sizeof(member->id));
    lock_init(&member->lock, LOCK_MEMBER);
}

void
member_destroy(struct member *member)
{
    assert(member->memberships == NULL && member->jobs == NULL);
    free(member->arrival);
    lock_destroy(&member->lock);
}

/* A room has its mailbox open for as long as a membership of it is on a member's list. */
static void
put_open(struct room *room, struct mail *mail)
{
    int error = mailbox_put(&room->mailbox, mail);
    assert(error == 0);
}

/* Asks for an answer where the member is in the room already; the member's lock is held. */
static int
put_again(struct membership *membership, const struct joining *how)
{
    size_t id_size = how->client_id != NULL ? strlen(how->client_id) + 1 : 0;
    struct room_join_again *again = calloc(1, sizeof(*again) + id_size);
    if (again == NULL)
        return -ENOMEM;
    again->head.request = ROOM_JOIN_AGAIN;
    again->head.membership = membership;
    again->makes = how->makes;
    again->has_client_id = how->client_id != NULL;
    if (id_size > 0)
        memcpy(again->client_id, how->client_id, id_size);
    put_open(membership->room, &again->head.mail);
    return 0;
}

/* Whether it is in as many rooms as it may; the member's lock is held. */
static bool
is_full(const struct member *member, unsigned maximum)
{
    return member->room_count >= maximum || member->room_count >= member->room_maximum;
}

/*
 * Puts the request to join into the room's mailbox. -ESHUTDOWN: the room retired meanwhile. The
 * member's lock is held over the put, so that its list and the mailbox tell the same order.
 */
static int
put_join(struct member *member, struct room *room, const struct joining *how, bool invited,
         unsigned maximum)
{
    struct membership *made = membership_new(member, room, how, invited);
    if (made == NULL)
        return -ENOMEM;

    int error = 0;
    lock_take(&member->lock);
    struct membership *there = membership_find_by_key(member, room->key);
    if (member->gone) {
        error = -ECANCELED;
    } else if (is_full(member, maximum)) {
        error = -EMFILE;
    } else if (there != NULL) {
        error = invited ? -EALREADY : put_again(there, how);
    } else {
        error = mailbox_put(&room->mailbox, &made->join.mail);
        if (error == 0) {
            membership_link(member, made);
            made = NULL;
        }
    }
    lock_drop(&member->lock);
    if (made != NULL)
        membership_free(made);
    return error;
}

/*
 * Whether the request needs no room to be run: -EALREADY when the member is in it, and is told so
 * where it asked; another error; or 0 to go on.
 */
static int
join_beforehand(struct member *member, const char *key, const struct joining *how, bool invited,
                unsigned maximum)
{
    int error = 0;

    lock_take(&member->lock);
    struct membership *there = membership_find_by_key(member, key);
    if (member->gone) {
        error = -ECANCELED;
    } else if (there != NULL) {
        error = invited ? 0 : put_again(there, how);
        if (error == 0)
            error = -EALREADY;
    } else if (is_full(member, maximum)) {
        error = -EMFILE;
    }
    lock_drop(&member->lock);
    return error;
}

/* `invited`: the other one of a private room asked for it. */
static int
join_key(struct member *member, struct rooms *rooms, const char *key, const struct joining *how,
         bool invited)
{
    for (;;) {
        struct room *room;
        bool is_new;
        int error = join_beforehand(member, key, how, invited, rooms->max_rooms_per_member);
        if (error == -EALREADY)
            return 0;
        if (error == 0)
            error = registry_find_or_add(rooms->registry, key, member, how->makes, &room, &is_new);
        if (error != 0)
            return error;
        error = put_join(member, room, how, invited, rooms->max_rooms_per_member);
        if (is_new)
            registry_start(rooms->registry, room);
        room_rele(room);
        /* It ended in between, so the registry makes another one. */
        if (error != -ESHUTDOWN)
            return error != -EALREADY ? error : 0;
    }
}

int
member_join(struct member *member, struct rooms *rooms, const char *name, size_t length,
            const struct joining *how)
{
    char key[1 + REPO_ROOM_NAME_SIZE];

    assert(length < REPO_ROOM_NAME_SIZE);
    key[0] = 'r';
    memcpy(key + 1, name, length);
    key[1 + length] = '\0';
    return join_key(member, rooms, key, how, false);
}

static int
join_pair(struct member *member, struct rooms *rooms, const char *other_id,
          const struct joining *how, bool invited)
{
    char key[3 + 2 * REPO_ID_SIZE];
    bool is_lower = strcmp(member->id, other_id) < 0;

    snprintf(key, sizeof(key), "p%s:%s", is_lower ? member->id : other_id,
             is_lower ? other_id : member->id);
    return join_key(member, rooms, key, how, invited);
}

int
member_join_anew(struct membership *membership, const struct joining *how)
{
    struct room *room = membership->room;

    return join_key(membership->member, room->rooms, room->key, how, membership->invited);
}

int
member_join_private(struct member *member, struct rooms *rooms, const char *other_id,
                    const struct joining *how)
{
    return join_pair(member, rooms, other_id, how, false);
}

int
member_accept_private(struct member *member, struct rooms *rooms, const char *other_id,
                      uint64_t since)
{
    return join_pair(member, rooms, other_id, &(struct joining){.since = since, .makes = true},
                     true);
}

/* Its leave comes behind what mail of it there is; the member's lock is held. */
static void
put_leave(struct member *member, struct membership *membership)
{
    membership_unlink(member, membership);
    put_open(membership->room, &membership->leave.mail);
}

bool
member_expel(struct membership *membership)
{
    struct member *member = membership->member;

    lock_take(&member->lock);
    bool is_in = membership->linked;
    if (is_in)
        put_leave(member, membership);
    lock_drop(&member->lock);
    return is_in;
}

bool
member_has(struct member *member, const char *key)
{
    lock_take(&member->lock);
    bool is_there = membership_find_by_key(member, key) != NULL;
    lock_drop(&member->lock);
    return is_there;
}

bool
member_has_left(const struct membership *membership)
{
    struct member *member = membership->member;

    lock_take(&member->lock);
    bool has_left = membership->by_choice;
    lock_drop(&member->lock);
    return has_left;
}

int
member_leave(struct member *member, const char *room_id)
{
    int error = -ENOENT;

    lock_take(&member->lock);
    struct membership *membership = membership_find(member, room_id);
    if (membership != NULL) {
        membership->by_choice = true;
        put_leave(member, membership);
        error = 0;
    }
    lock_drop(&member->lock);
    return error;
}

void
member_leave_all(struct member *member)
{
    lock_take(&member->lock);
    member->gone = true;
    while (member->memberships != NULL)
        put_leave(member, member->memberships);
    lock_drop(&member->lock);
}

void
member_drained(struct member *member, struct rooms *rooms)
{
    historian_wake(rooms->historian, member);
}

void
member_limit_rooms(struct member *member, unsigned maximum)
{
    lock_take(&member->lock);
    member->room_maximum = maximum < UINT16_MAX ? (uint16_t)maximum : UINT16_MAX;
    lock_drop(&member->lock);
}

unsigned
member_room_count(struct member *member)
{
    lock_take(&member->lock);
    unsigned count = member->room_count;
    lock_drop(&member->lock);
    return count;
}
