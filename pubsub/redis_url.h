/*
 * The address of a Redis, as people write it. Internal to pubsub/.
 *
 *     redis://[user[:password]@]host[:port][/db]      port 6379 and database 0 unless given;
 *                                                     an IPv6 address stands in brackets
 *     redis+unix://[user[:password]@]/path[?db=N]
 *
 * User, password and path may have bytes written as %XX; in user and password : / ? @ have to be.
 */
#ifndef PUBSUB_REDIS_URL_H
#define PUBSUB_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

#define REDIS_URL_PRINT_SIZE 1024 /* what redis_url_print writes at most, with its NUL */

struct redis_url {
    bool is_unix;
    bool has_password; /* which may be empty */
    char host[256];    /* a name, an IPv4 address, or an IPv6 address without brackets */
    char path[108];    /* of the socket, when is_unix */
    char user[128];    /* empty: none */
    char password[512];
    unsigned port;
    unsigned db;
};

/*
 * Reads a URL. Errors: -EINVAL, with what is wrong in `why`, in words that repeat nothing of the
 * URL: what stands where a host or a port should be may well be a part of the password.
 */
int redis_url_parse(const char *text, struct redis_url *url, char *why, size_t why_size);

/* Writes the URL without the password, for logs. */
void redis_url_print(const struct redis_url *url, char *text, size_t size);

#endif
