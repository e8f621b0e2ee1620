/*
 * Sessions: where accounts are signed in. Each has a token, of which the repository has the hash.
 * Called as repo.h says.
 */
#ifndef REPO_SESSION_H
#define REPO_SESSION_H

#include "repo/repo.h"

#define REPO_AGENT_SIZE   101 /* what a session's client says it is: 100 bytes, and the NUL */
#define REPO_SESSIONS_MAX 100 /* of an account: with one more, the one seen least recently ends */

/* A session that begins. */
struct repo_session_start {
    unsigned char hash[REPO_TOKEN_HASH_BYTES];
    char agent[REPO_AGENT_SIZE]; /* valid UTF-8 */
    int64_t expires;             /* milliseconds since 1970 */
};

struct repo_session {
    int64_t number; /* from 1, never used again */
    char agent[REPO_AGENT_SIZE];
    int64_t created; /* milliseconds since 1970, as the others */
    int64_t seen;
    int64_t expires;
};

/* Whom a session is of. */
struct repo_session_user {
    int64_t session;
    int64_t expires; /* milliseconds since 1970, as the others */
    int64_t seen;    /* when the user was online last */
    int64_t banned_until;
    bool is_admin;
    char id[REPO_ID_SIZE];
    char name[REPO_USER_NAME_SIZE];
};

/*
 * Begins a session of the account, if `password` is still what it keeps, and puts `rehashed`, if
 * that is not NULL, in its place. Returns 0, or -ENOENT: there is no such account with that
 * password. *number is the session's.
 */
int repo_session_begin(struct repo *repo, const char *account_id, const char *password,
                       const char *rehashed, const struct repo_session_start *start, int64_t now,
                       int64_t *number);

/*
 * Finds whose session it is by the token's hash, or returns -ENOENT, also when it expired before
 * `now` (milliseconds since 1970). Who is banned is found as well.
 */
int repo_session_find(struct repo *repo, const unsigned char hash[REPO_TOKEN_HASH_BYTES],
                      int64_t now, struct repo_session_user *out);

/* Called for each session that is read, which is valid during the call only. Not 0 ends the read. */
typedef int (*repo_session_function)(void *argument, const struct repo_session *session);

/*
 * Reads those of the account's sessions that are good at `now`, the one that began last first.
 * Returns what `each` returned when that was not 0.
 */
int repo_sessions_of(struct repo *repo, const char *account_id, int64_t now,
                     repo_session_function each, void *argument);

/* Ends the account's session of that number, or returns -ENOENT: it has no such session. */
int repo_session_revoke(struct repo *repo, const char *account_id, int64_t number, int64_t now);

/* Ends all of the account's sessions but for the one with the number `except` (0: all). */
int repo_sessions_revoke(struct repo *repo, const char *account_id, int64_t except, int64_t now);

/* The sessions are in use at `seen`: their end moves to `expires` where that is later. */
int repo_sessions_extend(struct repo *repo, const int64_t *numbers, size_t count, int64_t seen,
                         int64_t expires);

/* Removes sessions and invitation links that expired before `now`, at most `limit` of each. */
int repo_sessions_expire(struct repo *repo, int64_t now, size_t limit);

#endif
