#include "server/peer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NETWORK_BYTES 8                      /* of an IPv6 address: who has it has all behind it */
#define ENTRY_SIZE    (INET6_ADDRSTRLEN + 8) /* an address with brackets, or with /BITS or :PORT */

/* An address of either kind: IPv4 mapped into IPv6. */
struct address {
    struct in6_addr bytes;
};

static bool
is_mapped(const struct address *address)
{
    return IN6_IS_ADDR_V4MAPPED(&address->bytes);
}

static struct address
map(in_addr_t address)
{
    struct address mapped = {.bytes = {.s6_addr = {[10] = 0xff, [11] = 0xff}}};

    memcpy(&mapped.bytes.s6_addr[12], &address, sizeof(address));
    return mapped;
}

static bool
read_address(const char *text, struct address *out)
{
    struct in_addr four;

    if (inet_pton(AF_INET, text, &four) != 1)
        return inet_pton(AF_INET6, text, &out->bytes) == 1;
    *out = map(four.s_addr);
    return true;
}

/* A number of up to `digits` digits and nothing else, at most `maximum`. */
static bool
read_number(const char *text, size_t digits, unsigned maximum, unsigned *out)
{
    size_t length = strspn(text, "0123456789");

    if (length == 0 || length > digits || text[length] != '\0')
        return false;
    *out = (unsigned)strtoul(text, NULL, 10);
    return *out <= maximum;
}

/*
 * Copies the list's entry that ends before `end`, without the white space around it, and sets *start
 * to where it begins. False: it is longer than any address.
 */
static bool
last_entry(const char *list, const char *end, const char **start, char entry[ENTRY_SIZE])
{
    const char *at = end;

    while (at > list && at[-1] != ',')
        at--;
    *start = at;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t length = (size_t)(end - at);
    if (length >= ENTRY_SIZE)
        return false;
    memcpy(entry, at, length);
    entry[length] = '\0';
    return true;
}

/* ---- the list of those who are trusted ---------------------------------------------------- */

/* A network: an address of which only the first bits count. */
struct network {
    struct address address;
    unsigned bits;
};

static bool
read_network(char entry[ENTRY_SIZE], struct network *out)
{
    char *slash = strchr(entry, '/');
    unsigned bits = 128;

    if (slash != NULL)
        *slash = '\0';
    if (!read_address(entry, &out->address))
        return false;
    bool is_four = strchr(entry, ':') == NULL;
    if (slash != NULL && !read_number(slash + 1, 3, is_four ? 32 : 128, &bits))
        return false;
    out->bits = is_four && slash != NULL ? bits + 96 : bits;
    return true;
}

static bool
has(const struct network *network, const struct address *address)
{
    const unsigned char *one = network->address.bytes.s6_addr;
    const unsigned char *other = address->bytes.s6_addr;
    unsigned whole = network->bits / 8;
    unsigned rest = network->bits % 8;

    return memcmp(one, other, whole) == 0 &&
           (rest == 0 || ((unsigned)(one[whole] ^ other[whole]) >> (8 - rest)) == 0);
}

bool
peer_list_is_valid(const char *list)
{
    const char *end = list + strlen(list);
    const char *start;
    char entry[ENTRY_SIZE];
    struct network network;

    for (;;) {
        if (!last_entry(list, end, &start, entry) || !read_network(entry, &network))
            return false;
        if (start == list)
            return true;
        end = start - 1;
    }
}

static bool
is_trusted(const char *list, const struct address *address)
{
    const char *end = list != NULL ? list + strlen(list) : NULL;
    const char *start;
    char entry[ENTRY_SIZE];
    struct network network;

    if (list == NULL)
        return false;
    for (;;) {
        if (last_entry(list, end, &start, entry) && read_network(entry, &network) &&
            has(&network, address))
            return true;
        if (start == list)
            return false;
        end = start - 1;
    }
}

bool
peer_list_has(const char *list, in_addr_t address)
{
    const struct address mapped = map(address);
    return is_trusted(list, &mapped);
}

/* ---- the peer ----------------------------------------------------------------------------- */

void
peer_key_of(in_addr_t address, unsigned char key[PEER_KEY_BYTES])
{
    const struct address mapped = map(address);
    memcpy(key, mapped.bytes.s6_addr, PEER_KEY_BYTES);
}

/* An address as proxies write it: some with a port, and IPv6 in brackets then (RFC 7239, 6). */
static bool
read_forwarded(char entry[ENTRY_SIZE], struct address *out)
{
    char *text = entry;
    char *port = NULL;
    unsigned number;

    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        port = end[1] == ':' ? end + 2 : NULL;
        *end = '\0';
        text++;
        if (strchr(text, ':') == NULL)
            return false;
    } else {
        char *colon = strchr(text, ':');
        if (colon != NULL && strchr(colon + 1, ':') == NULL) {
            *colon = '\0';
            port = colon + 1;
        }
    }
    return (port == NULL || read_number(port, 5, 65535, &number)) && read_address(text, out);
}

/*
 * Goes from the last address of X-Forwarded-For to the first, for as long as they are trusted: each
 * proxy adds whom it was asked by at the end. False: there is no such header, or one that is wrong.
 */
static bool
find_forwarded(const struct peer_request *request, const char *trusted, struct address *out)
{
    bool is_found = false;

    for (size_t line = request->forwarded_count; line > 0; line--) {
        const char *list = request->forwarded[line - 1];
        const char *end = list + strlen(list);
        const char *start;
        char entry[ENTRY_SIZE];
        for (;;) {
            if (!last_entry(list, end, &start, entry) || !read_forwarded(entry, out))
                return false;
            if (!is_trusted(trusted, out))
                return true;
            is_found = true;
            if (start == list)
                break;
            end = start - 1;
        }
    }
    return is_found;
}

/* Whether the last of the protocols, the one that the nearest proxy was asked by, is HTTPS. */
static bool
is_https(const char *protocols)
{
    char entry[ENTRY_SIZE];
    const char *start;

    return protocols != NULL &&
           last_entry(protocols, protocols + strlen(protocols), &start, entry) &&
           strcasecmp(entry, "https") == 0;
}

void
peer_resolve(const struct peer_request *request, const char *trusted, struct peer *out)
{
    struct address address;
    struct address forwarded;

    /* The kernel's own; should it ever be none, all of these are one address. */
    if (!read_address(request->socket, &address))
        address = map(INADDR_ANY);
    bool is_proxy = is_trusted(trusted, &address);
    if (is_proxy && find_forwarded(request, trusted, &forwarded))
        address = forwarded;
    *out = (struct peer){.is_tls = is_proxy && is_https(request->protocol)};
    memcpy(out->key, address.bytes.s6_addr, is_mapped(&address) ? PEER_KEY_BYTES : NETWORK_BYTES);
    const char *text =
        is_mapped(&address)
            ? inet_ntop(AF_INET, &address.bytes.s6_addr[12], out->text, sizeof(out->text))
            : inet_ntop(AF_INET6, &address.bytes, out->text, sizeof(out->text));
    assert(text != NULL);
}
