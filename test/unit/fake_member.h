/*
 * For tests of rooms/: rooms over a real database in a temporary folder, and members that only
 * remember what they were sent.
 */
#ifndef TEST_UNIT_FAKE_MEMBER_H
#define TEST_UNIT_FAKE_MEMBER_H

#include "rooms/member.h"
#include "rooms/rooms.h"

#include <stdatomic.h>
#include <stdbool.h>

struct fake_member {
    struct member member; /* first */
    atomic_uint references;
    atomic_int under_way;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char **documents; /* every document that it was sent, in order */
    size_t count;
    size_t pieces; /* in how many goes they came */
    size_t capacity;
    size_t looked_at;  /* documents before this one were matched by fake_expect */
    int arrival_error; /* what `arrived` said */
    void (*on_arrival)(struct fake_member *fake); /* called by `arrived`, if not NULL */
    atomic_bool is_behind;                        /* what it answers to that */
};

/* A folder of its own with a database in it, and rooms over that. */
struct fake_rooms {
    struct rooms rooms;
    char directory[64];
    char database[80];
};

/*
 * Opens everything, with that grace period of rooms, and the one of users set in
 * fake->rooms.presence_grace_ms before; ends the test where it cannot.
 */
void fake_rooms_open(struct fake_rooms *fake, unsigned grace_ms, unsigned max_rooms);

/* Closes everything and removes the folder. */
void fake_rooms_close(struct fake_rooms *fake);

/* A member with the caller's reference, of that name. */
struct fake_member *fake_member_new(const char *name);

/* Another connection of the member's user. */
struct fake_member *fake_member_again(const struct fake_member *fake);

/* The member arrives at the lobby: as a new user, or as one that was online last at `seen`. */
void fake_arrive(struct fake_member *fake, struct fake_rooms *rooms, int64_t seen);

/* Leaves every room and gives the caller's reference back. */
void fake_member_free(struct fake_member *fake);

/*
 * Waits until a document has come, after those matched before, that contains both texts (the second
 * may be NULL), and returns it; it belongs to the member. NULL after half a minute.
 */
const char *fake_expect(struct fake_member *fake, const char *text, const char *other);

/* How many of all its documents contain the text. */
size_t fake_count(struct fake_member *fake, const char *text);

/* In how many goes all its documents came. */
size_t fake_pieces(struct fake_member *fake);

/* The number behind "KEY": in the document, or -1. */
long long fake_number(const char *document, const char *key);

/* Joins, asking for what came after `since`, and waits for the answer, which belongs to the member. */
const char *fake_join_since(struct fake_member *fake, struct fake_rooms *rooms, const char *name,
                            uint64_t since);

/* Joins, and waits for the answer; copies the room's id. Returns its lastSeq, or -1. */
long long fake_join(struct fake_member *fake, struct fake_rooms *rooms, const char *name,
                    char *room_id);

/* Waits until every request of the member was answered. */
void fake_wait_answered(struct fake_member *fake);

#endif
