/* Who a request comes from, behind proxies and behind who says so. */
#include "server/peer.h"

#include "test/unit/tap.h"

#include <arpa/inet.h>
#include <string.h>

#define PROXIES "10.0.0.0/8,192.0.2.7,2001:db8:1::/48"

static const struct {
    const char *socket;
    const char *forwarded;
    const char *trusted;
    const char *text;
    const char *what;
} requests[] = {
    {"198.51.100.9", NULL, NULL, "198.51.100.9", "the socket's address"},
    {"198.51.100.9", "203.0.113.5", NULL, "198.51.100.9", "where nobody is trusted, nor a header"},
    {"198.51.100.9", "203.0.113.5", PROXIES, "198.51.100.9", "nor the header of one who is not"},
    {"10.1.2.3", "203.0.113.5", PROXIES, "203.0.113.5", "whom a proxy names"},
    {"192.0.2.7", "203.0.113.5", PROXIES, "203.0.113.5", "a single proxy, too"},
    {"192.0.2.8", "203.0.113.5", PROXIES, "192.0.2.8", "not the one beside it"},
    {"11.0.0.1", "203.0.113.5", PROXIES, "11.0.0.1", "not the one beside its network"},
    {"10.1.2.3", NULL, PROXIES, "10.1.2.3", "the proxy itself, without a header"},
    {"10.1.2.3", "1.1.1.1, 203.0.113.5", PROXIES, "203.0.113.5", "the last one, not what it said"},
    {"10.1.2.3", "203.0.113.5, 10.9.9.9", PROXIES, "203.0.113.5", "through two proxies"},
    {"10.1.2.3", "1.1.1.1,203.0.113.5,10.9.9.9,192.0.2.7", PROXIES, "203.0.113.5", "through three"},
    {"10.1.2.3", "10.7.7.7, 10.9.9.9", PROXIES, "10.7.7.7", "the first, where all are proxies"},
    {"10.1.2.3", "  203.0.113.5\t", PROXIES, "203.0.113.5", "with white space"},
    {"10.1.2.3", "203.0.113.5:4711", PROXIES, "203.0.113.5", "with a port"},
    {"10.1.2.3", "2001:db8:2::1", PROXIES, "2001:db8:2::1", "IPv6"},
    {"10.1.2.3", "[2001:db8:2::1]", PROXIES, "2001:db8:2::1", "in brackets"},
    {"10.1.2.3", "[2001:db8:2::1]:443", PROXIES, "2001:db8:2::1", "with a port"},
    {"10.1.2.3", "203.0.113.5, 2001:db8:1:9::4", PROXIES, "203.0.113.5", "a proxy's IPv6 address"},
    {"10.1.2.3", "::ffff:203.0.113.5", PROXIES, "203.0.113.5", "IPv4 within IPv6 is IPv4"},
    {"10.1.2.3", "1.1.1.1, ::ffff:10.2.2.2", PROXIES, "1.1.1.1", "and trusted as that"},
    {"10.1.2.3", "", PROXIES, "10.1.2.3", "an empty header"},
    {"10.1.2.3", "1.1.1.1,", PROXIES, "10.1.2.3", "an empty end"},
    {"10.1.2.3", "unknown", PROXIES, "10.1.2.3", "no address"},
    {"10.1.2.3", "1.1.1.1, nonsense, 10.9.9.9", PROXIES, "10.1.2.3", "none behind a proxy's"},
    {"10.1.2.3", "203.0.113.5:", PROXIES, "10.1.2.3", "half a port"},
    {"10.1.2.3", "203.0.113.5:99999", PROXIES, "10.1.2.3", "no port"},
    {"10.1.2.3", "[203.0.113.5]:80", PROXIES, "10.1.2.3", "brackets around IPv4"},
    {"10.1.2.3", "[2001:db8:2::1", PROXIES, "10.1.2.3", "half of the brackets"},
    {"10.1.2.3", "[2001:db8:2::1]x", PROXIES, "10.1.2.3", "something behind them"},
    {"10.1.2.3", "fe80::1%eth0", PROXIES, "10.1.2.3", "an interface"},
    {"10.1.2.3", "0x0a.0.0.1", PROXIES, "10.1.2.3", "another base"},
    {"10.1.2.3", "203.0.113.0/24", PROXIES, "10.1.2.3", "a network"},
    {"10.1.2.3",
     "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
     PROXIES, "10.1.2.3", "what is too long"},
    {"198.51.100.9", "203.0.113.5", "0.0.0.0/0", "203.0.113.5", "every IPv4 address is trusted"},
    {"198.51.100.9", "2001:db8::1", "0.0.0.0/0", "2001:db8::1", "and no other"},
    {"10.128.0.1", "1.1.1.1", "10.0.0.0/9", "10.128.0.1", "a bit outside of a network"},
    {"10.127.0.1", "1.1.1.1", "10.0.0.0/9", "1.1.1.1", "a bit within"},
    {"", NULL, NULL, "0.0.0.0", "a socket without an address"},
};

static const struct {
    const char *list;
    bool is_valid;
} lists[] = {
    {"127.0.0.1", true},    {PROXIES, true},           {"::1", true},
    {"::/0", true},         {"10.0.0.0/8, ::1", true}, {"", false},
    {",", false},           {"127.0.0.1,", false},     {"localhost", false},
    {"10.0.0.0/33", false}, {"10.0.0.0/", false},      {"10.0.0.0/-1", false},
    {"::/129", false},      {"10.0.0.0/8/8", false},   {"10.0.0", false},
    {"::1 ::2", false},     {"10.0.0.0/0008", false},
};

static struct peer
resolve(const char *socket, const char *forwarded, const char *protocol, const char *trusted)
{
    struct peer_request request = {.socket = socket, .protocol = protocol};
    struct peer peer;

    if (forwarded != NULL)
        request.forwarded[request.forwarded_count++] = forwarded;
    peer_resolve(&request, trusted, &peer);
    return peer;
}

static bool
shares_key(const char *one, const char *other)
{
    struct peer first = resolve("10.1.2.3", one, NULL, PROXIES);
    struct peer second = resolve("10.1.2.3", other, NULL, PROXIES);

    return memcmp(first.key, second.key, PEER_KEY_BYTES) == 0;
}

static void
test_lines(void)
{
    struct peer_request request = {.socket = "10.1.2.3"};
    struct peer peer;

    request.forwarded[request.forwarded_count++] = "1.1.1.1";
    request.forwarded[request.forwarded_count++] = "203.0.113.5";
    request.forwarded[request.forwarded_count++] = "10.4.4.4";
    peer_resolve(&request, PROXIES, &peer);
    ok(strcmp(peer.text, "203.0.113.5") == 0,
       "several lines are read like one: the client's first");
    request.forwarded[1] = "";
    peer_resolve(&request, PROXIES, &peer);
    ok(strcmp(peer.text, "10.1.2.3") == 0,
       "a wrong one among them makes all of them count nothing");
}

static void
test_keys(void)
{
    unsigned char key[PEER_KEY_BYTES];
    struct peer peer = resolve("198.51.100.9", NULL, NULL, NULL);

    ok(!shares_key("203.0.113.5", "203.0.113.6"), "two IPv4 addresses are two");
    ok(shares_key("203.0.113.5", "::ffff:203.0.113.5"), "in either form one is one");
    ok(shares_key("2001:db8:2::1", "2001:db8:2::ffff:1"), "64 bits of IPv6 are one");
    ok(!shares_key("2001:db8:2::1", "2001:db8:2:1::1"), "other 64 bits are another");
    peer_key_of(inet_addr("198.51.100.9"), key);
    ok(memcmp(peer.key, key, sizeof(key)) == 0, "a socket's key is that of its text");
    ok(peer_list_has(PROXIES, inet_addr("10.255.0.1")), "a socket's address is on the list");
    ok(!peer_list_has(PROXIES, inet_addr("9.255.0.1")), "another one is not");
    ok(!peer_list_has(NULL, inet_addr("127.0.0.1")), "without a list none is");
}

static void
test_protocol(void)
{
    ok(resolve("10.1.2.3", NULL, "https", PROXIES).is_tls, "a proxy says that it speaks TLS");
    ok(resolve("10.1.2.3", "1.1.1.1", "http, HTTPS", PROXIES).is_tls,
       "the nearest one's word counts");
    ok(!resolve("10.1.2.3", NULL, "https, http", PROXIES).is_tls, "also where others did");
    ok(!resolve("10.1.2.3", NULL, "httpsx", PROXIES).is_tls, "another word is none");
    ok(!resolve("10.1.2.3", NULL, NULL, PROXIES).is_tls, "nor is nothing");
    ok(!resolve("198.51.100.9", NULL, "https", PROXIES).is_tls, "who is not trusted cannot say it");
    ok(!resolve("10.1.2.3", NULL, "https", NULL).is_tls, "nor anybody, without a list");
}

int
main(void)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct peer peer =
            resolve(requests[i].socket, requests[i].forwarded, NULL, requests[i].trusted);
        ok(strcmp(peer.text, requests[i].text) == 0, "%s: %s", requests[i].what, peer.text);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        ok(peer_list_is_valid(lists[i].list) == lists[i].is_valid, "the list \"%s\" is %s",
           lists[i].list, lists[i].is_valid ? "one" : "none");
    test_lines();
    test_keys();
    test_protocol();
    return done_testing();
}
