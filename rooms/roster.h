/*
 * The roster: who is online, on every instance, and the documents that say so, kept encoded in
 * segments: a list for somebody new encodes only the segments that changed, and all who get it
 * share them. Within rooms/ only; whoever uses a roster holds the lobby's lock.
 */
#ifndef ROOMS_ROSTER_H
#define ROOMS_ROSTER_H

#include "repo/repo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct member;
struct message;
struct roster_segment;

struct roster_user {
    struct roster_user *next;   /* of the same bucket */
    struct member *local;       /* of the lobby: the first of its connections here, or NULL */
    struct roster_grace *grace; /* of the lobby: while it is here without a connection, or NULL */
    unsigned place;             /* 1 + its place on the list; 0: it is not online */
    unsigned announcement : 31; /* of the lobby: 1 + index of its untold user-join, or 0 */
    unsigned is_banned : 1;     /* of the lobby: it was put out, and is not awaited */
    char id[];                  /* and behind its NUL the name */
};

/* The grace of a user, which the lobby makes and ends. */
struct roster_grace {
    struct roster_user *user;
    struct roster_grace *next;
    struct roster_grace *previous;
    int64_t end;     /* clock_monotonic_ms */
    int64_t left_at; /* clock_realtime_ms, when the last connection here ended */
};

struct roster {
    struct roster_user **buckets; /* by a hash of the id, or NULL; the count is a power of two */
    size_t bucket_count;
    size_t count; /* of users, online or not yet */
    size_t online;
    struct roster_segment **segments;
    size_t segment_count;
    struct message **list; /* the encoded segments; each is owned by its segment */
    size_t list_count;
};

void roster_init(struct roster *roster);

void roster_destroy(struct roster *roster);

/* The user's name; it lives as long as the user. */
const char *roster_name(const struct roster_user *user);

/* Whether the user is on the list. */
bool roster_is_online(const struct roster_user *user);

/* Whether this instance says of the user that it is online: it is connected here, or was just now. */
bool roster_is_held(const struct roster_user *user);

/* Finds a user, online or not yet, or returns NULL. */
struct roster_user *roster_find(const struct roster *roster, const char *id);

/* Adds a user who is not online yet. NULL: out of memory. There must be none with that id. */
struct roster_user *roster_add(struct roster *roster, const char *id, const char *name);

/* Removes and frees the user, who has no grace. */
void roster_remove(struct roster *roster, struct roster_user *user);

/* Puts the user on the list. Errors: -ENOMEM. */
int roster_set_online(struct roster *roster, struct roster_user *user);

/* Takes the user off the list. */
void roster_set_offline(struct roster *roster, struct roster_user *user);

/*
 * Encodes what changed, after which roster->list has the documents of everybody online. Errors:
 * -ENOMEM.
 */
int roster_encode(struct roster *roster);

/* Calls `each` for every user, in any order; it must not change the roster. */
void roster_walk(const struct roster *roster,
                 void (*each)(struct roster_user *user, void *argument), void *argument);

#endif
