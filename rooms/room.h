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
#include "rooms/lock.h"
#include "rooms/mailbox.h"
#include "rooms/member.h"

#include <stdatomic.h>

struct channel;
struct rooms;

enum room_request {
    ROOM_JOIN,       /* a new membership */
    ROOM_JOIN_AGAIN, /* of one that is in already: to be answered only */
    ROOM_LEAVE,      /* the membership's end */
    ROOM_POST,       /* a struct room_post */
    ROOM_STOP,       /* end as soon as nobody is left */
};

struct room_mail {
    struct mail mail;
    enum room_request request;
    struct membership *membership; /* NULL for ROOM_STOP */
};

/* One member in one room. Made by the request to join; ended by the room's thread alone. */
struct membership {
    struct room_mail join;
    struct room_mail leave;      /* part of it, so that leaving cannot fail */
    struct membership *next;     /* [member's lock] */
    struct membership *previous; /* [member's lock] */
    struct member *member;       /* [I] held */
    struct room *room;           /* [I] held */
    size_t index;                /* [room's lock] its place in room->members, or SIZE_MAX */
    bool linked;                 /* [member's lock] in the member's list */
    bool abandoned;              /* [member's lock] left when the mailbox was closed already */
    bool invited;                /* [I] the other user of a private room asked for it */
    uint64_t since;              /* [T] of the room: of struct missed */
};

struct room_post {
    struct room_mail head;
    size_t text_length;
    bool has_client_id;
    char data[]; /* the text, NUL, the client's id, NUL */
};

struct room {
    atomic_uint references;      /* [a] */
    struct rooms *rooms;         /* [I] */
    struct mailbox mailbox;      /* its own lock */
    pthread_t thread;            /* [I] */
    pthread_t subscriber;        /* [T] of the room */
    struct channel *channel;     /* [I] once opened */
    struct repo_room stored;     /* [I] once opened; before, what is asked for */
    atomic_bool opened;          /* [a] `stored` is as the repository has it */
    bool stopping;               /* [T] of the room */
    bool failing;                /* [T] of the room: the last append failed */
    int64_t empty_since;         /* [T] of the room; clock_monotonic_ms, when nobody is in it */
    uint64_t published;          /* [T] of the room: the last seq that it stored */
    struct lock lock;            /* rank LOCK_ROOM: the fields marked [m] */
    pthread_cond_t caught_up;    /* signalled when `delivered` grows and the room waits for that */
    bool awaits_delivery;        /* [m] the room waits */
    struct membership **members; /* [m] */
    size_t member_count;         /* [m] */
    size_t member_capacity;      /* [m] */
    _Atomic uint64_t delivered;  /* [a] the last seq that was handed out; changed under `lock` */
    _Atomic uint64_t known;      /* [a] a seq that the auditor knows to be stored */
    struct room *next;           /* [registry's lock] among those to be reaped */
    char opener_name[REPO_USER_NAME_SIZE]; /* [I] of a private room: who asked first */
    char opener_id[REPO_ID_SIZE];          /* [I] */
    char key[];                            /* [I] its name in the registry */
};

/*
 * Makes a room for the key, with one reference; its thread is not started yet. Keys: 'r' and the
 * name of a public room; 'p', the lower user id, ':' and the higher one of a private room.
 * NULL: out of memory.
 */
struct room *room_new(struct rooms *rooms, const char *key);

void room_hold(struct room *room);

void room_rele(struct room *room);

/* Starts the room's thread, which holds the room. Errors: -EAGAIN. Never blocks. */
int room_start(struct room *room);

/*
 * Answers everything in the mailbox of a room that could not be opened, whose mailbox is closed,
 * with the error.
 */
void room_refuse_all(struct room *room, int error);

/* Joins, leaves and notices (room_members.c); the room's thread only. */
void room_handle_join(struct room *room, struct membership *membership);
void room_handle_join_again(struct room *room, struct membership *membership);
void room_refuse_again(struct room *room, struct membership *membership, int error);
void room_handle_leave(struct room *room, struct membership *membership);

/*
 * Answers the request to join with the error and takes the membership off the member's list. Returns
 * whether it is for the caller to free: not when its leave is in the mailbox.
 */
bool room_refuse_join(struct room *room, struct membership *membership, int error);

/*
 * Takes the membership off the member's list, so that no mail of it is put any more, and puts its
 * leave behind what there is; the member's lock is held.
 */
void member_put_leave(struct member *member, struct membership *membership);

/* Gives the membership's references back and frees it. */
void membership_free(struct membership *membership);

/* Stores, publishes and answers the posts, and frees them (room_posts.c); the room's thread only. */
void room_handle_posts(struct room *room, struct room_post **posts, size_t count);

/* Answers a post with the error, and frees it. */
void room_refuse_post(struct room *room, struct room_post *post, int error);

/* The subscriber's thread (subscriber.c): hands out until the channel is stopped. */
void *subscriber_main(void *argument);

/* Has the subscriber read from the repository what is missing up to `seq`. Any thread. */
void subscriber_nudge(struct room *room, uint64_t seq);

#endif
