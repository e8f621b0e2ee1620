/*
 * What the files of this folder share and nobody else sees: a connection with its prepared
 * statements, the pool of connections that read, and the way to the one that writes.
 *
 * Locks: [I] immutable, [a] atomic, [m] under the pool's mutex, [T] the thread that has taken the
 * connection.
 */
#ifndef REPO_SQLITE_H
#define REPO_SQLITE_H

#include "repo/repo.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <time.h>

struct checkpointer;
struct write_group;

#define REPO_READERS 4

/* Every statement that a connection keeps once it has prepared it. */
enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_ROOM_ADD,
    STATEMENT_ROOM_BY_NAME,
    STATEMENT_ROOM_BY_ID,
    STATEMENT_ROOM_BY_PAIR,
    STATEMENT_USER_ADD,
    STATEMENT_USER_REMOVE,
    STATEMENT_USER_BY_ID,
    STATEMENT_USERS_ALL,
    STATEMENT_USERS_VERSION,
    STATEMENT_USERS_CHANGED,
    STATEMENT_USER_IS_ONLINE,
    STATEMENT_IDENTITY_BY_TOKEN,
    STATEMENT_IDENTITY_BY_ID,
    STATEMENT_IDENTITY_ADD,
    STATEMENT_IDENTITY_EXTEND,
    STATEMENT_IDENTITY_SEEN,
    STATEMENT_IDENTITIES_EXPIRED,
    STATEMENT_IDENTITIES_ROLL_EXPIRE,
    STATEMENT_IDENTITIES_STANDING_EXPIRE,
    STATEMENT_IDENTITIES_BLOCK_EXPIRE,
    STATEMENT_IDENTITIES_BLOCKED_EXPIRE,
    STATEMENT_IDENTITIES_EXPIRE,
    STATEMENT_ROLL_ADD,
    STATEMENT_ROLL_REMOVE,
    STATEMENT_ROLL_FIND,
    STATEMENT_ROLL_VERSION,
    STATEMENT_RIGHTS,
    STATEMENT_RIGHTS_CHANGE,
    STATEMENT_STANDING,
    STATEMENT_STANDING_CHANGE,
    STATEMENT_STANDINGS_CHANGED,
    STATEMENT_DELETED_FIND,
    STATEMENT_DELETED_MESSAGES,
    STATEMENT_DELETED_ROLL,
    STATEMENT_DELETED_STANDINGS,
    STATEMENT_DELETED_BURY,
    STATEMENT_ROOMS_LIST,
    STATEMENT_ROOM_USERS,
    STATEMENT_ROOM_BANNED,
    STATEMENT_BLOCKS,
    STATEMENT_ONLINE_SET,
    STATEMENT_ONLINE_TIDY,
    STATEMENT_FORGET_STANDINGS,
    STATEMENT_FORGET_OWNER,
    STATEMENT_FORGET_BLOCKS,
    STATEMENT_BLOCK_ADD,
    STATEMENT_BLOCK_REMOVE,
    STATEMENT_BLOCK_ROOM,
    STATEMENT_PRIVATE_MISSED,
    STATEMENT_MESSAGE_ADD,
    STATEMENT_MESSAGE_BY_CLIENT_ID,
    STATEMENT_MESSAGE_BY_PLACE,
    STATEMENT_MESSAGE_CHANGE,
    STATEMENT_MESSAGE_EDITS_CLEAR,
    STATEMENT_ENTRY_ADD,
    STATEMENT_MESSAGES_FIRST,
    STATEMENT_MESSAGES_LAST,
    STATEMENT_ROOM_LAST_SEQ,
    STATEMENT_LAST_SEQS,
    STATEMENT_LEASE_RENEW,
    STATEMENT_LEASE_TAKE,
    STATEMENT_LEASE_LEAVE,
    STATEMENT_LEASE_RELEASE,
    STATEMENT_LEASE_USERS_RELEASE,
    STATEMENT_LEASES_EXPIRED,
    STATEMENT_LEASES_EXPIRE,
    STATEMENT_LEASES_USERS_EXPIRE,
    STATEMENT_ACCOUNT_ADD,
    STATEMENT_ACCOUNT_ANY,
    STATEMENT_ACCOUNT_BY_NAME,
    STATEMENT_ACCOUNT_BY_ID,
    STATEMENT_ACCOUNTS_ALL,
    STATEMENT_ACCOUNT_PASSWORD,
    STATEMENT_ACCOUNT_ADMIN,
    STATEMENT_ACCOUNT_BAN,
    STATEMENT_ACCOUNT_REMOVE,
    STATEMENT_ACCOUNT_ROLL_REMOVE,
    STATEMENT_ACCOUNT_ROOMS_RENAME,
    STATEMENT_ACCOUNT_SEEN,
    STATEMENT_ACCOUNT_HAS_NAME,
    STATEMENT_INVITE_LINK_ADD,
    STATEMENT_INVITE_LINK_USE,
    STATEMENT_INVITE_LINK_FIND,
    STATEMENT_INVITE_LINKS_EXPIRE,
    STATEMENT_SESSION_ADD,
    STATEMENT_SESSION_BY_HASH,
    STATEMENT_SESSION_BANNED,
    STATEMENT_SESSION_SEEN,
    STATEMENT_SESSION_REMOVE,
    STATEMENT_SESSIONS_OF,
    STATEMENT_SESSIONS_NEWEST,
    STATEMENT_SESSIONS_REMOVE,
    STATEMENT_SESSION_OVER,
    STATEMENT_SESSIONS_EXPIRE,
    STATEMENT_REVOCATION_ADD,
    STATEMENT_REVOCATIONS_LAST,
    STATEMENT_REVOCATIONS_READ,
    STATEMENT_REVOCATIONS_EXPIRE,
    STATEMENT_GUEST_FOLDED,
    STATEMENT_GUEST_ONLINE,
    STATEMENT_USER_HELD,
    STATEMENT_USER_ROOMS,
    STATEMENT_USER_PIECE,
    STATEMENT_USER_ENTRIES,
    STATEMENT_USER_ERASE,
    STATEMENT_SECRET_ADD,
    STATEMENT_SECRET,
    STATEMENT_COUNT,
};

struct connection {
    sqlite3 *database;                         /* [I] */
    sqlite3_stmt *statements[STATEMENT_COUNT]; /* [T] prepared when first used */
    atomic_int_fast64_t *patience_us;          /* [I] the repository's */
    int64_t deadline;                          /* [T] until when it waits for another's lock */
    struct connection *next;                   /* [m] the next one that is free */
};

struct repo {
    struct connection writer;                /* [T] the write group's leader */
    struct connection mover;                 /* [T] the checkpointer */
    struct checkpointer *checkpointer;       /* [I] */
    struct connection readers[REPO_READERS]; /* [T] who has taken it */
    struct write_group *group;               /* [I] */
    int busy_timeout_ms;                     /* [I] */
    atomic_int_fast64_t patience_us;         /* [a] how long all may wait yet for others' locks */
    pthread_mutex_t mutex;                   /* of the pool; held for a few instructions */
    pthread_cond_t given;                    /* a reader came back */
    struct connection *free;                 /* [m] readers that nobody has */
    atomic_uint_fast64_t messages;           /* [a] stored */
};

/* ---- connections -------------------------------------------------------------------------- */

/* The monotonic clock in milliseconds, for deadlines. */
static inline int64_t
monotonic_ms(void)
{
    struct timespec now;
    int error = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(error == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Translates the last failure of this connection to a negative errno. */
int connection_error(const struct connection *connection);

/*
 * The busy handler of a connection: waits a moment for another's lock; 0 past the deadline, or when
 * all have waited as long as they may.
 */
int connection_wait(void *argument, int attempts);

/* Runs the text of one or more statements that are not kept. */
int connection_execute(struct connection *connection, const char *sql);

/* ---- statements --------------------------------------------------------------------------- */

/* Gives the kept statement, reset and ready for binding; `sql` is what it is prepared from. */
int statement_get(struct connection *connection, enum statement which, const char *sql,
                  sqlite3_stmt **out);

/* Steps to the next row: 1 when there is one, 0 when there is none, or a negative errno. */
int statement_row(struct connection *connection, sqlite3_stmt *statement);

/* Ends a statement, so that it holds no lock; returns `result`, or the failure to end if that is 0. */
int statement_end(struct connection *connection, sqlite3_stmt *statement, int result);

/* Runs a statement that gives no rows, and ends it. */
int statement_run(struct connection *connection, sqlite3_stmt *statement);

/* A number as a column can hold it. */
static inline int64_t
clamp(uint64_t number)
{
    return number < INT64_MAX ? (int64_t)number : INT64_MAX;
}

/* Copies a text column, "" for NULL; -EIO when it is longer than any that we store. */
int statement_text(sqlite3_stmt *statement, int column, char *out, size_t size);

/* ---- the repository's connections --------------------------------------------------------- */

/* Takes a reader out of the pool, waiting for another read to end if all are taken. */
struct connection *reader_take(struct repo *repo);

/* Gives a reader back. */
void reader_give(struct repo *repo, struct connection *reader);

/* ---- what several tables' files need ------------------------------------------------------- */

/*
 * A message's key, its place: its room's number, and in the lower 36 bits its seq. So the messages
 * of a room lie together, in their order. These are 68 thousand million, more than fit into a file of
 * SQLite's, for each of 134 million rooms.
 */
#define PLACE_SEQ_MAX  INT64_C(0xfffffffff)
#define PLACE_ROOM_MAX (INT64_MAX >> 36)

/* The place of the room's message; a seq that is beyond them all means the last place. */
static inline int64_t
message_place(int64_t room, uint64_t seq)
{
    return room << 36 | (seq < PLACE_SEQ_MAX ? (int64_t)seq : PLACE_SEQ_MAX);
}

/* What became of a post. */
struct result {
    uint64_t seq;
    int64_t ts;
    enum repo_outcome outcome;
};

/* Finds the entry with the post's client_id: fills in *out and returns 1, or 0 when there is none. */
int entry_find_repeated(struct connection *connection, int64_t room, const struct repo_post *post,
                        struct result *out);

/*
 * Stores an edit or a delete as the room's entry `seq`, and changes the message that it is about; or
 * finds out why not. *out has the outcome.
 */
int entry_add(struct connection *connection, int64_t room, uint64_t seq,
              const struct repo_post *post, struct result *out);

/* Those messages whose room has the number that the expression gives. */
#define IN_ROOM(room) "place BETWEEN " room " << 36 AND (" room " << 36 | 0xfffffffff)"

/* Gives the number of the room's last message, 0 for none; one seek. */
#define LAST_SEQ(room)                                                                             \
    "SELECT ifnull(max(place) & 0xfffffffff, 0) FROM message WHERE " IN_ROOM(room)

#define ROOM_COLUMNS "number, id, name, private, user_a, user_b"

/* Reads a row that begins with ROOM_COLUMNS. */
int room_from_row(sqlite3_stmt *statement, struct repo_room *out);

/* Ends what the user is in rooms, owner or moderator, and whom it blocks or is blocked by. */
int rights_forget(struct connection *connection, const char *user_id);

/* Takes the user off the room's roll, if it is on it. */
int roll_remove(struct connection *connection, int64_t room, const char *user_id);

/* Reads a row of id, name, instance. */
int user_from_row(sqlite3_stmt *statement, struct repo_user *out);

/* Adds the row of (id, instance), or renames it; *changed becomes true if that changed anything. */
int user_add(struct connection *connection, const struct repo_user *user, bool *changed);

/* Removes the row of (id, instance); *changed becomes true if it was there. */
int user_remove(struct connection *connection, const struct repo_user *user, bool *changed);

/* Says whether any instance holds the user: 1, 0 or a negative errno. */
int user_is_online(struct connection *connection, const char *id);

/* Moves the users' version on, within the transaction that changed the users. */
int users_changed(struct connection *connection);

struct repo_revocation;
struct repo_session_start;

/* Adds to the list of revocations, but for the number, which it is given. */
int revocation_add(struct connection *connection, const struct repo_revocation *revocation,
                   int64_t now);

/*
 * Begins a session of the account, and ends the one that was seen least recently where there are too
 * many. *number is the new one's.
 */
int session_begin(struct connection *connection, const char *account_id,
                  const struct repo_session_start *start, int64_t now, int64_t *number);

/* The session is in use: moves `seen` and its end on, never back. */
int session_seen(struct connection *connection, int64_t number, int64_t seen, int64_t expires);

/*
 * Keeps another password, or the same one, if `former` is what is kept, or NULL; else -ENOENT.
 */
int account_change_password(struct connection *connection, const char *id, const char *former,
                            const char *password);

/* Ends the account's sessions but for the one with the number `except`, and lists that. */
int sessions_end(struct connection *connection, const char *account_id, int64_t except,
                 int64_t now);

#endif
