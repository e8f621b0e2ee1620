#include "rooms/order.h"

#include "pubsub/message.h"
#include "rooms/clerk.h"
#include "rooms/event.h"
#include "rooms/registry.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_MAX 100 /* while one change of a room follows on the other */

struct task {
    struct clerk_mail mail; /* first */
    struct rooms *rooms;
    struct member *member; /* held */
    struct order order;
};

/* ---- answers ------------------------------------------------------------------------------ */

static struct message *
encode(const struct order *order, int error, int64_t until)
{
    const char *client_id = order->has_client_id ? order->client_id : NULL;
    struct event_error refusal = {
        .refused = order->action,
        .client_id = client_id,
        .room_id = order->room_id[0] != '\0' ? order->room_id : NULL,
        .until = until,
    };

    if (error == 0)
        return event_done(order->action, client_id, order->room_id, order->user_id);
    event_error_for(error, &refusal);
    return event_error(&refusal);
}

static void
answer(const struct task *task, int error, int64_t until)
{
    struct member *member = task->member;
    struct message *message = encode(&task->order, error, until);

    if (message != NULL) {
        member->operations->deliver(member, &message, 1);
        message_rele(message);
    }
    member->operations->answered(member, 1);
}

/* ---- rooms -------------------------------------------------------------------------------- */

/* What has to be known to judge. */
struct case_file {
    int64_t now;
    struct repo_room room;
    struct repo_rights rights;
    struct repo_standing actor;
    struct repo_standing target;
    enum role actor_role;
    enum role target_role;
};

static bool
is_about_user(enum right right)
{
    return right != RIGHT_SET_TOPIC && right != RIGHT_SET_KIND && right != RIGHT_DELETE_ROOM;
}

/* Reads it, the version first, so that what is found later is not older than that. */
static int
read_case(const struct task *task, struct case_file *file)
{
    struct repo *repo = task->rooms->repo;
    const struct order *order = &task->order;
    struct member *member = task->member;

    int error = repo_room_find_by_id(repo, order->room_id, &file->room);
    if (error == 0)
        error = repo_rights_read(repo, file->room.number, &file->rights);
    if (error == -ENOENT || (error == 0 && (file->room.is_private || file->rights.is_deleted)))
        return NO_SUCH_ROOM;
    if (error == 0)
        error = repo_standing_find(repo, file->room.number, member->id, &file->actor);
    if (error == 0 && is_about_user(order->right))
        error = repo_standing_find(repo, file->room.number, order->user_id, &file->target);
    if (error != 0)
        return error;
    file->now = clock_realtime_ms();
    file->actor_role =
        rights_role(&file->rights, &file->actor, member->id, atomic_load(&member->is_admin), false);
    file->target_role =
        rights_role(&file->rights, &file->target, order->user_id, file->target.is_admin, false);
    return 0;
}

/* Whether the user is one whom this can be done to; `is_known`: who has not been here, cannot. */
static int
find_target(const struct task *task, bool is_known)
{
    struct repo_identity identity;

    if (!is_known)
        return 0;
    return repo_identity_find_by_id(task->rooms->repo, task->order.user_id, &identity);
}

static int
judge_target(const struct task *task, const struct case_file *file)
{
    switch (task->order.right) {
    case RIGHT_KICK:
    case RIGHT_BAN:
    case RIGHT_MUTE:
    case RIGHT_MAKE_MODERATOR:
        if (!rights_outranks(file->actor_role, file->target_role))
            return DENIED;
        break;
    case RIGHT_UNBAN:
    case RIGHT_UNMUTE:
    case RIGHT_REMOVE_MODERATOR:
        return rights_outranks(file->actor_role, file->target_role) ? 0 : DENIED;
    default:
        break;
    }
    /* Nothing is given to who is kept out. */
    bool gives = task->order.right == RIGHT_MAKE_MODERATOR || task->order.right == RIGHT_TRANSFER ||
                 task->order.right == RIGHT_INVITE;
    if (gives && file->target.banned_until > file->now)
        return DENIED;
    return find_target(task, true);
}

static int
judge(const struct task *task, const struct case_file *file)
{
    int error = rights_check(task->order.right, file->actor_role, &file->actor, file->now);
    bool is_hidden = file->rights.kind == REPO_INVITE_ONLY && file->actor_role == ROLE_OUTSIDER &&
                     !file->actor.is_invited;

    if (error == DENIED && is_hidden)
        return NO_SUCH_ROOM;
    if (error != 0)
        return error;
    return is_about_user(task->order.right) ? judge_target(task, file) : 0;
}

static enum repo_change
change_of(enum right right)
{
    static const enum repo_change changes[RIGHT_COUNT] = {
        [RIGHT_INVITE] = REPO_INVITE,
        [RIGHT_SET_TOPIC] = REPO_SET_TOPIC,
        [RIGHT_KICK] = REPO_KICK,
        [RIGHT_BAN] = REPO_BAN,
        [RIGHT_UNBAN] = REPO_UNBAN,
        [RIGHT_MUTE] = REPO_MUTE,
        [RIGHT_UNMUTE] = REPO_UNMUTE,
        [RIGHT_MAKE_MODERATOR] = REPO_MAKE_MODERATOR,
        [RIGHT_REMOVE_MODERATOR] = REPO_REMOVE_MODERATOR,
        [RIGHT_SET_KIND] = REPO_SET_KIND,
        [RIGHT_TRANSFER] = REPO_TRANSFER,
        [RIGHT_DELETE_ROOM] = REPO_DELETE_ROOM,
    };

    assert(right >= RIGHT_INVITE && right < RIGHT_COUNT);
    return changes[right];
}

/* Judges by what is there and stores it, if that is still so. */
static int
try_change(const struct task *task, struct case_file *file)
{
    const struct order *order = &task->order;

    int error = read_case(task, file);
    if (error == 0)
        error = judge(task, file);
    if (error != 0)
        return error;
    struct repo_rights_change change = {
        .change = change_of(order->right),
        .room = file->room.number,
        .version = file->rights.version,
        .by_id = task->member->id,
        .user_id = order->user_id,
        .until = order->seconds > 0 ? file->now + order->seconds * 1000 : REPO_FOR_EVER,
        .now = file->now,
        .topic = order->topic,
        .kind = order->kind,
    };
    return repo_rights_change(task->rooms->repo, &change);
}

/* Has the room, if it runs here, see to it at once, and tell other instances. */
static void
tell_room(const struct task *task, const char *key)
{
    struct room *room = registry_find(task->rooms->registry, key);
    if (room == NULL)
        return;
    room_rights_ask(room, true);
    room_rele(room);
}

static void
order_room(struct task *task)
{
    struct case_file file = {0};
    char key[1 + REPO_ROOM_NAME_SIZE];
    int error = -ESTALE;

    for (int i = 0; i < ATTEMPTS_MAX && error == -ESTALE; i++)
        error = try_change(task, &file);
    if (error == 0) {
        snprintf(key, sizeof(key), "r%s", file.room.name);
        tell_room(task, key);
    }
    answer(task, error != -ESTALE ? error : -EBUSY,
           error == DENIED_BANNED ? file.actor.banned_until : 0);
}

/* Who creates a room joins it, and is answered by that. */
static void
create_room(struct task *task)
{
    struct order *order = &task->order;
    struct member *member = task->member;
    struct repo_room room = {.is_private = false};
    struct repo_room_origin origin = {
        .owner_id = member->id,
        .topic = order->topic,
        .kind = order->kind,
        .created = clock_realtime_ms(),
    };
    bool created = false;

    identifier_make(room.id);
    snprintf(room.name, sizeof(room.name), "%s", order->name);
    int error = room_make(task->rooms, &room, &origin, member->id, &created);
    if (error == 0 && !created)
        error = ROOM_EXISTS;
    struct joining how = {
        .since = MEMBER_SINCE_NONE,
        .makes = true,
        .client_id = order->has_client_id ? order->client_id : NULL,
    };
    if (error == 0)
        error = member_join(member, task->rooms, room.name, strlen(room.name), &how);
    if (error != 0)
        answer(task, error, 0);
}

/* ---- users -------------------------------------------------------------------------------- */

static void
order_block(struct task *task)
{
    const char *own_id = task->member->id;
    const char *other_id = task->order.user_id;
    bool blocks = task->order.order == ORDER_BLOCK;
    char key[3 + 2 * REPO_ID_SIZE];

    int error = find_target(task, blocks);
    if (error == 0)
        error = repo_block(task->rooms->repo, own_id, other_id, blocks);
    if (error == 0) {
        bool is_lower = strcmp(own_id, other_id) < 0;
        snprintf(key, sizeof(key), "p%s:%s", is_lower ? own_id : other_id,
                 is_lower ? other_id : own_id);
        tell_room(task, key);
    }
    answer(task, error, 0);
}

/* ---- the clerk ---------------------------------------------------------------------------- */

static void
run(struct clerk_mail *mail)
{
    struct task *task = (struct task *)mail;

    switch (task->order.order) {
    case ORDER_ABOUT_ROOM:
        order_room(task);
        break;
    case ORDER_CREATE_ROOM:
        create_room(task);
        break;
    case ORDER_BLOCK:
    case ORDER_UNBLOCK:
        order_block(task);
        break;
    }
    task->member->operations->release(task->member);
    free(task);
}

int
member_order(struct member *member, struct rooms *rooms, const struct order *order)
{
    struct task *task = calloc(1, sizeof(*task));
    if (task == NULL)
        return -ENOMEM;
    task->mail.run = run;
    task->rooms = rooms;
    task->member = member;
    task->order = *order;
    member->operations->hold(member);
    int error = clerk_put(rooms->clerk, &task->mail);
    if (error != 0) {
        member->operations->release(member);
        free(task);
    }
    return error;
}
