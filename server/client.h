/*
 * A client: one WebSocket connection, from the hand-over to its end. It is a member of rooms
 * (rooms/member.h), and belongs to one I/O loop, whose thread alone reads from it and closes it;
 * any thread may send.
 *
 * References: the loop's, from the start to the end of the connection; the lobby's and each
 * membership's.
 */
#ifndef SERVER_CLIENT_H
#define SERVER_CLIENT_H

#include "rooms/member.h"
#include "server/loop.h"
#include "server/outbox.h"
#include "server/token.h"
#include "server/websocket.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CLIENT_REASON_SIZE 64

struct counted_holder;
struct identity;
struct server;

/* What is kept of who connects until it is told, in `welcome`. */
struct client_secret {
    int64_t expires; /* milliseconds since 1970 */
    char token[TOKEN_SIZE];
};

/* Sorted by size rather than by use, since there are as many of them as clients. */
struct client {
    struct member member;             /* first: a member of this kind is a client */
    struct server *server;            /* [I] */
    struct loop *loop;                /* [I] */
    struct client_secret *secret;     /* [T] of the lobby, until it is told; then NULL */
    struct lock lock;                 /* rank LOCK_CLIENT: the fields marked [m] */
    struct outbox outbox;             /* [m] */
    struct websocket_decoder decoder; /* [T] of the loop */
    char *partial;                    /* [T] an incomplete frame, or NULL */
    int64_t heard;                    /* [T] clock_monotonic_ms, when something came last */
    int64_t began;                  /* [T] the same: since when a message is incomplete; 0: none */
    struct counted_holder *address; /* [T] a connection of its address's */
    struct counted_holder *rooms;   /* [T] what is counted of its rooms for the user, or NULL */
    const char *close_reason;       /* [m] a constant word that goes with close_code, or NULL */
    struct client *newer;           /* [T] of the loop's list */
    struct client *older;           /* [T] */
    struct client *next_asked;      /* [loop's lock] */
    atomic_uint references;         /* [a] */
    atomic_uint under_way;          /* [a] requests that were not answered */
    int socket;                     /* [m] changed by the loop alone; -1 once ended */
    uint32_t partial_length;        /* [T] */
    uint32_t partial_size;          /* [T] */
    uint32_t taken;                 /* [T] by client_takes: the bytes that it had, modulo 2^32 */
    uint16_t room_count;            /* [T] that are counted so */
    uint16_t close_code;            /* [m] what it is to be closed with; 0: not */
    uint8_t asked;                  /* [loop's lock] enum loop_request */
    atomic_bool paused; /* [a] not read from until some were answered; set by the loop */
    bool deaf;          /* [m] nothing more is sent, but a Close */
    bool wants_output;  /* [m] watched for output */
    bool awaits_room;   /* [m] what was missed waits until less waits in the outbox */
    bool watched;       /* [T] on a list of the loop */
    bool closing;       /* [T] a Close was sent or is about to be */
    bool write_ended;   /* [T] after the Close, the sending side was shut down */
    bool pinged;        /* [T] since something came last */
    bool is_owed;       /* [T] by client_takes: it had not taken everything then */
    char name[];        /* [I] */
};

/*
 * Takes over the connected socket of the user. Once the lobby has stored it, the client is welcomed,
 * put on the list of who is online, and served; when it cannot be stored, it is told so and closed.
 * It is counted in server->clients already, and is not once it has ended; so is `address`, which is
 * cleared. `deflates` says whether permessage-deflate was negotiated. Any thread; never blocks.
 * Returns 0 and the client in *out, held for the caller, or a negative errno, when the socket and the
 * address stay the caller's.
 */
int client_start(struct server *server, int socket, const struct identity *identity,
                 struct counted_holder **address, bool deflates, struct client **out);

/* Has the client closed with the code. Any thread; never blocks. */
void client_abort(struct client *client, uint16_t code);

/* The same with a reason, which is constant. */
void client_abort_because(struct client *client, uint16_t code, const char *reason);

/*
 * Sends a message that is for this client alone, and gives the caller's reference back. Any thread;
 * never blocks.
 */
void client_send(struct client *client, struct message *message);

/*
 * From its beginning to its end the client has its turn: what this thread sends to it goes out
 * together, by the end, so that whoever asks for much in one go is not answered one by one while
 * others wait. The loop's thread; an end that finds nothing to send does not touch the client.
 */
void client_turn_begin(const struct client *client);
void client_turn_end(struct client *client);

/* Sends what there is so far, if it has its turn. */
void client_turn_send(struct client *client);

/* What a client does as a member (client_member.c). */
extern const struct member_operations client_operations;

/* The one of them that client_start is about. */
void client_handle_arrival(struct member *member, int error);

/*
 * Goes on with what was missed, if that waits and little enough waits in the outbox by now, or the
 * client is gone. The loop's thread, without a lock; does not block.
 */
void client_catch_up(struct client *client);

/* Frees what was not told. */
void client_forget_secret(struct client *client);

/*
 * The following are for the loop, on its thread.
 */

/* The socket can be read from, or has failed. */
void client_handle_input(struct client *client);

/* The socket takes output again. */
void client_handle_output(struct client *client);

/* What other threads asked for (enum loop_request). */
void client_handle_request(struct client *client, unsigned request);

/* Whether it is not read from, until some of its requests were answered. */
bool client_is_paused(const struct client *client);

/* Closes it where a message of it has been incomplete since before that time (clock_monotonic_ms). */
void client_end_unfinished(struct client *client, int64_t before);

/* Whether something waits for it that it does not read. */
bool client_owes_reading(struct client *client);

/* Begins to close, with a code and a reason for a person; once it has begun, does nothing. */
void client_close(struct client *client, uint16_t code, const char *reason);

/* Puts a Close behind what waits, as the last thing that is sent. */
void client_send_close(struct client *client, uint16_t code, const char *reason);

/*
 * After the last byte: the client sees the end, and what it sends until then is still read. With the
 * client's lock.
 */
void client_end_writing(struct client *client);

/* The reason of a Close with 1012: when to come back, another time for each. */
void client_restart_reason(char reason[CLIENT_REASON_SIZE]);

/* Closes with 1012 as soon as every post is answered. */
void client_drain(struct client *client);

/*
 * Whether the other side has taken some of what waited for it when this was asked last, or when it
 * was sent a ping: it reads, however slowly, and may not have come to the ping yet.
 */
bool client_takes(struct client *client);

/* Sends a ping. */
void client_ping(struct client *client);

/* Ends the connection at once and gives the loop's reference back. */
void client_end(struct client *client);

void client_hold(struct client *client);

void client_rele(struct client *client);

#endif
