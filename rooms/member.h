/*
 * A member: somebody who can be in rooms and is told what happens there. What it is in fact, a
 * connection or a test's counter, is said by its operations; this folder knows no socket.
 *
 * References: a member is held by whoever made it, by the lobby while it is online, and by each of
 * its memberships.
 */
#ifndef ROOMS_MEMBER_H
#define ROOMS_MEMBER_H

#include "rooms/identifier.h"
#include "rooms/lock.h"
#include "rooms/mailbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct member;
struct membership;
struct message;
struct rooms;

#define MEMBER_UNDER_WAY_MAX 64 /* requests of one member that should be under way at most */

/* What a member can do. Each may be called from any thread and must not block. */
struct member_operations {
    /*
     * Sends the messages, in order; called with a room's or the lobby's lock held. The member takes
     * references of its own to what it cannot send at once.
     */
    void (*deliver)(struct member *member, struct message *const *messages, size_t count);
    /*
     * The same for the list of who is online, which may be larger than what may wait for a member
     * otherwise.
     */
    void (*deliver_list)(struct member *member, struct message *const *messages, size_t count);
    /* `count` of its requests were answered, or will not be. */
    void (*answered)(struct member *member, unsigned count);
    /* Takes one more reference. */
    void (*hold)(struct member *member);
    /* Gives one reference back. */
    void (*release)(struct member *member);
};

/* Where a member stands with the lobby. */
enum member_presence {
    MEMBER_ABSENT,  /* not there yet, or no longer */
    MEMBER_WAITING, /* to be given the list of who is online */
    MEMBER_PRESENT, /* has the list and is told of every change */
};

/* Part of the member, so that arriving and departing cannot fail. */
struct lobby_mail {
    struct mail mail;
    struct member *member;
    bool arrives;
};

struct member {
    const struct member_operations *operations; /* [I] */
    const char *name;                           /* [I] the user's name, kept by the owner */
    struct membership *memberships;             /* [m] the one used last is first */
    struct member *lobby_next;                  /* [lobby's lock] */
    struct member *lobby_previous;              /* [lobby's lock] */
    struct lobby_mail arrival;                  /* [T] of the lobby, once sent */
    struct lobby_mail departure;                /* [T] of the lobby, once sent */
    struct lock lock;                           /* rank LOCK_MEMBER: the fields marked [m] */
    uint16_t room_count;                        /* [m] */
    bool gone;                                  /* [m] it has left everything, for good */
    uint8_t presence;                           /* [lobby's lock] enum member_presence */
    char id[IDENTIFIER_SIZE];                   /* [I] the user's id */
};

/* Starts a member that is in no room; `name` must live as long as it does. */
void member_init(struct member *member, const struct member_operations *operations, const char *id,
                 const char *name);

/* Ends a member that is in no room. */
void member_destroy(struct member *member);

/*
 * The following are asked for by any thread and do not block: the room answers through `deliver`.
 * They return 0 once the room has the request, which is under way until `answered` (but for what
 * member_accept_private and member_leave ask, which nobody waits for), or
 *   -ESHUTDOWN  the server is about to stop
 *   -EMFILE     the member is in as many rooms as it may
 *   -ENFILE     as many rooms run as may
 *   -EAGAIN     a room's thread could not be started
 *   -ENOMEM     out of memory
 *   -ECANCELED  the member has left for good
 */

/* Joins the public room of that name (valid, of `length` bytes), which is made when it is new. */
int member_join(struct member *member, struct rooms *rooms, const char *name, size_t length);

/* Joins the private room with the user `other_id`, and invites that one. */
int member_join_private(struct member *member, struct rooms *rooms, const char *other_id);

/*
 * The same, as `other_id` asked for it: nobody is invited, and nothing is said on failure. The member
 * gets what comes after the seq `since`.
 */
int member_accept_private(struct member *member, struct rooms *rooms, const char *other_id,
                          uint64_t since);

/* Leaves the room with that id; -ENOENT: the member is not in it. */
int member_leave(struct member *member, const char *room_id);

/*
 * Posts the text (valid UTF-8 without NUL) to the room; `client_id` is the client's own id for it,
 * or NULL. -ENOENT: the member is not in that room.
 */
int member_post(struct member *member, const char *room_id, const char *text, size_t length,
                const char *client_id);

/* Leaves every room, and joins none any more. */
void member_leave_all(struct member *member);

#endif
