/*
 * The server: what its parts share, and the order in which they start and stop.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "rooms/rooms.h"
#include "server/limits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hasher;
struct http;
struct loop;
struct options;
struct pubsub;
struct repo;

#define SERVER_MESSAGE_BYTES 10000            /* longest text of a message */
#define SERVER_FRAME_BYTES   65536            /* longest WebSocket message of a client */
#define SERVER_SEQ_MAX       9007199254740991 /* 2^53 - 1: a client's numbers are doubles */
#define SERVER_LOOPS_MAX     64

/* Counters since the start, and gauges. */
struct server_counters {
    _Atomic uint64_t accepted;        /* connections that became clients */
    _Atomic uint64_t deflating;       /* of these, with permessage-deflate */
    _Atomic uint64_t plain_bytes;     /* of what was sent to these, before it was compressed */
    _Atomic uint64_t deflated_bytes;  /* and after that */
    _Atomic uint64_t refused;         /* upgrades that were answered with an error */
    _Atomic uint64_t slow_closed;     /* clients closed with 1013 */
    _Atomic uint64_t hints_dropped;   /* notices and the like, for who read slowly */
    _Atomic uint64_t protocol_closed; /* clients closed for breaking the protocol */
    _Atomic uint64_t timed_out;       /* clients from whom nothing came any more */
    _Atomic uint64_t errors;          /* commands refused */
    _Atomic int64_t outbox_bytes;     /* that wait for slow clients */
};

struct server {
    const struct options *options;        /* [I] */
    struct repo *repo;                    /* [I] */
    struct pubsub *pubsub;                /* [I] */
    struct rooms rooms;                   /* its own locks */
    struct loop *loops[SERVER_LOOPS_MAX]; /* [I] */
    unsigned loop_count;                  /* [I] */
    struct hasher *hasher;                /* [I] of passwords */
    struct http *http;                    /* [I] */
    unsigned max_clients;                 /* [I] */
    unsigned max_waiting;                 /* [I] connections whose request is not whole yet */
    atomic_uint clients;                  /* [a] connections open */
    atomic_uint next_loop;                /* [a] who gets the next client */
    atomic_uint body_readers;             /* [a] workers that wait for the body of a request */
    atomic_bool draining;                 /* [a] no new clients */
    struct limits limits;                 /* its own locks */
    struct server_counters counters;      /* [a] */
};

/* The longest WebSocket message that is taken, in bytes. */
unsigned server_frame_bytes(const struct server *server);

/*
 * Says whether the options would do, and makes nothing: the descriptor limit, the folder of
 * --static, and the database, which is opened if it is there. Returns as server_start does.
 */
int server_check(const struct options *options, char *why, size_t why_size);

/*
 * Starts everything by the options, and returns with the server serving. Returns 0, or a negative
 * errno with a line for a person in `why` and everything undone. The main thread, with the signals
 * blocked that it waits for.
 */
int server_start(struct server *server, const struct options *options, char *why, size_t why_size);

/*
 * Stops everything: no new connections, what was read is stored and answered, clients closed with
 * 1012, every thread joined. Takes a few seconds at most. The main thread.
 */
void server_stop(struct server *server);

#endif
