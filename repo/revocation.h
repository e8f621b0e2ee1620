/*
 * Revocations: a list, kept for a day, of what ended while somebody may be connected by it. Each is
 * stored in the transaction that it tells of; so whoever arrives later is refused there, and whoever
 * is connected already is found by reading the list. Called as repo.h says.
 */
#ifndef REPO_REVOCATION_H
#define REPO_REVOCATION_H

#include "repo/repo.h"

enum repo_revocation_kind {
    REPO_REVOKED_SESSION = 1, /* the user's session `session` ended */
    REPO_REVOKED_USER,        /* the user's sessions up to `newest` did, but for `session` */
    REPO_REVOKED_NAME,        /* guests may not have the name any more */
    REPO_REVOKED_BANNED,      /* the user is banned */
    REPO_CHANGED_ADMIN, /* the user became an admin, or ceased to be one: `session` is 1 or 0 */
};

struct repo_revocation {
    int64_t number; /* from 1, one higher each time */
    enum repo_revocation_kind kind;
    char user_id[REPO_ID_SIZE];         /* empty for a name */
    char folded[REPO_FOLDED_NAME_SIZE]; /* of a name, else empty */
    int64_t session;
    int64_t newest;
};

/* The number of the last one, 0 when there is none yet. */
int repo_revocations_last(struct repo *repo, int64_t *number);

/* Called for each that is read, which is valid during the call only. Not 0 ends the read. */
typedef int (*repo_revocation_function)(void *argument, const struct repo_revocation *revocation);

/* Reads those after the number, ascending. Returns what `each` returned when that was not 0. */
int repo_revocations_read(struct repo *repo, int64_t after, repo_revocation_function each,
                          void *argument);

/* Removes those of before the time (milliseconds since 1970), at most `limit`. */
int repo_revocations_expire(struct repo *repo, int64_t before, size_t limit);

#endif
