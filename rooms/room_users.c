/*
 * Whose connections are in a room here: chains of memberships by the user's id, so that joining and
 * leaving cost the same in a large room as in a small one. Without memory the chains grow longer.
 */
#include "rooms/room.h"

#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 8 /* memberships a chain, on average, until there are more chains */

/* FNV-1a: ids are random, but for those that a test makes up. */
static size_t
hash(const char *id)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);

    for (; *id != '\0'; id++)
        value = (value ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    return (size_t)(value ^ value >> 32);
}

static struct membership **
chains_of(struct room_users *users)
{
    return users->chains != NULL ? users->chains : &users->only;
}

static struct membership **
chain_of(struct room_users *users, const char *id)
{
    return &chains_of(users)[hash(id) & users->mask];
}

static void
link_into(struct room_users *users, struct membership *membership)
{
    struct membership **chain = chain_of(users, membership->member->id);

    membership->next_in_chain = *chain;
    *chain = membership;
}

static void
grow(struct room_users *users)
{
    size_t size = users->mask + 1;
    struct membership **chains = calloc(2 * size, sizeof(struct membership *));
    if (chains == NULL)
        return;
    struct room_users old = *users;
    users->chains = chains;
    users->mask = 2 * size - 1;
    for (size_t i = 0; i < size; i++) {
        struct membership *next;
        for (struct membership *at = chains_of(&old)[i]; at != NULL; at = next) {
            next = at->next_in_chain;
            link_into(users, at);
        }
    }
    free(old.chains);
}

void
room_users_add(struct room_users *users, struct membership *membership)
{
    if (users->count >= CHAIN_MAX * (users->mask + 1))
        grow(users);
    users->distinct += !room_users_have(users, membership->member->id);
    link_into(users, membership);
    users->count++;
}

void
room_users_remove(struct room_users *users, struct membership *membership)
{
    struct membership **at = chain_of(users, membership->member->id);

    while (*at != membership)
        at = &(*at)->next_in_chain;
    *at = membership->next_in_chain;
    users->count--;
    users->distinct -= !room_users_have(users, membership->member->id);
}

static struct membership *
find(struct membership *at, const char *user_id)
{
    while (at != NULL && strcmp(at->member->id, user_id) != 0)
        at = at->next_in_chain;
    return at;
}

struct membership *
room_users_first(struct room_users *users, const char *user_id)
{
    return find(*chain_of(users, user_id), user_id);
}

struct membership *
room_users_next(struct membership *membership)
{
    return find(membership->next_in_chain, membership->member->id);
}

bool
room_users_have(struct room_users *users, const char *user_id)
{
    return room_users_first(users, user_id) != NULL;
}

struct membership *
room_users_any(struct room_users *users)
{
    for (size_t i = 0; i <= users->mask && users->count > 0; i++) {
        if (chains_of(users)[i] != NULL)
            return chains_of(users)[i];
    }
    return NULL;
}

void
room_users_free(struct room_users *users)
{
    free(users->chains);
}
