/*
 * Who a request comes from: the address that limits are kept by. That is the socket's, unless it is
 * one of --trusted-proxy: then what that proxy says in X-Forwarded-For and X-Forwarded-Proto counts.
 * Any thread; nothing here blocks.
 */
#ifndef SERVER_PEER_H
#define SERVER_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct mg_connection;

#define PEER_KEY_BYTES     16
#define PEER_FORWARDED_MAX 64 /* header lines of one name that are looked at */

struct peer {
    /*
     * What counts as one address: an IPv4 address, mapped into IPv6 (RFC 4291, 2.5.5.2), or the first
     * 64 bits of an IPv6 address, zeros behind them: whoever has one has all of these.
     */
    unsigned char key[PEER_KEY_BYTES];
    char text[INET6_ADDRSTRLEN]; /* the whole address, for people */
    bool is_tls;                 /* the request came to the proxy by TLS */
};

/* What a request says of where it comes from; all of it but `socket` is as hostile as any input. */
struct peer_request {
    const char *socket;                        /* the socket's address, as text */
    const char *forwarded[PEER_FORWARDED_MAX]; /* lines of X-Forwarded-For, in their order */
    size_t forwarded_count;
    const char *protocol; /* the last line of X-Forwarded-Proto, or NULL */
};

/* Whether the list is one of --trusted-proxy: addresses and ADDRESS/BITS, with commas between them. */
bool peer_list_is_valid(const char *list);

/* Whether the list, which may be NULL, has the IPv4 address, in network byte order. */
bool peer_list_has(const char *list, in_addr_t address);

/* The key of an IPv4 address, in network byte order. */
void peer_key_of(in_addr_t address, unsigned char key[PEER_KEY_BYTES]);

/*
 * Finds the peer of a request: where the socket's address is on the list `trusted`, which may be
 * NULL, the last address of X-Forwarded-For that is not on it, or the first one if all are. What
 * is no address there makes the whole header count for nothing.
 */
void peer_resolve(const struct peer_request *request, const char *trusted, struct peer *out);

/* The same for a request of civetweb's. */
void peer_of(const struct mg_connection *connection, const char *trusted, struct peer *out);

#endif
