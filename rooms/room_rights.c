/*
 * Who may what in a running room. The repository has it, with a version that every entry of the log
 * is stored by: so nobody is heard here who may not speak any more, whichever instance said so. Who is
 * to go is put out as soon as this room hears of it: by its own instance at once, by a hint on the
 * room's channel, by the auditor within a second, or as something was to be stored.
 */
#include "rooms/room.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "rooms/registry.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A user whose standing has changed. */
struct changed {
    char user_id[REPO_ID_SIZE];
    struct repo_standing standing;
};

struct changes {
    struct changed *items;
    size_t count;
    size_t capacity;
};

static int
add_change(void *argument, const char *user_id, const struct repo_standing *standing)
{
    struct changes *changes = argument;

    if (changes->count == changes->capacity) {
        size_t capacity = changes->capacity > 0 ? changes->capacity * 2 : 8;
        struct changed *items = realloc(changes->items, capacity * sizeof(struct changed));
        if (items == NULL)
            return -ENOMEM;
        changes->items = items;
        changes->capacity = capacity;
    }
    struct changed *changed = &changes->items[changes->count++];
    snprintf(changed->user_id, sizeof(changed->user_id), "%s", user_id);
    changed->standing = *standing;
    return 0;
}

static void
deliver_one(struct member *member, struct message *message)
{
    if (message == NULL)
        return;
    member->operations->deliver(member, &message, 1);
    message_rele(message);
}

/* Takes what the member is from how its user stands with the room, but for being an admin. */
static void
set_own(const struct room *room, struct membership *membership,
        const struct repo_standing *standing)
{
    membership->role =
        (uint8_t)rights_role(&room->rights, standing, membership->member->id, false, true);
    membership->until = standing->muted_until;
}

static enum role
role_of(const struct membership *membership)
{
    enum role role = (enum role)membership->role;
    bool is_admin = atomic_load(&membership->member->is_admin);

    return is_admin && role < ROLE_OWNER && !membership->room->stored.is_private ? ROLE_ADMIN
                                                                                 : role;
}

struct event_own
room_rights_own(const struct membership *membership)
{
    return (struct event_own){
        .role = role_of(membership),
        .is_muted = membership->until > clock_realtime_ms(),
        .muted_until = membership->until,
    };
}

/* ---- putting out -------------------------------------------------------------------------- */

/* Nothing more is handed out to it, nor read for it. */
static void
take_from_members(struct room *room, struct membership *membership)
{
    lock_take(&room->lock);
    if (membership->index != SIZE_MAX) {
        size_t last = --room->member_count;
        room->members[membership->index] = room->members[last];
        room->members[membership->index]->index = membership->index;
        membership->index = SIZE_MAX;
    }
    if (membership->is_catching_up)
        atomic_store(&membership->left, true);
    lock_drop(&room->lock);
}

/* Ends a membership, whose leave comes through the mailbox, and tells why. */
static void
put_out(struct room *room, struct membership *membership, int denied, int64_t until,
        struct message *told)
{
    struct member *member = membership->member;

    atomic_store(&membership->admitted, false);
    membership->denied = denied;
    membership->until = until;
    room_users_remove(&room->users, membership);
    take_from_members(room, membership);
    /* Before it is told, so that it can come again at once. */
    member_expel(membership);
    if (told != NULL)
        member->operations->deliver(member, &told, 1);
}

static void
put_out_user(struct room *room, const struct changed *changed, int64_t now)
{
    const struct repo_standing *standing = &changed->standing;
    bool is_banned = standing->banned_until > now;
    const struct member *gone = NULL;
    struct membership *next;

    struct message *told = event_room_left(&room->stored, is_banned ? "banned" : "kicked",
                                           is_banned ? standing->banned_until : 0, standing->by_id);
    for (struct membership *at = room_users_first(&room->users, changed->user_id); at != NULL;
         at = next) {
        next = room_users_next(at);
        if (standing->kicked <= at->version)
            continue;
        if (gone == NULL)
            room_add_notice(room, at->member, "was put out of");
        gone = at->member;
        put_out(room, at, is_banned ? DENIED_BANNED : -EPERM, standing->banned_until, told);
    }
    if (told != NULL)
        message_rele(told);
}

/* The room was deleted: who is in it is put out, and who comes finds another one of its name. */
static void
put_out_all(struct room *room)
{
    struct membership *membership;
    struct message *told =
        event_room_left(&room->stored, "room-deleted", 0, room->rights.deleted_by);

    log_info("room-deleted id=%s", room->stored.id);
    registry_unlist(room->rooms->registry, room);
    while ((membership = room_users_any(&room->users)) != NULL)
        put_out(room, membership, NO_SUCH_ROOM, 0, told);
    if (told != NULL)
        message_rele(told);
    room->roll_count = 0;
}

/* ---- changes ------------------------------------------------------------------------------ */

static bool
is_own_equal(struct event_own one, struct event_own other)
{
    return one.role == other.role && one.is_muted == other.is_muted &&
           (!one.is_muted || one.muted_until == other.muted_until);
}

/* Has the user's connections here be what it is by now, and tells them. */
static void
apply_standing(struct room *room, const char *user_id, const struct repo_standing *standing)
{
    for (struct membership *at = room_users_first(&room->users, user_id); at != NULL;
         at = room_users_next(at)) {
        struct event_own before = room_rights_own(at);
        set_own(room, at, standing);
        struct event_own own = room_rights_own(at);
        if (!is_own_equal(before, own))
            deliver_one(at->member, event_room_changed(&room->stored, &room->rights, &own));
    }
}

/* The same where only the owner has changed. */
static int
apply_owner(struct room *room, const char *user_id)
{
    struct repo_standing standing;

    if (!room_users_have(&room->users, user_id))
        return 0;
    int error = repo_standing_find(room->rooms->repo, room->stored.number, user_id, &standing);
    if (error == 0)
        apply_standing(room, user_id, &standing);
    return error;
}

static void
apply(struct room *room, const struct changes *changes, uint64_t former)
{
    int64_t now = clock_realtime_ms();

    for (size_t i = 0; i < changes->count; i++) {
        const struct changed *changed = &changes->items[i];
        if (changed->standing.kicked > former) {
            room_roll_forget(room, changed->user_id);
            put_out_user(room, changed, now);
        }
        apply_standing(room, changed->user_id, &changed->standing);
    }
}

/* Tells everybody here, so that who shows something of it asks again. */
static void
tell(struct room *room)
{
    struct message *told = event_room_changed(&room->stored, &room->rights, NULL);
    if (told == NULL)
        return;
    room_hand_out_hints(room, &told, 1);
    message_rele(told);
}

int
room_rights_open(struct room *room)
{
    int error = repo_rights_read(room->rooms->repo, room->stored.number, &room->rights);
    if (error == 0)
        atomic_store(&room->version, room->rights.version);
    return error;
}

int
room_rights_load(struct room *room)
{
    struct repo *repo = room->rooms->repo;
    struct repo_rights former = room->rights;
    struct repo_rights rights;
    struct changes changes = {0};

    lock_assert_none();
    int error = repo_rights_read(repo, room->stored.number, &rights);
    /* After the version, so that all is there that led to it. */
    if (error == 0 && rights.version != former.version && rights.has_standings)
        error =
            repo_standings_changed(repo, room->stored.number, former.version, add_change, &changes);
    if (error == 0) {
        room->rights = rights;
        room->rights_checked = true;
        atomic_store(&room->version, rights.version);
    }
    if (error == 0 && rights.version != former.version && !room->stored.is_private) {
        apply(room, &changes, former.version);
        if (strcmp(former.owner_id, rights.owner_id) != 0 &&
            (apply_owner(room, former.owner_id) != 0 || apply_owner(room, rights.owner_id) != 0))
            log_warnx("role-not-read room=%s", room->stored.id);
        if (rights.is_deleted)
            put_out_all(room);
        else
            tell(room);
    }
    free(changes.items);
    return error;
}

int
room_rights_check(struct room *room)
{
    return room->rights_checked ? 0 : room_rights_load(room);
}

void
room_rights_ask(struct room *room, bool is_news)
{
    if (is_news)
        atomic_store(&room->rights_news, true);
    if (!atomic_exchange(&room->rights_asked, true) &&
        mailbox_put(&room->mailbox, &room->rights_mail.mail) != 0)
        atomic_store(&room->rights_asked,
                     false); /* it has ended, and reads them when it runs again */
}

void
room_rights_publish(struct room *room)
{
    static const char text[] = "{\"action\":\"rights\"}";

    if (!atomic_exchange(&room->rights_news, false))
        return;
#ifdef CHATD_BREAK_BAN /* test/chaos: the hint is all that others had, and it is lost */
    return;
#endif
    struct message *hint = message_new(text, strlen(text), RIGHTS_HINT_SEQ);
    if (hint == NULL)
        return;
    channel_publish_elsewhere(room->channel, &hint, 1);
    message_rele(hint);
}

/* ---- who may ------------------------------------------------------------------------------ */

/* Whether the other one of a private room's two users takes nothing from this one. */
static bool
is_blocked(const struct room *room, const struct member *member)
{
    bool is_first = strcmp(room->stored.users[0], member->id) == 0;

    return room->rights.blocks[is_first ? 1 : 0]; /* none of a room that is not private */
}

int
room_rights_admit(struct room *room, struct membership *membership)
{
    struct member *member = membership->member;
    struct repo_standing standing = {0};
    bool is_admin = atomic_load(&member->is_admin);

    int error = room_rights_check(room);
    if (error != 0)
        return error;
    if (room->rights.is_deleted)
        return NO_SUCH_ROOM;
    /* Whom the other one brings in is not kept out. */
    if (!membership->invited && is_blocked(room, member))
        return DENIED_BLOCKED;
    if (!room->stored.is_private &&
        (room->rights.has_standings || room->rights.kind == REPO_INVITE_ONLY))
        error = repo_standing_find(room->rooms->repo, room->stored.number, member->id, &standing);
    if (error == 0 && !room->stored.is_private)
        error =
            rights_check_join(&room->rights, &standing, member->id, is_admin, clock_realtime_ms());
    if (error == DENIED_BANNED)
        membership->until = standing.banned_until;
    if (error != 0)
        return error;
    membership->version = room->rights.version;
    set_own(room, membership, &standing);
    return 0;
}

static int
judge(const struct room *room, const struct membership *membership, enum right right, int64_t now)
{
    struct repo_standing standing = {.muted_until = membership->until};

    if (!atomic_load(&membership->admitted))
        return membership->denied == DENIED_BANNED ? DENIED_BANNED : -EPERM;
    /* Taking something back does no harm. */
    if (right != RIGHT_DELETE_OWN && is_blocked(room, membership->member))
        return DENIED_BLOCKED;
    return rights_check(right, role_of(membership), &standing, now);
}

int
room_rights_may(struct room *room, const struct membership *membership, enum right right,
                int64_t now)
{
    int error = judge(room, membership, right, now);
    /* It may have been allowed by another instance: who is told so may rely on that. */
    if ((error == DENIED_MUTED || error == DENIED_BLOCKED) && !room->rights_checked &&
        room_rights_load(room) == 0)
        error = judge(room, membership, right, now);
    return error;
}
