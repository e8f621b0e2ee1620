/*
 * Presence, repaired: the roster follows the repository for what other instances say, and the
 * repository follows the lobby for who is connected here.
 */
#include "rooms/lobby_internal.h"

#include "pubsub/pubsub.h"
#include "rooms/rooms.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A growing list of users. */
struct users {
    struct repo_user *items;
    size_t count;
    size_t capacity;
    bool failed; /* out of memory: what is there is not all */
};

struct comparison {
    struct lobby *lobby;
    struct users stored;   /* the repository's rows, by id and instance */
    struct users absent;   /* online here, not stored there, and connected elsewhere */
    struct users unknown;  /* stored there, not online here */
    struct users unstored; /* connected here, not stored */
    struct users ghosts;   /* stored as this instance's, not connected here */
};

static void
append(struct users *users, const char *id, const char *name, const char *instance)
{
    if (users->count == users->capacity) {
        size_t capacity = users->capacity > 0 ? users->capacity * 2 : 64;
        struct repo_user *items = realloc(users->items, capacity * sizeof(struct repo_user));
        if (items == NULL) {
            users->failed = true;
            return;
        }
        users->items = items;
        users->capacity = capacity;
    }
    struct repo_user *user = &users->items[users->count++];
    snprintf(user->id, sizeof(user->id), "%s", id);
    snprintf(user->name, sizeof(user->name), "%s", name);
    snprintf(user->instance, sizeof(user->instance), "%s", instance);
}

static int
append_stored(void *argument, const struct repo_user *user)
{
    struct users *stored = argument;

    append(stored, user->id, user->name, user->instance);
    return stored->failed ? -ENOMEM : 0;
}

static int
compare_ids(const void *one, const void *other)
{
    return strcmp(((const struct repo_user *)one)->id, ((const struct repo_user *)other)->id);
}

static bool
has(const struct users *users, const char *id)
{
    struct repo_user key;

    snprintf(key.id, sizeof(key.id), "%s", id);
    return users->count > 0 &&
           bsearch(&key, users->items, users->count, sizeof(key), compare_ids) != NULL;
}

static int
compare_rows(const void *one, const void *other)
{
    int order = compare_ids(one, other);

    return order != 0 ? order
                      : strcmp(((const struct repo_user *)one)->instance,
                               ((const struct repo_user *)other)->instance);
}

/* Another instance may hold the user too: that row does not stand for a connection to this one. */
static bool
has_row(const struct users *users, const char *id, const char *instance)
{
    struct repo_user key;

    snprintf(key.id, sizeof(key.id), "%s", id);
    snprintf(key.instance, sizeof(key.instance), "%s", instance);
    return users->count > 0 &&
           bsearch(&key, users->items, users->count, sizeof(key), compare_rows) != NULL;
}

/* Whether the user was let in here: who only arrives may still be turned away. */
static bool
is_let_in(const struct roster_user *user)
{
    const struct member *local = user->local;

    while (local != NULL && local->presence == MEMBER_ABSENT)
        local = local->same_user;
    return local != NULL || user->grace != NULL;
}

static void
compare_user(struct roster_user *user, void *argument)
{
    struct comparison *comparison = argument;
    const char *instance = comparison->lobby->rooms->instance;

    if (roster_is_held(user)) {
        if (is_let_in(user) && !has_row(&comparison->stored, user->id, instance))
            append(&comparison->unstored, user->id, roster_name(user), instance);
    } else if (roster_is_online(user) && !has(&comparison->stored, user->id)) {
        append(&comparison->absent, user->id, roster_name(user), "");
    }
}

static void
compare(struct comparison *comparison)
{
    struct lobby *lobby = comparison->lobby;

    lock_take(&lobby->lock);
    roster_walk(&lobby->roster, compare_user, comparison);
    for (size_t i = 0; i < comparison->stored.count; i++) {
        const struct repo_user *row = &comparison->stored.items[i];
        const struct roster_user *user = roster_find(&lobby->roster, row->id);
        bool is_ours = strcmp(row->instance, lobby->rooms->instance) == 0;
        if (is_ours && (user == NULL || !roster_is_held(user)))
            append(&comparison->ghosts, row->id, row->name, row->instance);
        else if (user == NULL || !roster_is_online(user))
            append(&comparison->unknown, row->id, row->name, row->instance);
    }
    lock_drop(&lobby->lock);
}

/*
 * The rows were read before the roster was looked at, and either may have moved on: what looks
 * different is looked up once more before it is believed.
 */
static int
repair_roster(struct comparison *comparison)
{
    struct lobby *lobby = comparison->lobby;
    struct repo_user row;

    for (size_t i = 0; i < comparison->absent.count; i++) {
        const struct repo_user *user = &comparison->absent.items[i];
        int error = repo_user_find_by_id(lobby->rooms->repo, user->id, &row);
        if (error != 0 && error != -ENOENT)
            return error;
        lock_take(&lobby->lock);
        if (error == -ENOENT)
            lobby_apply_left(lobby, user->id);
        lock_drop(&lobby->lock);
    }
    for (size_t i = 0; i < comparison->unknown.count; i++) {
        const struct repo_user *user = &comparison->unknown.items[i];
        int error = repo_user_find_by_id(lobby->rooms->repo, user->id, &row);
        if (error != 0 && error != -ENOENT)
            return error;
        lock_take(&lobby->lock);
        if (error == 0)
            lobby_apply_join(lobby, row.id, row.name);
        lock_drop(&lobby->lock);
    }
    if (comparison->absent.count + comparison->unknown.count > 0)
        channel_nudge(lobby->channel);
    return 0;
}

/* Leaves out of the ghosts who has come back since they were found. */
static void
forget_returned(struct comparison *comparison)
{
    struct lobby *lobby = comparison->lobby;
    struct users *ghosts = &comparison->ghosts;
    size_t left = 0;

    lock_take(&lobby->lock);
    for (size_t i = 0; i < ghosts->count; i++) {
        const struct roster_user *user = roster_find(&lobby->roster, ghosts->items[i].id);
        if (user == NULL || !roster_is_held(user))
            ghosts->items[left++] = ghosts->items[i];
    }
    lock_drop(&lobby->lock);
    ghosts->count = left;
}

static int
repair_repository(struct comparison *comparison)
{
    struct repo *repo = comparison->lobby->rooms->repo;
    int error = 0;

    if (comparison->unstored.count > 0)
        error = repo_users_add(repo, comparison->unstored.items, comparison->unstored.count);
    /* Others may have missed them. */
    if (error == 0)
        lobby_publish(comparison->lobby, true, comparison->unstored.items,
                      comparison->unstored.count);
    forget_returned(comparison);
    if (error == 0 && comparison->ghosts.count > 0)
        error = repo_users_remove(repo, comparison->ghosts.items, comparison->ghosts.count);
    return error;
}

/*
 * Gives the memory back that a crowd took while it came or went, and that malloc and the repository
 * keep: as much as all of it needs from then on. It holds up who allocates, for milliseconds.
 */
static void
give_memory_back(struct lobby *lobby)
{
    if (!atomic_exchange(&lobby->settled, false))
        return;
    /* Where another process has the lock it has time. */
    if (repo_release_memory(lobby->rooms->repo) != 0)
        atomic_store(&lobby->settled, true);
    (void)malloc_trim(0);
}

int
lobby_reconcile(struct lobby *lobby)
{
    struct comparison comparison = {.lobby = lobby};
    uint64_t version;

    lock_assert_none();
    give_memory_back(lobby);
    int error = repo_users_version(lobby->rooms->repo, &version);
    if (error != 0)
        return error;
    if (!atomic_exchange(&lobby->unstored, false) && version == lobby->version)
        return 0;
    error = repo_users_all(lobby->rooms->repo, append_stored, &comparison.stored);
    if (error == 0) {
        compare(&comparison);
        error = repair_roster(&comparison);
    }
    if (error == 0)
        error = repair_repository(&comparison);
    if (error == 0)
        lobby->version = version;
    else
        atomic_store(&lobby->unstored, true);
    free(comparison.stored.items);
    free(comparison.absent.items);
    free(comparison.unknown.items);
    free(comparison.unstored.items);
    free(comparison.ghosts.items);
    return error;
}
