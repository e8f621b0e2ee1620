/*
 * The lobby's inside, shared by lobby.c (arrivals and departures), lobby_subscriber.c (who is told)
 * and lobby_reconcile.c (repairs).
 */
#ifndef ROOMS_LOBBY_INTERNAL_H
#define ROOMS_LOBBY_INTERNAL_H

#include "repo/repo.h"
#include "rooms/lobby.h"
#include "rooms/lock.h"
#include "rooms/mailbox.h"
#include "rooms/member.h"
#include "rooms/roster.h"

#include <stdatomic.h>

struct channel;

/* A change that was not told yet. */
struct announcement {
    bool online;
    bool cancelled; /* a join that was followed by its leave */
    char id[REPO_ID_SIZE];
    char name[REPO_USER_NAME_SIZE];
};

struct lobby {
    struct rooms *rooms;                /* [I] */
    struct channel *channel;            /* [I] PREFIX:general */
    struct mailbox mailbox;             /* its own lock */
    pthread_t thread;                   /* [I] */
    pthread_t subscriber;               /* [I] */
    struct lock lock;                   /* rank LOCK_LOBBY: the fields marked [m] */
    struct roster roster;               /* [m] */
    struct member *present;             /* [m] who is told of changes */
    struct member *waiting;             /* [m] who is to be given the list first */
    struct announcement *announcements; /* [m] */
    size_t announcement_count;          /* [m] */
    size_t announcement_capacity;       /* [m] */
    uint64_t version;                   /* [T] of the auditor: the users' version last compared */
    atomic_bool unstored; /* [a] a change may be missing: compare whatever the version says */
};

/* The subscriber's thread: until the channel is stopped. */
void *lobby_subscriber_main(void *argument);

/* Publishes that the users are online, or are no longer. */
void lobby_publish(struct lobby *lobby, bool online, const struct repo_user *users, size_t count);

/* The user is, or is no longer, online: to be told in the next round; the lobby's lock is held. */
void lobby_apply_join(struct lobby *lobby, const char *id, const char *name);
void lobby_apply_left(struct lobby *lobby, const char *id);

#endif
