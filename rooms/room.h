/*
 * A running room: within rooms/ only. Its thread takes requests out of the mailbox, assigns the
 * order by storing, and publishes; its subscriber's thread hands out what was published.
 *
 * References: the registry's (until the room retires), its thread's (until it is reaped), and one
 * for each membership and lookup.
 */
#ifndef ROOMS_ROOM_H
#define ROOMS_ROOM_H

#include "repo/repo.h"
#include "rooms/historian.h"
#include "rooms/lock.h"
#include "rooms/mailbox.h"
#include "rooms/member.h"
#include "rooms/rights.h"

#include <stdatomic.h>

struct channel;
struct history_range;
struct rooms;

#define HAND_OUT_MAX 256 /* messages that are handed out in one go */

#define ROLL_MAX 32 /* changes to the roll that are stored in one go */

/* In place of a message's seq, on the bus: what the room says of itself, or who may what, has changed. */
#define RIGHTS_HINT_SEQ UINT64_MAX

#define HINTED_MEMBERS_MAX 1000 /* members here of a room in which notices and typing are told */

enum room_request {
    ROOM_JOIN,       /* a new membership */
    ROOM_JOIN_AGAIN, /* of one that is in already: to be answered only */
    ROOM_CAUGHT_UP,  /* the membership has what was missed */
    ROOM_LEAVE,      /* the membership's end */
    ROOM_POST,       /* a struct room_post */
    ROOM_TYPING,     /* the member is typing */
    ROOM_QUESTION,   /* a struct room_question */
    ROOM_RIGHTS,     /* who may what may have changed */
    ROOM_STOP,       /* end as soon as nobody is left */
};

struct room_mail {
    struct mail mail;
    enum room_request request;
    struct membership *membership; /* NULL for ROOM_STOP and ROOM_RIGHTS */
};

/* One member in one room. Made by the request to join; ended by the room's thread alone. */
struct membership {
    struct room_mail join;
    struct room_mail leave; /* part of it, so that leaving cannot fail */
    struct room_mail caught_up;
    struct room_mail typing;
    struct reading_job catching_up; /* the historian's, while `is_catching_up` */
    struct membership *next;        /* [member's lock] */
    struct membership *previous;    /* [member's lock] */
    struct member *member;          /* [I] held */
    struct room *room;              /* [I] held */
    size_t index;                   /* [room's lock] its place in room->members, or SIZE_MAX */
    bool linked;                    /* [member's lock] in the member's list */
    bool invited;                   /* [I] the other user of a private room asked for it */
    bool makes;                     /* [I] the room, where there is none */
    bool by_choice;                 /* [member's lock, then T of the room] it asked to leave */
    atomic_bool admitted;           /* [a] it was told that it is in; set by the room */
    bool is_catching_up;            /* [T] of the room: a historian reads for it */
    bool ended;                     /* [T] of the room: its leave was handled */
    uint8_t role;                   /* [T] of the room: enum role */
    int denied;                     /* [T] of the room: why it is not in, or not any more */
    int64_t until;                  /* [T] of the room: until when it is banned, or muted */
    uint64_t version;               /* [T] of the room: of the rights by which it was let in */
    atomic_bool
        left; /* [a] nothing more is delivered of what it missed; set under the room's lock */
    atomic_bool types;                /* [a] its `typing` is in the mailbox */
    struct membership *next_behind;   /* [T] of the room: among those that catch up */
    struct membership *next_in_chain; /* [T] of the room: in its `users` */
    uint64_t since;                   /* [I] the seq that the member has, or MEMBER_SINCE_NONE */
    uint64_t last;                    /* [T] of the historian, or of the room: was delivered */
    int failure;                      /* the same: why it cannot catch up */
    int64_t typed;                    /* [T] of the room: when it last told so */
    char *client_id; /* [T] of the room: of the request, until it is answered, or NULL */
};

/* The request of who is in already. */
struct room_join_again {
    struct room_mail head;
    bool makes; /* the room, where there is none */
    bool has_client_id;
    char client_id[]; /* the request's own */
};

struct room_post {
    struct room_mail head;
    enum repo_kind kind;
    uint64_t of; /* the message that is edited or deleted */
    size_t text_length;
    bool has_client_id;
    char data[]; /* the text, NUL, the client's id, NUL */
};

/*
 * Something that only who is in the room is told, and that a historian reads: first in what is asked
 * in fact, which `job.read` and `refuse` know.
 */
struct room_question {
    struct room_mail mail;
    struct reading_job job;                                    /* its member is held */
    struct room *room;                                         /* held */
    void (*refuse)(struct room_question *question, int error); /* answers, and frees it */
};

/* Somebody joins for good, or leaves by choice. */
struct roll_entry {
    char user_id[REPO_ID_SIZE];
    bool joins;
};

/* Those who were told that they are in, by their user's id (room_users.c); all zero: nobody. */
struct room_users {
    struct membership **chains; /* `mask` + 1 of them, or NULL: there is only one */
    struct membership *only;
    size_t mask;
    size_t count;
    size_t distinct; /* users, however many connections each has */
};

struct room {
    atomic_uint references;    /* [a] */
    struct rooms *rooms;       /* [I] */
    struct mailbox mailbox;    /* its own lock */
    pthread_t thread;          /* [I] */
    pthread_t subscriber;      /* [T] of the room */
    struct channel *channel;   /* [I] once opened */
    struct repo_room stored;   /* [I] once opened; before, what is asked for */
    atomic_bool opened;        /* [a] `stored` is as the repository has it */
    bool stopping;             /* [T] of the room */
    _Atomic uint64_t online;   /* [a] users who are in it here; changed by the room */
    bool rights_checked;       /* [T] of the room: since it took its mail, they are of today */
    bool unlisted;             /* [registry's lock] nobody finds it there any more */
    struct repo_rights rights; /* [T] of the room */
    _Atomic uint64_t version;  /* [a] of `rights`; changed by the room */
    struct room_mail rights_mail;
    atomic_bool rights_asked;    /* [a] `rights_mail` is in the mailbox */
    atomic_bool rights_news;     /* [a] other instances are to be told */
    bool failing;                /* [T] of the room: the last append failed */
    int64_t empty_since;         /* [T] of the room; clock_monotonic_ms, when nobody is in it */
    uint64_t published;          /* [T] of the room: the last seq that it stored */
    struct lock lock;            /* rank LOCK_ROOM: the fields marked [m] */
    pthread_cond_t caught_up;    /* signalled when `delivered` grows and the room waits for that */
    bool awaits_delivery;        /* [m] the room waits */
    struct membership **members; /* [m] */
    size_t member_count;         /* [m] */
    struct membership
        *first_behind;          /* [T] of the room: those that catch up, not in `members` yet */
    struct room_users users;    /* [T] of the room */
    struct message **notices;   /* [T] of the room: not told yet; NULL, or room for so many */
    size_t notice_count;        /* [T] of the room */
    size_t roll_count;          /* [T] of the room */
    bool roll_fails;            /* [T] of the room: the last change was not stored */
    struct roll_entry *roll;    /* [T] of the room: what is not stored yet; ROLL_MAX, or NULL */
    size_t member_capacity;     /* [m] */
    _Atomic uint64_t delivered; /* [a] the last seq that was handed out; changed under `lock` */
    _Atomic uint64_t known;     /* [a] a seq that the auditor knows to be stored */
    uint64_t missing;           /* [T] of the auditor: a seq that was not delivered, or 0 */
    struct room *next;          /* [registry's lock] among those to be reaped */
    char opener_name[REPO_USER_NAME_SIZE]; /* [I] who asked first */
    char opener_id[REPO_ID_SIZE];          /* [I] */
    bool makes;                            /* [I] what is not there: that one asked for it */
    char key[];                            /* [I] its name in the registry */
};

/*
 * Makes a room for the key, with one reference; its thread is not started yet. Keys: 'r' and the
 * name of a public room; 'p', the lower user id, ':' and the higher one of a private room.
 * NULL: out of memory.
 */
struct room *room_new(struct rooms *rooms, const char *key);

/*
 * Reads the room of its name into itself. NO_SUCH_ROOM, or another error of the repository's, on which
 * it blocks.
 */
int room_find(struct rooms *rooms, struct repo_room *room);

/*
 * As repo_room_add, where `maker_id` (empty: nobody) is about to make the room if it is not there.
 * -EDQUOT: that user may make no more just now. Blocks on the repository. Whoever opens or creates one.
 */
int room_make(struct rooms *rooms, struct repo_room *room, const struct repo_room_origin *origin,
              const char *maker_id, bool *created);

void room_hold(struct room *room);

void room_rele(struct room *room);

/* Starts the room's thread, which holds the room. Errors: -EAGAIN. Never blocks. */
int room_start(struct room *room);

/*
 * Reads or makes what the room's key names, and begins to hear of it (room_open.c). Its thread, first
 * of all; blocks on the repository and on Redis. Returns 0 or a negative errno: then nothing is left to
 * close.
 */
int room_open(struct room *room);

/* Ends that. Its thread, last of all; waits for the subscriber's. */
void room_close(struct room *room);

/* Joins (room_join.c); the room's thread only. */
void room_handle_join(struct room *room, struct membership *membership);
void room_handle_join_again(struct room *room, struct room_join_again *again);
void room_handle_caught_up(struct room *room, struct membership *membership);

/*
 * Joins that are refused (room_refuse.c); the room's thread, or whoever gives it up (room_give_up), and
 * none of them blocks. Answers the request with the error, or has it made anew, and takes the membership
 * off the member's list.
 */
void room_refuse_join(struct room *room, struct membership *membership, int error);

/* The same for who is in, or about to be, and has asked again; it stays. */
void room_refuse_again(struct room *room, struct room_join_again *again, int error);

/* How that one asked; the id is its own. */
struct joining room_joining_again(const struct room_join_again *again, uint64_t since);

/* Puts out who has been let in, and tells it why. */
void room_expel(struct room *room, struct membership *membership, int error);

/* Has the member join the room that has this one's name by now. */
void room_join_anew(struct room *room, struct membership *membership);

/*
 * Ends a room that could not be opened: who asks for it from now on gets another one, and everything
 * that is in the mailbox by the end is answered with the error. Its thread, or, as that could not be
 * started, whoever was to start it, without a lock.
 */
void room_give_up(struct room *room, int error);

/* Who is in it (room_members.c); the room's thread only. */

/*
 * Has people told, in a public room that is not too large for it, that the member has `what`
 * ("joined", "left").
 */
void room_add_notice(struct room *room, const struct member *member, const char *what);

/* Tells what was added, in one go. */
void room_tell_notices(struct room *room);

void room_handle_leave(struct room *room, struct membership *membership);
void room_handle_typing(struct room *room, struct membership *membership);

/*
 * Who may what (room_rights.c). Reads it when the room opens. Its thread only; blocks on the
 * repository. Returns 0 or a negative errno.
 */
int room_rights_open(struct room *room);

/*
 * Reads it again, and what has changed of it; who is to go is put out, and everybody is told. The
 * room's thread only; blocks on the repository. Returns 0 or a negative errno, when nothing changed.
 */
int room_rights_load(struct room *room);

/* The same, but once for all mail that was taken in one go: what was asked for by then is known. */
int room_rights_check(struct room *room);

/*
 * Has the room look whether they have changed, and, with `is_news`, tell other instances. Any thread;
 * does not block.
 */
void room_rights_ask(struct room *room, bool is_news);

/* Tells other instances, if that was asked for. The room's thread only. */
void room_rights_publish(struct room *room);

/*
 * Whether the membership, not admitted yet, may be; sets what it is in the room. The room's thread
 * only; blocks on the repository. Returns 0 or a negative errno.
 */
int room_rights_admit(struct room *room, struct membership *membership);

/*
 * Whether the member may do that now: 0 or a negative errno. The room's thread only; before it refuses
 * by what may be of yesterday, it blocks on the repository.
 */
int room_rights_may(struct room *room, const struct membership *membership, enum right right,
                    int64_t now);

/* What the member is told of itself; the room's thread only. */
struct event_own room_rights_own(const struct membership *membership);

/* By the user's id, who is in (room_users.c); the room's thread only. */
void room_users_add(struct room_users *users, struct membership *membership);
void room_users_remove(struct room_users *users, struct membership *membership);
bool room_users_have(struct room_users *users, const char *user_id);
struct membership *room_users_first(struct room_users *users, const char *user_id);
struct membership *room_users_next(struct membership *membership);

/* Any of all, or NULL. */
struct membership *room_users_any(struct room_users *users);
void room_users_free(struct room_users *users);

/* Notes a change of the room's roll, stored soon. The room's thread; blocks on the repository. */
void room_roll_add(struct room *room, const char *user_id, bool joins);

/* Stores what changed. The room's thread; blocks on the repository. */
void room_roll_store(struct room *room);

/* Forgets that the user has joined, if that is not stored yet. The room's thread. */
void room_roll_forget(struct room *room, const char *user_id);

/* Brings the other user of a private room in, who gets what comes after `since`. */
void room_invite_other(struct room *room, const struct member *member, uint64_t since);

/*
 * Asks the room, which has the question from then on; with `at_once`, a member that is in needs not
 * wait for the room's thread. Any thread; does not block. Returns 0 or a negative errno, -ENOENT: the
 * member is not in that room; then the question is still the caller's (member_post.c).
 */
int member_ask(struct member *member, const char *room_id, struct room_question *question,
               bool at_once);

/*
 * Joins the room that has the name of the membership's by now; the errors are those of member_join. Any
 * thread, which holds no lock; does not block (member.c).
 */
int member_join_anew(struct membership *membership, const struct joining *how);

/* Gives back what the question holds. Any thread, with the member's lock at most. */
void question_end(struct room_question *question);

/*
 * Takes the membership off its member's list, so that no mail of it is put any more, and puts its leave
 * behind what there is (member.c). Returns whether it was on it. Any thread without the member's lock;
 * does not block.
 */
bool member_expel(struct membership *membership);

/* Whether the member is in the room of that key, or about to be. The same. */
bool member_has(struct member *member, const char *key);

/* Whether its member has asked to leave. The same. */
bool member_has_left(const struct membership *membership);

/*
 * Makes a membership that is on nobody's list yet, with references to both. NULL: out of memory. The
 * caller owns it.
 */
struct membership *membership_new(struct member *member, struct room *room,
                                  const struct joining *how, bool invited);

/* Gives the membership's references back and frees it. */
void membership_free(struct membership *membership);

/* Puts it at the front of the member's list, or takes it off that; the member's lock is held. */
void membership_link(struct member *member, struct membership *membership);
void membership_unlink(struct member *member, struct membership *membership);

/* The member's in the room of that key, or NULL; the member's lock is held. */
struct membership *membership_find_by_key(const struct member *member, const char *key);

/*
 * The member's in the open room of that id, which is at the front of the list then, or NULL; the
 * member's lock is held.
 */
struct membership *membership_find(struct member *member, const char *room_id);

/* Stores, publishes and answers the posts, and frees them (room_posts.c); the room's thread only. */
void room_handle_posts(struct room *room, struct room_post **posts, size_t count);

/*
 * Whether messages are handed out to a connection of the user on this instance (room_posts.c). With
 * the room's lock, or from the room's thread; does not block.
 */
bool room_has(const struct room *room, const char *user_id);

/* Answers a post with the error, and frees it; a ban or a mute with its end. */
void room_refuse_post(struct room *room, struct room_post *post, int error);

/* What a member is answered just before it is handed a message, in the same send. */
struct room_answer {
    struct member *member;
    struct message *message;
    bool is_given; /* it was in the room, and there was something to be handed out */
};

/*
 * Hands out messages with seqs, each one more than the one before (hand_out.c): those that were
 * handed out already are left out. False: one before them is missing, and nothing was handed out.
 * The answer, NULL for none, is for where there is one message. At most HAND_OUT_MAX; any thread; does
 * not block.
 */
bool room_hand_out(struct room *room, struct message *const *messages, size_t count,
                   struct room_answer *answer);

/*
 * Hands out messages without a seq, hints for people, unless more than HINTED_MEMBERS_MAX would get
 * them. The same limits.
 */
void room_hand_out_hints(struct room *room, struct message *const *messages, size_t count);

/* The subscriber's thread (subscriber.c): hands out until the channel is stopped. */
void *subscriber_main(void *argument);

/* Has the subscriber read from the repository what is missing up to `seq`. Any thread. */
void subscriber_nudge(struct room *room, uint64_t seq);

#endif
