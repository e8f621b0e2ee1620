#include "rooms/registry.h"

#include "repo/repo.h"
#include "rooms/log.h"
#include "rooms/member.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct registry {
    struct rooms *rooms;     /* [I] */
    struct lock lock;        /* rank LOCK_REGISTRY: the fields marked [m] */
    pthread_cond_t dead;     /* a room is to be reaped, or the auditor is to look */
    pthread_cond_t empty;    /* the last room was reaped */
    void *tree;              /* [m] running rooms by key, of tsearch(3) */
    size_t running;          /* [m] rooms in the tree */
    size_t alive;            /* [m] rooms whose thread is not joined yet */
    struct room *graveyard;  /* [m] rooms whose thread has ended or is about to */
    struct room_mail *stops; /* [m] not freed before the end */
    bool draining;           /* [m] */
    bool woken;              /* [m] */
};

static int
compare(const void *one, const void *other)
{
    return strcmp(((const struct room *)one)->key, ((const struct room *)other)->key);
}

int
registry_open(struct rooms *rooms, struct registry **out)
{
    struct registry *registry = calloc(1, sizeof(*registry));
    if (registry == NULL)
        return -ENOMEM;
    registry->rooms = rooms;
    lock_init(&registry->lock, LOCK_REGISTRY);
    lock_condition_init(&registry->dead);
    lock_condition_init(&registry->empty);
    *out = registry;
    return 0;
}

void
registry_close(struct registry **pointer)
{
    struct registry *registry = *pointer;

    *pointer = NULL;
    assert(registry->alive == 0 && registry->tree == NULL);
    lock_condition_destroy(&registry->empty);
    lock_condition_destroy(&registry->dead);
    lock_destroy(&registry->lock);
    free(registry->stops);
    free(registry);
}

/* Puts a new room into the tree; the registry's lock is held. */
static int
insert(struct registry *registry, struct room *room)
{
    if (registry->draining)
        return -ESHUTDOWN;
    /* Threads of rooms that have ended count until they are joined. */
    if (registry->alive >= registry->rooms->max_rooms)
        return -ENFILE;
    if (tsearch(room, &registry->tree, compare) == NULL)
        return -ENOMEM;
    room_hold(room);
    registry->running++;
    registry->alive++;
    return 0;
}

/* Takes the room out of the tree, if it is in it still; the registry's lock is held. */
static bool
take_out(struct registry *registry, struct room *room)
{
    if (room->unlisted)
        return false;
    room->unlisted = true;
    void *found = tdelete(room, &registry->tree, compare);
    assert(found != NULL);
    registry->running--;
    return true;
}

static struct room *
find(struct registry *registry, const struct room *like)
{
    struct room *const *node = tfind(like, &registry->tree, compare);
    if (node == NULL)
        return NULL;
    room_hold(*node);
    return *node;
}

void
registry_start(struct registry *registry, struct room *room)
{
    int error = room_start(room);
    if (error == 0)
        return;
    log_warn(-error, "room-start key=%s", room->key);
    room_give_up(room, error);
    lock_take(&registry->lock);
    registry->alive--;
    if (registry->alive == 0)
        lock_condition_signal(&registry->empty);
    lock_drop(&registry->lock);
}

int
registry_find_or_add(struct registry *registry, const char *key, const struct member *opener,
                     bool makes, struct room **out, bool *is_new)
{
    struct room *made = room_new(registry->rooms, key);
    if (made == NULL)
        return -ENOMEM;
    made->makes = makes;
    snprintf(made->opener_name, sizeof(made->opener_name), "%s", opener->name);
    snprintf(made->opener_id, sizeof(made->opener_id), "%s", opener->id);

    int error = 0;
    lock_take(&registry->lock);
    struct room *room = find(registry, made);
    if (room == NULL)
        error = insert(registry, made);
    lock_drop(&registry->lock);

    *is_new = room == NULL && error == 0;
    if (*is_new)
        room = made;
    else
        room_rele(made);
    *out = room;
    return error;
}

struct room *
registry_find(struct registry *registry, const char *key)
{
    /* As the tree compares rooms, it takes one to find one. */
    struct room *like = room_new(registry->rooms, key);
    if (like == NULL)
        return NULL;
    lock_take(&registry->lock);
    struct room *room = find(registry, like);
    lock_drop(&registry->lock);
    room_rele(like);
    return room;
}

bool
registry_retire(struct registry *registry, struct room *room)
{
    lock_take(&registry->lock);
    bool closed = mailbox_close_if_empty(&room->mailbox);
    bool was_listed = closed && take_out(registry, room);
    lock_drop(&registry->lock);
    if (was_listed)
        room_rele(room);
    return closed;
}

void
registry_unlist(struct registry *registry, struct room *room)
{
    lock_take(&registry->lock);
    bool was_listed = take_out(registry, room);
    lock_drop(&registry->lock);
    if (was_listed)
        room_rele(room);
}

void
registry_bury(struct registry *registry, struct room *room)
{
    lock_take(&registry->lock);
    room->next = registry->graveyard;
    registry->graveyard = room;
    lock_condition_signal(&registry->dead);
    lock_drop(&registry->lock);
}

void
registry_reap(struct registry *registry, int64_t deadline)
{
    lock_take(&registry->lock);
    while (registry->graveyard == NULL && !registry->woken) {
        if (!lock_wait_until(&registry->lock, &registry->dead, deadline))
            break;
    }
    registry->woken = false;
    struct room *room = registry->graveyard;
    registry->graveyard = NULL;
    lock_drop(&registry->lock);

    size_t count = 0;
    while (room != NULL) {
        struct room *next = room->next;
        int error = pthread_join(room->thread, NULL);
        assert(error == 0);
        room_rele(room);
        count++;
        room = next;
    }

    lock_take(&registry->lock);
    registry->alive -= count;
    if (registry->alive == 0)
        lock_condition_signal(&registry->empty);
    lock_drop(&registry->lock);
}

void
registry_wake(struct registry *registry)
{
    lock_take(&registry->lock);
    registry->woken = true;
    lock_condition_signal(&registry->dead);
    lock_drop(&registry->lock);
}

struct collection {
    struct room **rooms;
    size_t count;
};

static void
collect(const void *node, VISIT visit, void *argument)
{
    struct collection *collection = argument;

    if (visit != postorder && visit != leaf)
        return;
    struct room *room = *(struct room *const *)node;
    room_hold(room);
    collection->rooms[collection->count++] = room;
}

struct room **
registry_rooms(struct registry *registry, size_t *count)
{
    struct collection collection = {0};

    lock_take(&registry->lock);
    if (registry->running > 0)
        collection.rooms = malloc(registry->running * sizeof(struct room *));
    if (collection.rooms != NULL)
        twalk_r(registry->tree, collect, &collection);
    lock_drop(&registry->lock);
    *count = collection.count;
    return collection.rooms;
}

size_t
registry_count(struct registry *registry)
{
    lock_take(&registry->lock);
    size_t count = registry->running;
    lock_drop(&registry->lock);
    return count;
}

static void
add_backlog(const void *node, VISIT visit, void *argument)
{
    size_t *total = argument;

    if (visit == postorder || visit == leaf)
        *total += mailbox_count(&(*(struct room *const *)node)->mailbox);
}

size_t
registry_backlog(struct registry *registry)
{
    size_t total = 0;

    lock_take(&registry->lock);
    twalk_r(registry->tree, add_backlog, &total);
    lock_drop(&registry->lock);
    return total;
}

struct stopping {
    struct room_mail *stops;
    size_t count;
};

static void
stop(const void *node, VISIT visit, void *argument)
{
    struct stopping *stopping = argument;

    if (visit != postorder && visit != leaf)
        return;
    struct room *room = *(struct room *const *)node;
    struct room_mail *mail = &stopping->stops[stopping->count++];
    mail->request = ROOM_STOP;
    int error = mailbox_put(&room->mailbox, &mail->mail);
    assert(error == 0); /* what is in the tree has an open mailbox */
}

void
registry_drain(struct registry *registry)
{
    lock_take(&registry->lock);
    if (!registry->draining && registry->running > 0) {
        struct stopping stopping = {0};
        registry->stops = calloc(registry->running, sizeof(*registry->stops));
        stopping.stops = registry->stops;
        /* Without memory the rooms end by their grace period. */
        if (stopping.stops != NULL)
            twalk_r(registry->tree, stop, &stopping);
    }
    registry->draining = true;
    lock_drop(&registry->lock);
}

void
registry_wait_empty(struct registry *registry)
{
    lock_take(&registry->lock);
    while (registry->alive > 0)
        lock_wait(&registry->lock, &registry->empty);
    lock_drop(&registry->lock);
}
