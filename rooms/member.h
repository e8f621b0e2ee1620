/*
 * A member: somebody who can be in rooms and is told what happens there. What it is in fact, a
 * connection or a test's counter, is said by its operations; this folder knows no socket.
 *
 * References: a member is held by whoever made it, by the lobby while it is online, and by each of
 * its memberships.
 */
#ifndef ROOMS_MEMBER_H
#define ROOMS_MEMBER_H

#include "repo/repo.h"
#include "rooms/identifier.h"
#include "rooms/lock.h"
#include "rooms/mailbox.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history_range;
struct member;
struct membership;
struct message;
struct reading_job;
struct rooms;

#define MEMBER_UNDER_WAY_MAX 64 /* requests of one member that should be under way at most */
#define MEMBER_SINCE_NONE    UINT64_MAX /* in place of a seq: what was missed is not asked for */

/* What a member can do. Each may be called from any thread and must not block. */
struct member_operations {
    /*
     * Sends the messages, in order; called with a room's or the lobby's lock held. The member takes
     * references of its own to what it cannot send at once.
     */
    void (*deliver)(struct member *member, struct message *const *messages, size_t count);
    /*
     * The same for the list of who is online, and for what is read of the past: either may be larger
     * than what may wait for a member otherwise.
     */
    void (*deliver_list)(struct member *member, struct message *const *messages, size_t count);
    /* The same for what is a hint for people, and the first to be dropped for who reads slowly. */
    void (*deliver_hints)(struct member *member, struct message *const *messages, size_t count);
    /* `count` of its requests were answered, or will not be. */
    void (*answered)(struct member *member, unsigned count);
    /*
     * The lobby has stored the member (0), or could not (a negative errno): then it is to depart.
     * -ENOKEY: its session has ended; -EACCES: its account is banned; -EADDRINUSE: its name is an
     * account's. Once, before anything is delivered, with no lock held.
     */
    void (*arrived)(struct member *member, int error);
    /*
     * Whether so much waits for it already that nothing from the past should be added now. If so,
     * member_drained is called once less waits, or the member is gone.
     */
    bool (*is_behind)(struct member *member);
    /*
     * It may not be here any more: sends the document, then closes, with the word, which is constant,
     * as the reason. Called with the lobby's lock held, perhaps before `arrived`.
     */
    void (*dismiss)(struct member *member, struct message *document, const char *word);
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

enum lobby_request {
    LOBBY_ARRIVE,
    LOBBY_CALL_BACK, /* into private rooms with news */
    LOBBY_DEPART,
    LOBBY_PASS, /* of lobby_flush */
};

struct lobby_mail {
    struct mail mail;
    struct member *member;
    enum lobby_request request;
};

/* What makes a user come back as the same one. */
struct member_identity {
    unsigned char token_hash[REPO_TOKEN_HASH_BYTES]; /* of a guest's token */
    char folded[REPO_FOLDED_NAME_SIZE];              /* a guest's folded name; empty: like none */
    int64_t expires;                                 /* milliseconds since 1970 */
    int64_t seen; /* the same: when it was online last; 0: it is new */
};

/* What the lobby needs of a member until it is here, or has been called back. */
struct member_arrival {
    struct lobby_mail mail;
    struct member_identity identity;
    int64_t call_back_at; /* clock_monotonic_ms */
};

struct member {
    const struct member_operations *operations; /* [I] */
    const char *name;                           /* [I] the user's name, kept by the owner */
    struct membership *memberships;             /* [m] the one used last is first */
    struct member *lobby_next;                  /* [lobby's lock] */
    struct member *lobby_previous;              /* [lobby's lock] */
    struct member *same_user;                   /* [lobby's lock] another one here of this user */
    struct reading_job *jobs;                   /* [historian's lock] the last one of a ring */
    struct invitation *invitations;             /* [lobby's lock] kept until it is called back */
    struct member_arrival *arrival;             /* [T] of the lobby, once sent; then NULL */
    struct lobby_mail departure;                /* [T] the same; here, as leaving may not fail */
    struct lock lock;                           /* rank LOCK_MEMBER: the fields marked [m] */
    uint16_t room_count;                        /* [m] */
    uint16_t room_maximum;                      /* [m] of member_limit_rooms */
    bool gone;                                  /* [m] it has left everything, for good */
    uint8_t presence;                           /* [lobby's lock] enum member_presence */
    bool called_back;         /* [lobby's lock] invitations are not kept any more */
    uint8_t reading;          /* [historian's lock] of the historian */
    bool deflates;            /* [I] takes messages compressed */
    bool is_account;          /* [I] it has an account; else it is a guest */
    atomic_bool is_admin;     /* [a] its account is an admin's */
    int64_t session;          /* [I] by which it is here (repo/session.h); 0: a guest */
    char id[IDENTIFIER_SIZE]; /* [I] the user's id */
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
 *   -ENOMEM     out of memory
 *   -ECANCELED  the member has left for good
 */

/* How one joins. */
struct joining {
    uint64_t since;        /* it first gets what came after that seq, or MEMBER_SINCE_NONE */
    bool makes;            /* the room, where there is none; else it is refused then */
    const char *client_id; /* the request's own id, for its answer, or NULL; it is copied */
};

/* Joins the public room of that name (valid, of `length` bytes). */
int member_join(struct member *member, struct rooms *rooms, const char *name, size_t length,
                const struct joining *how);

/* Joins the private room with the user `other_id`, which is made, and invites that one. */
int member_join_private(struct member *member, struct rooms *rooms, const char *other_id,
                        const struct joining *how);

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

/* Gives the member's message `of` in the room another text, not empty; else as member_post. */
int member_edit(struct member *member, const char *room_id, uint64_t of, const char *text,
                size_t length, const char *client_id);

/* Takes back the message `of` in the room; else as member_post. */
int member_delete(struct member *member, const char *room_id, uint64_t of, const char *client_id);

/*
 * Tells who is in the room that the member is typing, at most once a second; not under way.
 * -ENOENT: the member is not in that room.
 */
int member_type(struct member *member, const char *room_id);

/*
 * Reads a page of the room's past, which is delivered as a `history` document with the request's
 * own `client_id`, if that is not NULL. -ENOENT: the member is not in that room.
 */
int member_read_history(struct member *member, const char *room_id,
                        const struct history_range *range, const char *client_id);

/*
 * Has it join no more rooms than that, besides what rooms.h says for every member: -EMFILE is said for
 * both. Any thread; does not block.
 */
void member_limit_rooms(struct member *member, unsigned maximum);

/* In how many rooms the member is, or is about to be. Any thread; does not block. */
unsigned member_room_count(struct member *member);

/* As said of `is_behind`: goes on with what is read for the member. Any thread; does not block. */
void member_drained(struct member *member, struct rooms *rooms);

/* Leaves every room, and joins none any more. */
void member_leave_all(struct member *member);

#endif
