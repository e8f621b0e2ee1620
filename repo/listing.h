/*
 * What is shown of rooms and users: lists, each in pieces, by name or by id. As repo.h says, any thread
 * may call; each blocks on storage and returns 0, a negative errno, or what `each` returned when that
 * was not 0, which ends the read. What `each` is given is valid during its call only.
 */
#ifndef REPO_LISTING_H
#define REPO_LISTING_H

#include "repo/rights.h"

/* A room that is not private. */
struct repo_listed_room {
    char id[REPO_ID_SIZE];
    char name[REPO_ROOM_NAME_SIZE];
    char topic[REPO_TOPIC_SIZE];
    char owner_id[REPO_ID_SIZE]; /* "": nobody */
    enum repo_room_kind kind;
    uint64_t online; /* users who are in it, on each instance, as was told last */
};

typedef int (*repo_listed_room_function)(void *argument, const struct repo_listed_room *room);

/*
 * Reads the rooms whose names come after that one, by name, at most `limit`: the public ones, and
 * those invite-only ones that the user is in, may manage or is invited to; with `is_all`, all.
 */
int repo_rooms_list(struct repo *repo, const char *user_id, bool is_all, const char *after,
                    size_t limit, repo_listed_room_function each, void *argument);

/* How many users are in a room on an instance. */
struct repo_room_online {
    int64_t room; /* its number */
    uint64_t users;
};

/*
 * Tells it of those rooms of the instance in which it has changed, in one transaction. It counts as
 * long as the instance has a lease.
 */
int repo_rooms_online(struct repo *repo, const char *instance, const struct repo_room_online *rooms,
                      size_t count);

/* A user in a list; of a room: how it stands with it. */
struct repo_listed_user {
    char id[REPO_ID_SIZE];
    char name[REPO_USER_NAME_SIZE];
    struct repo_standing standing;
};

typedef int (*repo_listed_user_function)(void *argument, const struct repo_listed_user *user);

/* Reads who is on the room's roll, by id, from behind `after` on, at most `limit`. */
int repo_room_users(struct repo *repo, int64_t room, const char *after, size_t limit,
                    repo_listed_user_function each, void *argument);

/*
 * Reads who is banned from the room at `now` (milliseconds since 1970), by id, from behind `after` on,
 * at most `limit`.
 */
int repo_room_banned(struct repo *repo, int64_t room, int64_t now, const char *after, size_t limit,
                     repo_listed_user_function each, void *argument);

/* Reads whom the user blocks, by id, from behind `after` on, at most `limit`. */
int repo_blocks(struct repo *repo, const char *user_id, const char *after, size_t limit,
                repo_listed_user_function each, void *argument);

#endif
