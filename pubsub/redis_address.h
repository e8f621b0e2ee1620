/*
 * Where a Redis is to be connected to: the socket addresses of a URL's host. Internal to pubsub/.
 * A name is looked up by a thread of its own, because that may take long and cannot be ended, and
 * again whenever a connection to what was found has failed.
 *
 * Any thread may call these; none blocks.
 */
#ifndef PUBSUB_REDIS_ADDRESS_H
#define PUBSUB_REDIS_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

struct redis_addresses;
struct redis_url;

struct redis_address {
    struct sockaddr_storage socket;
    socklen_t length;
    size_t index; /* for redis_addresses_avoid */
};

/* The caller owns *out and ends it with redis_addresses_close. Errors: -ENOMEM. */
int redis_addresses_open(const struct redis_url *url, struct redis_addresses **out);

/* A lookup that is under way goes on without its owner, and frees what is left when it ends. */
void redis_addresses_close(struct redis_addresses **addresses);

/*
 * The address to try. Errors: -EINPROGRESS (it is being looked up: ask again soon),
 * -EHOSTUNREACH (the name was not found; it is being looked up again).
 */
int redis_addresses_get(struct redis_addresses *addresses, struct redis_address *address);

/* Nobody answers at the address: try another one of the same host first, and look up again. */
void redis_addresses_avoid(struct redis_addresses *addresses, const struct redis_address *address);

#endif
