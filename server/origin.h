/*
 * Which web pages may connect: a browser lets any page of any site open a WebSocket to anywhere, and
 * says in `Origin` whose page it is (RFC 6455, 10.2). Any thread; nothing here blocks.
 */
#ifndef SERVER_ORIGIN_H
#define SERVER_ORIGIN_H

#include <stdbool.h>

/*
 * Whether the list is one of --origin: entries with commas between them, each `*`, `null`, or
 * SCHEME://HOST[:PORT] with a HOST that may begin with `*.`.
 */
bool origin_list_is_valid(const char *list);

/*
 * Whether a page with this Origin header may connect: one of the server's own, which has the same
 * host and port as the Host header, or one on the list. Either header may be NULL: programs send no
 * Origin. The list may be NULL, too.
 */
bool origin_is_allowed(const char *origin, const char *host, const char *list);

#endif
