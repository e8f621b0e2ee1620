/* X-Forwarded-For, X-Forwarded-Proto, and the list of --trusted-proxy. */
#include "server/peer.h"
#include "test/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PROXY   "192.0.2.7"
#define OTHER   "198.51.100.9"
#define TRUSTED "192.0.2.0/24,2001:db8::/32"

/* Takes the line off the text, and returns it; NULL: there is none. */
static const char *
next_line(char **text)
{
    char *line = *text;
    char *end = line != NULL ? strchr(line, '\n') : NULL;

    if (end != NULL)
        *end++ = '\0';
    *text = end;
    return line;
}

static bool
is_address(const char *address)
{
    struct in6_addr six;
    struct in_addr four;

    return inet_pton(AF_INET, address, &four) == 1 || inet_pton(AF_INET6, address, &six) == 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    struct peer peer;

    char *rest = text;
    const char *list = next_line(&rest);
    bool is_list = peer_list_is_valid(list);
    struct peer_request request = {.socket = PROXY, .protocol = next_line(&rest)};
    while (rest != NULL && request.forwarded_count < PEER_FORWARDED_MAX)
        request.forwarded[request.forwarded_count++] = next_line(&rest);

    peer_resolve(&request, TRUSTED, &peer);
    assert(is_address(peer.text));
    if (request.forwarded_count == 0)
        assert(strcmp(peer.text, PROXY) == 0);
    peer_resolve(&request, is_list ? list : NULL, &peer);
    assert(is_address(peer.text));
    /* Whatever is said, from who is not trusted it counts nothing. */
    request.socket = OTHER;
    peer_resolve(&request, TRUSTED, &peer);
    assert(strcmp(peer.text, OTHER) == 0 && !peer.is_tls);
    peer_resolve(&request, NULL, &peer);
    assert(strcmp(peer.text, OTHER) == 0 && !peer.is_tls);
    free(text);
    return 0;
}
