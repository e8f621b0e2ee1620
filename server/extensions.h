/*
 * What a client offers in Sec-WebSocket-Extensions (RFC 6455, 9.1), and what is taken of it:
 * permessage-deflate (RFC 7692, 7.1), without taking over a context in either direction.
 *
 * Pure functions: any thread, nothing blocks.
 */
#ifndef SERVER_EXTENSIONS_H
#define SERVER_EXTENSIONS_H

#include <stdbool.h>

#define EXTENSIONS_ANSWER_SIZE 128

/* What was found in the headers so far; all zero at first. */
struct extensions {
    bool deflates;                       /* an offer was accepted */
    char answer[EXTENSIONS_ANSWER_SIZE]; /* if so, the header's value in the answer */
};

/*
 * Reads one header, of which there may be several, and accepts the first offer that can be kept.
 * Offers that cannot, or that nobody knows, are declined, and that is no error. Returns 0, or -EINVAL
 * when the header is not what RFC 6455 says it must be, upon which the connection is to be refused.
 */
int extensions_read(struct extensions *extensions, const char *header);

#endif
