/*
 * The limits that keep one client, user or address from taking what others need: --limit-… on the
 * command line, `error` or HTTP 429 for who meets one, chatd_limited_total in /metrics.
 *
 * Any thread; nothing here blocks. What an address is, peer.h says.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include "server/rate_limit.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct options;
struct peer;
struct server;

/* What is limited; the names are those of the options. */
enum limit {
    LIMIT_CONNECTIONS,
    LIMIT_CONNECTS,
    LIMIT_MESSAGES,
    LIMIT_ROOMS,
    LIMIT_NEW_ROOMS,
    LIMIT_REGISTRATIONS,
    LIMIT_LOGINS,
    LIMIT_BODY,
    LIMIT_JSON_DEPTH,
    LIMIT_JSON_SIZE,
    LIMIT_HEAD_TIME,
    LIMIT_FRAME_TIME,
    LIMIT_COUNT
};

struct limits {
    struct counted *connections;           /* by address */
    struct counted *rooms;                 /* by user */
    struct counted *bodies;                /* by address; requests whose body is waited for */
    struct rate_limit *connects;           /* by address */
    struct rate_limit *messages;           /* by user; posts and what is like them */
    struct rate_limit *joins;              /* by user */
    struct rate_limit *hints;              /* by user; who types */
    struct rate_limit *new_rooms;          /* by user */
    struct rate_limit *registrations;      /* by address */
    struct failure_limit *login_accounts;  /* by name */
    struct failure_limit *login_addresses; /* by address */
    _Atomic uint64_t refused[LIMIT_COUNT]; /* [a] since the start */
    _Atomic int64_t logged[LIMIT_COUNT];   /* [a] when that was last said in the log */
};

/* Makes them by the options. Returns 0 or -ENOMEM, with everything undone. The main thread. */
int limits_open(struct limits *limits, const struct options *options);

void limits_close(struct limits *limits);

/* Somebody met the limit; `who`, for the log, may be NULL. Said there once a minute at most. */
void limits_count(struct server *server, enum limit limit, const char *who);

/* The number of those since the start. */
uint64_t limits_counted(struct server *server, enum limit limit);

/* Writes them as metrics. */
void limits_write_metrics(struct server *server, FILE *stream);

/*
 * The following say whether one more may be, and count it then. If not, that is counted as well, and
 * *retry_after_ms says when it may be again.
 */

/* One more request of the address, whatever it is for. */
bool limits_take_connect(struct server *server, const struct peer *peer, int64_t *retry_after_ms);

/* One more account made from the address; given back where none came about. */
bool limits_take_registration(struct server *server, const struct peer *peer,
                              int64_t *retry_after_ms);
void limits_give_back_registration(struct server *server, const struct peer *peer);

/*
 * One more attempt to log in to the account of that name, which is folded and need not exist, from the
 * address. It counts as one that failed until one of the two after it is called: the password was
 * right, or it was not looked at.
 */
bool limits_take_login(struct server *server, const struct peer *peer, const char *folded_name,
                       int64_t *retry_after_ms);
void limits_forget_login(struct server *server, const struct peer *peer, const char *folded_name);
void limits_give_back_login(struct server *server, const struct peer *peer,
                            const char *folded_name);

/* One more message of the user, or something else that is stored or told like one. */
bool limits_take_message(struct server *server, const char *user_id, int64_t *retry_after_ms);

/* One more join or leave of the user. */
bool limits_take_join(struct server *server, const char *user_id, int64_t *retry_after_ms);

/* One more hint of the user, such as that it types. */
bool limits_take_hint(struct server *server, const char *user_id);

/* One more room that the user makes; given back where none came about. */
bool limits_take_new_room(struct server *server, const char *user_id);
void limits_give_back_new_room(struct server *server, const char *user_id);

/*
 * One more connection of the address as a client, which holds *out until limits_end_connection.
 * Returns 0, -EAGAIN when it has as many as it may, or -ENOMEM.
 */
int limits_begin_connection(struct server *server, const struct peer *peer,
                            struct counted_holder **out);

/* Gives it back and clears the pointer, which may point to NULL. */
void limits_end_connection(struct server *server, struct counted_holder **pointer);

/*
 * One connection of the user, of which `from` rooms were counted in *holder (NULL: none yet), is in
 * `to` now. Returns in how many the user is with all its connections, as far as they have said so.
 */
unsigned limits_move_rooms(struct server *server, const char *user_id,
                           struct counted_holder **holder, unsigned from, unsigned to);

/* In how many more rooms one may be who is in `rooms`. */
unsigned limits_rooms_left(const struct server *server, unsigned rooms);

/* Gives the connection's rooms back and clears the pointer, which may point to NULL. */
void limits_end_rooms(struct server *server, struct counted_holder **pointer, unsigned count);

#endif
