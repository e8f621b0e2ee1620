/*
 * What is stored of one user, to be handed over, or to be erased. Called as repo.h says.
 */
#ifndef REPO_USER_DATA_H
#define REPO_USER_DATA_H

#include "repo/repo.h"

/*
 * Whether an instance whose lease has not run out before `now` (milliseconds since 1970) holds a
 * connection of the user: 0 when one does, -ENOENT when none does.
 */
int repo_user_find_held(struct repo *repo, const char *user_id, int64_t now);

/* A room that the user has to do with, and how (repo/rights.h). */
struct repo_user_room {
    struct repo_room room;
    bool is_on_roll;
    bool is_owner;
    bool is_moderator;
    bool is_invited;
    bool was_kicked;
    int64_t banned_until; /* milliseconds since 1970; 0: never */
    int64_t muted_until;  /* the same */
};

/* Called for each room that is read, which is valid during the call only. Not 0 ends the read. */
typedef int (*repo_user_room_function)(void *argument, const struct repo_user_room *room);

/*
 * Reads the rooms that the user has to do with: those on whose roll it is, its private ones, those that
 * it owns, and those in which something is kept of it. Returns what `each` returned when that was not
 * 0.
 */
int repo_user_rooms(struct repo *repo, const char *user_id, repo_user_room_function each,
                    void *argument);

/* An entry of the user's in a room; every pointer is valid during the callback only. */
struct repo_user_entry {
    const char *room_id;
    const char *room_name;
    struct repo_message message;
};

/* Called for each entry that is read. Not 0 ends the read. */
typedef int (*repo_user_entry_function)(void *argument, const struct repo_user_entry *entry);

/*
 * Reads the user's entries among at most `limit` ones of anybody's, from *place on, which moves; 0 at
 * first. *done: these were the last ones. Returns what `each` returned when that was not 0.
 */
int repo_user_entries(struct repo *repo, const char *user_id, size_t limit, int64_t *place,
                      bool *done, repo_user_entry_function each, void *argument);

#define REPO_DELETED_NAME "deleted user" /* in place of the name of who has no account any more */

/*
 * Takes the texts out of the user's entries among at most `limit` ones of anybody's, as if they had
 * been deleted, and puts `name` in place of their sender's; from *place on, which moves; 0 at first.
 * *done: these were the last ones. They are overwritten in the file. Instances that have not heard yet
 * of the end of an account, for which they take a second, may store some of its messages until then.
 */
int repo_user_erase(struct repo *repo, const char *user_id, const char *name, size_t limit,
                    int64_t *place, bool *done);

#endif
