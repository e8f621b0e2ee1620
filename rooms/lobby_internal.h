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

#define LOBBY_RUN_MAX 256 /* arrivals or departures that are handled in one go */

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
    struct roster_grace *grace_first;   /* [m] who has no connection here any more, oldest first */
    struct roster_grace *grace_last;    /* [m] */
    struct member *first_call;          /* [T] of the lobby: who is to be called back */
    struct member *last_call;           /* [T] */
    struct announcement *announcements; /* [m] */
    size_t announcement_count;          /* [m] */
    size_t announcement_capacity;       /* [m] */
    size_t crowd;                       /* [T] of the subscriber: changes told since it was quiet */
    bool flushed;                       /* [m] what lobby_flush waits for */
    pthread_cond_t passed;              /* that it was set */
    atomic_bool closing;                /* [a] the mailbox is closed, or about to be */
    uint64_t version;                   /* [T] of the auditor: the users' version last compared */
    int64_t revoked;      /* [T] of the auditor: the number of the last revocation that was read */
    atomic_bool settled;  /* [a] a crowd has come or gone: the auditor gives memory back */
    atomic_bool unstored; /* [a] a change may be missing: compare whatever the version says */
};

/*
 * Who comes and goes (lobby_presence.c), the lobby's thread only; they block on the repository. The
 * members of a call are handled in one go, at most LOBBY_RUN_MAX.
 */
void lobby_handle_arrivals(struct lobby *lobby, struct member **members, size_t count);
void lobby_handle_departures(struct lobby *lobby, struct member **members, size_t count);

/* When the first grace ends (clock_monotonic_ms); INT64_MAX: nobody has one. */
int64_t lobby_grace_end(struct lobby *lobby);

/* Lets those go whose grace is over. */
void lobby_end_graces(struct lobby *lobby);

/*
 * Bringing members into their private rooms with news (lobby_call_back.c), the lobby's thread only:
 * takes a member over, with a reference; when the first one's time comes (clock_monotonic_ms, or
 * INT64_MAX); does it for those whose time has come, which blocks on the repository; forgets all.
 */
void lobby_handle_call_back(struct lobby *lobby, struct member *member);
int64_t lobby_call_back_at(const struct lobby *lobby);
void lobby_do_call_backs(struct lobby *lobby);
void lobby_drop_call_backs(struct lobby *lobby);

/* Keeps an invitation until the member is called back; the lobby's lock is held. */
void lobby_keep_invitation(struct member *member, const char *from_id, uint64_t last_seq);

/* Forgets what was kept; the lobby's lock is held. */
void lobby_forget_invitations(struct member *member);

/* The subscriber's thread: until the channel is stopped. */
void *lobby_subscriber_main(void *argument);

/* Publishes that the users are online, or are no longer. */
void lobby_publish(struct lobby *lobby, bool online, const struct repo_user *users, size_t count);

/* The user is, or is no longer, online: to be told in the next round; the lobby's lock is held. */
void lobby_apply_join(struct lobby *lobby, const char *id, const char *name);
void lobby_apply_left(struct lobby *lobby, const char *id);

#endif
