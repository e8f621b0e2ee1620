/*
 * All rooms of this instance: what they share, from opening to closing.
 */
#ifndef ROOMS_ROOMS_H
#define ROOMS_ROOMS_H

#include "rooms/identifier.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auditor;
struct clerk;
struct fan_out;
struct historian;
struct lobby;
struct pubsub;
struct registry;
struct repo;

/* Counters since the start. */
struct rooms_counters {
    _Atomic uint64_t posts;            /* posts that were asked for */
    _Atomic uint64_t deliveries;       /* messages handed to local members, each counted */
    _Atomic uint64_t repaired;         /* messages read from the repository to fill a gap */
    _Atomic uint64_t resumed;          /* messages read from the repository for who missed them */
    _Atomic uint64_t invalid_payloads; /* refused from the bus */
};

struct rooms {
    struct repo *repo;             /* [I] not owned */
    struct pubsub *pubsub;         /* [I] not owned */
    const char *channel_prefix;    /* [I] of every channel's name */
    unsigned max_rooms;            /* [I] rooms that may run at a time */
    unsigned max_rooms_per_member; /* [I] */
    unsigned grace_ms;             /* [I] how long an empty room goes on running */
    unsigned presence_grace_ms;    /* [I] how long a user without a connection stays online */
    int64_t token_lifetime_ms;     /* [I] how long a user without a connection may come back */
    unsigned resume_limit;         /* [I] missed messages that a member is given when it joins */
    unsigned helpers;              /* [I] cores beside the first that hand out to many members */
    /*
     * [I] Whether the user may make one more room, which counts; and that it came to nothing. Any
     * thread; neither may block. NULL: everybody may.
     */
    bool (*may_make_room)(void *context, const char *user_id);
    void (*made_no_room)(void *context, const char *user_id);
    void *context; /* [I] of these */
    char instance
        [IDENTIFIER_SIZE];       /* [I] this instance's id; made by rooms_open where it is empty */
    struct fan_out *fan_out;     /* [I] helps large rooms */
    struct registry *registry;   /* [I] which rooms run */
    struct historian *historian; /* [I] reads what was missed */
    struct clerk *clerk;         /* [I] carries out what members decide */
    struct lobby *lobby;         /* [I] who is online */
    struct auditor *auditor;     /* [I] repairs */
    struct rooms_counters counters; /* [a] */
};

/*
 * Opens the registry, the lobby and the auditor over the caller's repository and bus; the fields up
 * to helpers are set by the caller before. Blocks. Returns 0 or a negative errno, with everything
 * undone. Called once, by the main thread.
 */
int rooms_open(struct rooms *rooms);

/*
 * Starts no room any more, and ends each one as soon as nobody is in it. Any thread.
 */
void rooms_drain(struct rooms *rooms);

/*
 * Waits until every room has handled what it was sent and ended, then takes this instance's users
 * off the list and joins every thread. Every member must have left, or be about to.
 */
void rooms_close(struct rooms *rooms);

#endif
