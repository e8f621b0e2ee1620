/*
 * The repository: rooms and who is on their roll, users and which of them are online, messages and
 * leases. It is the truth; pub/sub is a hint.
 *
 * Every function may be called from any thread, blocks on storage, and must not be called with a
 * lock held. Each returns 0 or a negative errno:
 *   -ENOENT   no such row
 *   -EBUSY    the database stayed locked longer than the busy time-out; trying again helps
 *   -ENOSPC   the disk or the quota is full; trying again helps once there is room
 *   -EROFS    the database cannot be written
 *   -EIO      the storage failed
 *   -ENOMEM   out of memory
 * When a write fails, nothing of that call is stored.
 *
 * Writes of concurrent callers are committed together: the first caller in commits for all who
 * wait. Reads use connections of their own and never wait for a write.
 */
#ifndef REPO_REPO_H
#define REPO_REPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPO_ID_SIZE        37  /* an id with its NUL: up to 36 characters */
#define REPO_ROOM_NAME_SIZE 129 /* a room's name: 1 to 128 bytes of UTF-8, and the NUL */
#define REPO_USER_NAME_SIZE 65  /* a user's name: 1 to 64 bytes of UTF-8, and the NUL */
#define REPO_CLIENT_ID_SIZE 65  /* a client's own id of a message: up to 64 bytes, and the NUL */
#define REPO_FOLDED_NAME_SIZE                                                                      \
    257 /* a user's name as it is compared (rooms/name_fold.h): up to 256 bytes, and the NUL */

struct repo;

/* What an acknowledgement promises. */
enum repo_durability {
    REPO_DURABILITY_PROCESS, /* the message survives the death of the process */
    REPO_DURABILITY_FULL,    /* the message survives the power going out */
};

struct repo_options {
    const char *path;                /* the SQLite file, made when it is missing */
    enum repo_durability durability; /* see above */
    int busy_timeout_ms;             /* longest wait for another process's write lock */
};

/* Counters since the repository was opened; a snapshot. */
struct repo_statistics {
    uint64_t commits;  /* transactions committed */
    uint64_t writes;   /* calls that those transactions served: writes / commits is the batch */
    uint64_t messages; /* messages stored */
    uint64_t failures; /* transactions rolled back */
};

/*
 * Opens the repository, making or migrating its file as needed, and returns it in *out; the caller
 * owns it and ends it with repo_close. On failure `why` (of `why_size` bytes) has one line for a
 * person that names the file. Beyond the general errors: -EINVAL when the file is not a database,
 * -ENOTSUP when a newer version of the program wrote it, -EACCES when it cannot be opened.
 * Called once, before any thread uses it.
 */
int repo_open(const struct repo_options *options, struct repo **out, char *why, size_t why_size);

/* Closes the repository and clears the caller's pointer; no other call may be under way. */
void repo_close(struct repo **repo);

/*
 * Gives the memory back that the writing connection keeps copies of the file's pages in. Any thread;
 * blocks as a write does. Returns 0 or a negative errno.
 */
int repo_release_memory(struct repo *repo);

/*
 * From now on all calls together, also those under way, wait for other processes' locks for no longer
 * than `wait_ms`; then a lock is had at once, or the call fails with -EBUSY. For the end, when there is
 * little time. Any thread; does not block.
 */
void repo_hurry(struct repo *repo, int wait_ms);

/* Copies the counters to *out. Does not block. */
void repo_statistics(struct repo *repo, struct repo_statistics *out);

#define REPO_SECRET_BYTES 32

/*
 * Copies the secret that everybody who shares this database has, and nobody else; it is made by
 * whoever asks first.
 */
int repo_secret(struct repo *repo, unsigned char secret[REPO_SECRET_BYTES]);

/* ---- rooms -------------------------------------------------------------------------------- */

/*
 * A room. `number` is the repository's own short key for it: it stays the same for ever, is the
 * same for every process on this database, and never leaves the server. A public room is unique by
 * its name among public rooms; a private room is unique by its pair of users and lives outside that
 * name space, so nobody can take a private room's name in advance.
 */
struct repo_room {
    int64_t number;
    char id[REPO_ID_SIZE];
    char name[REPO_ROOM_NAME_SIZE];
    bool is_private;
    char users[2][REPO_ID_SIZE]; /* a private room's pair, in strcmp order; else empty */
};

/* Who may join a room that is not private. */
enum repo_room_kind {
    REPO_PUBLIC,      /* anybody */
    REPO_INVITE_ONLY, /* who is in it already, or was invited */
};

/* What a new room begins with; of a private one only `created`. */
struct repo_room_origin {
    const char *owner_id; /* or NULL: nobody */
    const char *topic;    /* or NULL: none */
    enum repo_room_kind kind;
    int64_t created; /* milliseconds since 1970 */
};

/*
 * Adds the room, or finds the one that is there already: a public one by name, a private one by its
 * pair (in any order). *room goes in with everything but `number` and comes back as it is stored;
 * when it was there already, its stored id and name replace the offered ones, and nothing of the
 * origin counts. *created says which. Two processes that add the same room at once get the same one.
 * Public here, and in the other functions of this part, means not private, whatever the kind; deleted
 * rooms are not there.
 */
int repo_room_add(struct repo *repo, struct repo_room *room, const struct repo_room_origin *origin,
                  bool *created);

/* Finds a public room by its name, or returns -ENOENT. */
int repo_room_find_by_name(struct repo *repo, const char *name, struct repo_room *out);

/* Finds the private room of the two users, in any order, or returns -ENOENT. */
int repo_room_find_by_users(struct repo *repo, const char *one, const char *other,
                            struct repo_room *out);

/* Finds a room, public or private, by its id, or returns -ENOENT. */
int repo_room_find_by_id(struct repo *repo, const char *id, struct repo_room *out);

/* ---- the roll of a room ------------------------------------------------------------------- */

/* One user who joins the room for good, or leaves it. The pointer must live through the call. */
struct repo_roll_change {
    const char *user_id;
    bool joins;
};

/*
 * Puts the changes on the roll of the room with the given number, in their order and in one
 * transaction. Writes nothing when the roll is like that already. -ESTALE: `version` is not the
 * room's of today (rights.h), and it has to be looked at again who may be on it.
 */
int repo_roll_change(struct repo *repo, int64_t room, uint64_t version,
                     const struct repo_roll_change *changes, size_t count);

/* Returns 0 when the user is on the room's roll: joined it and did not leave it; else -ENOENT. */
int repo_roll_find(struct repo *repo, int64_t room, const char *user_id);

/*
 * Called for each room that is read, which is valid during the call only; `since` is the seq of its
 * last message that was stored by then, 0 for none. Not 0 ends the read.
 */
typedef int (*repo_missed_function)(void *argument, const struct repo_room *room, uint64_t since);

/*
 * Reads those of the user's private rooms whose last message is newer than `seen` (milliseconds
 * since 1970), the ones with the newest first, at most `limit`. Reads no more of a room than what
 * is newer. Returns what `each` returned when that was not 0.
 */
int repo_private_missed(struct repo *repo, const char *user_id, int64_t seen, size_t limit,
                        repo_missed_function each, void *argument);

/* ---- users who may come back -------------------------------------------------------------- */

#define REPO_TOKEN_HASH_BYTES 32

/* A user whom a token stands for. */
struct repo_identity {
    char id[REPO_ID_SIZE];
    char name[REPO_USER_NAME_SIZE];
    int64_t expires; /* milliseconds since 1970: until when the token is good */
    int64_t seen;    /* milliseconds since 1970: when it was online last, as far as is known */
};

/*
 * Finds the identity by its token's hash, or returns -ENOENT, also when it expired before `now`
 * (milliseconds since 1970), unless its user is online.
 */
int repo_identity_find(struct repo *repo, const unsigned char hash[REPO_TOKEN_HASH_BYTES],
                       int64_t now, struct repo_identity *out);

/*
 * Finds the user, expired or not, by its id, a guest or one with an account, whose identity does not
 * expire; or returns -ENOENT.
 */
int repo_identity_find_by_id(struct repo *repo, const char *id, struct repo_identity *out);

/*
 * Removes identities that expired before `now` and whose users are not online, at most `limit`, and
 * takes them off every roll; *removed says how many they were. Writes nothing when there are none.
 */
int repo_identities_expire(struct repo *repo, int64_t now, size_t limit, size_t *removed);

/* ---- users online ------------------------------------------------------------------------- */

/* A user who is online, and an instance that holds a connection. There may be several of these. */
struct repo_user {
    char id[REPO_ID_SIZE];
    char name[REPO_USER_NAME_SIZE];
    char instance[REPO_ID_SIZE];
};

/*
 * Adds the users in one transaction; one that the instance holds already gets the given name.
 */
int repo_users_add(struct repo *repo, const struct repo_user *users, size_t count);

/*
 * Removes, in one transaction, those of the users that the named instance holds; one that is gone
 * already is left alone, and so is what other instances hold.
 */
int repo_users_remove(struct repo *repo, const struct repo_user *users, size_t count);

/* Why somebody is not let in. */
enum repo_refusal {
    REPO_REFUSED_NOT,
    REPO_REFUSED_SESSION, /* its session has ended */
    REPO_REFUSED_BANNED,  /* its account is banned */
    REPO_REFUSED_NAME,    /* a guest, whose name is an account's */
};

/* A user who begins to be online on an instance: a guest, or, with a session, an account. */
struct repo_arrival {
    const char *folded;        /* a guest's folded name; NULL: like no other */
    int64_t session;           /* repo/session.h; 0: a guest */
    int64_t expires;           /* the identity's or the session's new end */
    int64_t seen;              /* now */
    enum repo_refusal refusal; /* out: nothing of a refused one is stored */
    unsigned char token_hash[REPO_TOKEN_HASH_BYTES]; /* of a guest's new identity */
    struct repo_user user;
};

/*
 * Adds the users and, for guests where there is none of the id, their identities, all in one
 * transaction. Of an identity or a session that is there, `seen` moves on, and so does `expires` when
 * that is by an hour or more; its name and its token stay. Returns -EEXIST when a new identity's
 * token is another's already.
 */
int repo_users_arrive(struct repo *repo, struct repo_arrival *arrivals, size_t count);

/* A user whose last connection to an instance ended. */
struct repo_departure {
    int64_t seen;    /* when that was, in milliseconds since 1970 */
    int64_t expires; /* the identity's new end, which never moves back */
    bool is_last;    /* out: it was online until now, and no instance holds it any more */
    struct repo_user user;
};

/*
 * Removes the users as repo_users_remove does, and moves `seen` of their identities on, which never
 * goes back, in one transaction. Of several processes at once, one is told that it was the last.
 */
int repo_users_depart(struct repo *repo, struct repo_departure *departures, size_t count);

/* Finds a user by id, as any of the instances holds it, or returns -ENOENT. */
int repo_user_find_by_id(struct repo *repo, const char *id, struct repo_user *out);

/* Called for each user that is read; `user` is valid during the call only. Not 0 ends the read. */
typedef int (*repo_user_function)(void *argument, const struct repo_user *user);

/*
 * Reads all users as of one moment, ordered by id and instance, and calls `each` for them: several
 * times for one whom several instances hold. Returns what `each` returned when that was not 0.
 */
int repo_users_all(struct repo *repo, repo_user_function each, void *argument);

/*
 * A number that changes with every change to the users, whichever process made it: equal numbers
 * mean that repo_users_all would read the same again.
 */
int repo_users_version(struct repo *repo, uint64_t *out);

/* ---- messages ----------------------------------------------------------------------------- */

/* What an entry of a room's log is. Each has a seq of its own. */
enum repo_kind {
    REPO_MESSAGE, /* something is said */
    REPO_EDIT,    /* a message has another text from now on */
    REPO_DELETE,  /* a message is taken back: its text, and that of its edits, is gone */
};

enum repo_outcome {
    REPO_STORED,   /* stored now */
    REPO_REPEATED, /* (room, sender, client_id) was stored before: seq and ts are the first one's */
    REPO_CONFLICT, /* the same, but it is another entry: nothing was stored */
    REPO_MISSING,  /* there is no message `of`, or it was deleted: nothing was stored */
    REPO_FOREIGN,  /* the message `of` is somebody else's: nothing was stored */
};

/* One entry to append. The pointers stay the caller's and must live through the call. */
struct repo_post {
    enum repo_kind kind;
    bool of_anybody; /* a delete may be of somebody else's message */
    uint64_t of;     /* the seq of the message that is edited or deleted */
    const char *sender_id;
    const char *sender_name;
    const char *client_id; /* the client's own id of the message, or NULL */
    const char *text;   /* valid UTF-8 without NUL, not necessarily terminated; not of a delete */
    size_t text_length; /* bytes; an edit has at least one */
    int64_t ts;         /* milliseconds since 1970; out: as stored */
    uint64_t seq;       /* out: the message's number in its room */
    enum repo_outcome outcome; /* out */
};

/*
 * Appends the posts, in their order, to the room with the given number, all in one transaction, and
 * fills in each post's outcome, seq and ts. A room's seqs are 1, 2, 3 … with no hole, whichever
 * processes append. A repeat within one call is found as well: the same sender's client_id stands for
 * the same kind, `of` and text, but for the text of what was edited or deleted since.
 * -ESTALE: `version` is not the room's of today (rights.h), and it has to be looked at again who may
 * post what.
 */
int repo_append(struct repo *repo, int64_t room, uint64_t version, struct repo_post *posts,
                size_t count);

/*
 * A stored entry as it is read; every pointer is valid during the callback only. A message that was
 * edited has its text of today. One that was deleted has none, and neither have its edits.
 */
struct repo_message {
    enum repo_kind kind;
    uint64_t seq;
    uint64_t of;      /* the seq of the message that is edited or deleted, else 0 */
    uint64_t changed; /* the seq of the last entry that edited or deleted it, else 0 */
    int64_t ts;       /* milliseconds since 1970 */
    const char *sender_id;
    const char *sender_name;
    const char *client_id; /* or NULL */
    const char *text;      /* NUL-terminated */
    size_t text_length;    /* bytes, without the NUL */
};

/* Called for each message that is read. Not 0 ends the read. */
typedef int (*repo_message_function)(void *argument, const struct repo_message *message);

/*
 * Reads the room's messages with after < seq < before, ascending, at most `limit` of them: the
 * first ones (`newest` false) or the last ones (`newest` true). Returns what `each` returned when
 * that was not 0.
 */
int repo_read(struct repo *repo, int64_t room, uint64_t after, uint64_t before, size_t limit,
              bool newest, repo_message_function each, void *argument);

/*
 * For each of `count` rooms, the seq of its last message, 0 where it has none, and, unless `versions`
 * is NULL, its version (rights.h), all as of one moment, in one query.
 */
int repo_last_seqs(struct repo *repo, const int64_t *rooms, uint64_t *seqs, uint64_t *versions,
                   size_t count);

/* ---- leases ------------------------------------------------------------------------------- */

/*
 * Takes or renews the instance's lease, to run out at `expires` (milliseconds since 1970).
 * *was_held says whether the lease was still there: when it was not, another process may have
 * removed this instance's users, and they have to be added again.
 */
int repo_lease_renew(struct repo *repo, const char *instance, int64_t expires, bool *was_held);

/*
 * Gives the instance's lease back and removes its users, in one transaction. If `until`
 * (milliseconds since 1970) is not 0 and the instance has users, they stay, and its lease runs out
 * then: who has come back to another instance by that time was online all along.
 */
int repo_lease_release(struct repo *repo, const char *instance, int64_t until);

/*
 * Ends every lease that ran out before `now` (milliseconds since 1970), removes its users and, once
 * this is committed, calls `each` for those whom no instance holds any more, once a user: of several
 * processes that try, each user is given to exactly one. Users of an instance that has no lease at
 * all are removed likewise. Writes nothing when there is nothing to end.
 */
int repo_leases_expire(struct repo *repo, int64_t now, repo_user_function each, void *argument);

#endif
