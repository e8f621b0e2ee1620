#include "pubsub/redis_address.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "pubsub/clock.h"
#include "pubsub/lock.h"
#include "pubsub/redis_url.h"

#define ADDRESSES_MAX   8u
#define LOOKUP_PAUSE_MS 1000 /* from one lookup to the next, at least */

/* [I] immutable, [m] own mutex */
struct redis_addresses {
    char host[sizeof(((struct redis_url *)NULL)->host)]; /* [I] */
    char port[8];                                        /* [I] */
    bool is_fixed;                                       /* [I] there is nothing to look up */
    pthread_mutex_t mutex;                               /* [I] */
    unsigned references;                                 /* [m] the owner's, and a lookup's */
    bool is_looking;                                     /* [m] a lookup is under way */
    bool is_old;                                         /* [m] what is found may be so no more */
    int64_t looked_up;                                   /* [m] when the last lookup ended */
    size_t count;                                        /* [m] of `found` */
    size_t preferred;                                    /* [m] which of `found` to try */
    struct redis_address found[ADDRESSES_MAX];           /* [m] */
};

/* Gives the reference back; the mutex is held, and is not after that. */
static void
release(struct redis_addresses *addresses)
{
    bool is_last = --addresses->references == 0;

    mutex_unlock(&addresses->mutex);
    if (!is_last)
        return;
    must(pthread_mutex_destroy(&addresses->mutex));
    free(addresses);
}

/* Finds addresses: IPv4 first, since that is what a Redis listens to unless told otherwise. */
static size_t
look_up(const struct redis_addresses *addresses, int flags, struct redis_address *found)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list;
    size_t count = 0;

    if (getaddrinfo(addresses->host, addresses->port, &hints, &list) != 0)
        return 0;
    for (int pass = 0; pass < 2; pass++) {
        for (const struct addrinfo *one = list; one != NULL; one = one->ai_next) {
            if ((one->ai_family == AF_INET) != (pass == 0) || count == ADDRESSES_MAX)
                continue;
            memcpy(&found[count].socket, one->ai_addr, one->ai_addrlen);
            found[count].length = one->ai_addrlen;
            found[count].index = count;
            count++;
        }
    }
    freeaddrinfo(list);
    return count;
}

static void *
lookup_main(void *argument)
{
    struct redis_addresses *addresses = argument;
    struct redis_address found[ADDRESSES_MAX];
    size_t count = look_up(addresses, 0, found);

    mutex_lock(&addresses->mutex);
    if (count > 0) {
        memcpy(addresses->found, found, count * sizeof(found[0]));
        addresses->count = count;
        addresses->preferred %= count;
        addresses->is_old = false;
    }
    addresses->is_looking = false;
    addresses->looked_up = clock_now();
    release(addresses);
    return NULL;
}

/* Starts a lookup, unless there is one or was one just now; the mutex is held. */
static void
look_up_again(struct redis_addresses *addresses)
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (addresses->is_fixed || addresses->is_looking ||
        (addresses->looked_up != 0 && clock_now() < addresses->looked_up + LOOKUP_PAUSE_MS))
        return;
    must(pthread_attr_init(&attributes));
    must(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    addresses->is_looking = pthread_create(&thread, &attributes, lookup_main, addresses) == 0;
    addresses->references += addresses->is_looking;
    must(pthread_attr_destroy(&attributes));
}

int
redis_addresses_open(const struct redis_url *url, struct redis_addresses **out)
{
    struct redis_addresses *addresses = calloc(1, sizeof(*addresses));

    if (addresses == NULL)
        return -ENOMEM;
    addresses->references = 1;
    memcpy(addresses->host, url->host, sizeof(addresses->host));
    snprintf(addresses->port, sizeof(addresses->port), "%u", url->port);
    must(pthread_mutex_init(&addresses->mutex, NULL));
    if (url->is_unix) {
        struct sockaddr_un *socket = (struct sockaddr_un *)&addresses->found[0].socket;
        socket->sun_family = AF_UNIX;
        static_assert(sizeof(socket->sun_path) >= sizeof(url->path), "every path fits");
        memcpy(socket->sun_path, url->path, sizeof(url->path));
        addresses->found[0].length = sizeof(*socket);
        addresses->count = 1;
    } else {
        addresses->count = look_up(addresses, AI_NUMERICHOST | AI_NUMERICSERV, addresses->found);
    }
    addresses->is_fixed = addresses->count > 0;
    *out = addresses;
    return 0;
}

void
redis_addresses_close(struct redis_addresses **addresses)
{
    struct redis_addresses *closing = *addresses;

    *addresses = NULL;
    if (closing == NULL)
        return;
    mutex_lock(&closing->mutex);
    release(closing);
}

int
redis_addresses_get(struct redis_addresses *addresses, struct redis_address *address)
{
    int error = 0;

    mutex_lock(&addresses->mutex);
    if (addresses->count == 0 || addresses->is_old)
        look_up_again(addresses);
    if (addresses->count > 0)
        *address = addresses->found[addresses->preferred];
    else
        error = addresses->looked_up == 0 && addresses->is_looking ? -EINPROGRESS : -EHOSTUNREACH;
    mutex_unlock(&addresses->mutex);
    return error;
}

void
redis_addresses_avoid(struct redis_addresses *addresses, const struct redis_address *address)
{
    mutex_lock(&addresses->mutex);
    if (addresses->preferred == address->index)
        addresses->preferred = (addresses->preferred + 1) % addresses->count;
    addresses->is_old = true;
    mutex_unlock(&addresses->mutex);
}
