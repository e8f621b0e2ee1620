/*
 * The reception: where connections wait until the head of their request is whole. civetweb gives a
 * worker to each connection that it accepts, which then waits for what the client sends; some dozens
 * of clients that send half a head would keep all of them. So this process has an accept(2) of its
 * own, which gives it only connections whose request it can read at once.
 *
 * civetweb polls its listening socket and calls accept when that is readable. The reception puts an
 * epoll instance in that one's place: it is readable when somebody comes, when one who waits has sent
 * something, when somebody's time is over, or when civetweb is to stop, which it would see only after
 * two seconds in which nobody comes.
 */
#ifndef SERVER_RECEPTION_H
#define SERVER_RECEPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reception_counters {
    uint64_t waiting;
    uint64_t timed_out; /* sent away, as their head was not whole in time */
    uint64_t displaced; /* sent away for others, as too many waited */
    uint64_t crowded;   /* sent away, as too many of the same address waited */
};

struct reception_options {
    int base;                    /* descriptors of who waits are at least that */
    unsigned maximum;            /* who may wait; then the one that has longest is sent away */
    unsigned maximum_of_address; /* of one address, but for a proxy's; 0: no limit */
    const char *trusted_proxy;   /* a list of peer.h's, or NULL */
    int64_t head_ms;             /* how long one may; 0: no limit */
};

/* Opens it, just before civetweb is started. Returns 0 or a negative errno. */
int reception_open(const struct reception_options *options);

/*
 * Has civetweb's thread that accepts look whether it is to stop, over and over: just before mg_stop.
 * Any thread; does not block. Returns false when nobody has ever connected: civetweb polls its own
 * socket still, and rings at the latest when somebody connects.
 */
bool reception_ring(void);

/* Sends away who waits still, and closes it; after civetweb has stopped. */
void reception_close(void);

/* Any thread; does not block. */
void reception_count(struct reception_counters *out);

#endif
