/*
 * Accounts: users who have a name of their own and a password. Called as repo.h says; where a call
 * ends what somebody may do, who is connected hears of it through repo/revocation.h.
 *
 * Names are compared by their folded form, which the caller makes (rooms/name_fold.h). Passwords are
 * what the caller made of them: this folder knows nothing of hashing.
 */
#ifndef REPO_ACCOUNT_H
#define REPO_ACCOUNT_H

#include "repo/repo.h"
#include "repo/session.h"

#define REPO_PASSWORD_SIZE 128       /* the text that a password is kept as, and its NUL */
#define REPO_BANNED_EVER   INT64_MAX /* a ban without an end */

struct repo_account {
    char id[REPO_ID_SIZE];
    char name[REPO_USER_NAME_SIZE];
    char folded[REPO_FOLDED_NAME_SIZE];
    char password[REPO_PASSWORD_SIZE];
    bool is_admin;
    int64_t banned_until; /* milliseconds since 1970; 0: not banned; REPO_BANNED_EVER */
    int64_t created;      /* milliseconds since 1970 */
    int64_t seen;         /* the same: when it was online last, as far as is known; 0: never */
};

/* An account to be made. The pointers must live through the call. */
struct repo_registration {
    const char *id;
    const char *name;
    const char *folded; /* at least one byte */
    const char *password;
    const unsigned char *invitation;          /* the hash of the link that is used, or NULL */
    const struct repo_session_start *session; /* one that begins with the account, or NULL */
    int64_t now;                              /* milliseconds since 1970 */
    bool is_admin;          /* in: it is to be an admin; out: it is: the first account always is */
    int64_t session_number; /* out: of `session` */
};

/*
 * Makes the account and whatever goes with it in one transaction, which uses the invitation up by
 * one, and puts out guests of that name. Returns 0, or
 *   -EEXIST  the name is another account's
 *   -EACCES  the invitation is unknown, used up or has expired
 */
int repo_account_create(struct repo *repo, struct repo_registration *registration);

/* Finds the account by its folded name, or returns -ENOENT. */
int repo_account_find_by_name(struct repo *repo, const char *folded, struct repo_account *out);

/* Finds the account by the user's id, or returns -ENOENT. */
int repo_account_find_by_id(struct repo *repo, const char *id, struct repo_account *out);

/* Called for each account that is read; `account` is valid during the call only. Not 0 ends the read. */
typedef int (*repo_account_function)(void *argument, const struct repo_account *account);

/* Reads all accounts, by folded name. Returns what `each` returned when that was not 0. */
int repo_accounts_all(struct repo *repo, repo_account_function each, void *argument);

/*
 * Gives the account another password and ends its sessions but for the one with the number `except`
 * (0: all). With `former`, only while that is still its password as it is kept. -ENOENT: there is
 * no such account, or not with that password.
 */
int repo_account_set_password(struct repo *repo, const char *id, const char *former,
                              const char *password, int64_t except, int64_t now);

/* Makes it an admin, or one no longer; who is connected is, from a second later. -ENOENT as above. */
int repo_account_set_admin(struct repo *repo, const char *id, bool is_admin, int64_t now);

/*
 * Bans it until then (milliseconds since 1970, REPO_BANNED_EVER, or 0: not any more). Its sessions
 * stay, and are of no use until then. -ENOENT as above.
 */
int repo_account_ban(struct repo *repo, const char *id, int64_t until, int64_t now);

/*
 * Removes the account with its sessions and its places on rolls. Its messages stay as they are, see
 * repo/user_data.h; its name is free. -ENOENT as above.
 */
int repo_account_delete(struct repo *repo, const char *id, int64_t now);

/*
 * Adds a link that invites to register, of which the hash is kept, good until `expires` (as
 * above) for `uses` accounts. -EEXIST: there is one of that hash.
 */
int repo_invite_link_add(struct repo *repo, const unsigned char hash[REPO_TOKEN_HASH_BYTES],
                         unsigned uses, int64_t expires, int64_t now);

/* Says whether the link is good at the time: 0, or -ENOENT. */
int repo_invite_link_find(struct repo *repo, const unsigned char hash[REPO_TOKEN_HASH_BYTES],
                          int64_t now);

#endif
