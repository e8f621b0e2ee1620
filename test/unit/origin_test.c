/* Whose pages may connect. */
#include "server/origin.h"

#include "test/unit/tap.h"

#define LIST "https://app.example,http://dev.example:3000,https://*.game.example"

static const struct {
    const char *origin;
    const char *host;
    const char *list;
    bool is_allowed;
    const char *what;
} pages[] = {
    {NULL, "chat.example", NULL, true, "a program that sends no Origin"},
    {NULL, NULL, NULL, true, "nor a Host"},
    {"http://chat.example", "chat.example", NULL, true, "our own page"},
    {"http://chat.example:8080", "chat.example:8080", NULL, true, "with a port"},
    {"https://chat.example", "chat.example", NULL, true, "behind a proxy that speaks TLS"},
    {"https://chat.example", "chat.example:443", NULL, true, "which names its port"},
    {"http://chat.example:80", "chat.example", NULL, true, "or the page its own"},
    {"HTTP://Chat.Example", "cHAT.eXAMPLE", NULL, true, "letters in either case"},
    {"http://[::1]:8080", "[::1]:8080", NULL, true, "an IPv6 address"},
    {"http://evil.example", "chat.example", NULL, false, "another site"},
    {"http://chat.example.evil.example", "chat.example", NULL, false, "one that begins like ours"},
    {"http://evilchat.example", "chat.example", NULL, false, "one that ends like ours"},
    {"http://chat.example:8081", "chat.example:8080", NULL, false, "another port"},
    {"http://chat.example", "chat.example:8080", NULL, false, "the usual port, which is another"},
    {"http://chat.example:443", "chat.example", NULL, false, "a port that is usual elsewhere"},
    {"http://chat.example", NULL, NULL, false, "no Host"},
    {"http://chat.example", "", NULL, false, "an empty Host"},
    {"null", "chat.example", NULL, false, "a page without an origin"},
    {"null", "null", NULL, false, "whatever the Host"},
    {"", "chat.example", NULL, false, "an empty Origin"},
    {"", "", NULL, false, "and Host"},
    {"chat.example", "chat.example", NULL, false, "no scheme"},
    {"://chat.example", "chat.example", NULL, false, "an empty scheme"},
    {"http:/chat.example", "chat.example", NULL, false, "half a separator"},
    {"http://chat.example/", "chat.example", NULL, false, "a path"},
    {"http://a@chat.example", "a@chat.example", NULL, false, "a user"},
    {"http://chat.example http://evil.example", "chat.example", NULL, false, "two origins"},
    {"http://chat.example:", "chat.example:", NULL, false, "an empty port"},
    {"http://chat.example:8x", "chat.example:8x", NULL, false, "a port that is no number"},
    {"http://[::1", "[::1", NULL, false, "half an IPv6 address"},
    {"https://app.example", "chat.example", LIST, true, "one on the list"},
    {"https://app.example:443", "chat.example", LIST, true, "with its port"},
    {"http://app.example", "chat.example", LIST, false, "with another scheme"},
    {"https://app.example:8443", "chat.example", LIST, false, "with another port"},
    {"http://dev.example:3000", "chat.example", LIST, true, "one with a port"},
    {"http://dev.example", "chat.example", LIST, false, "not without it"},
    {"https://a.game.example", "chat.example", LIST, true, "below a host"},
    {"https://a.b.game.example", "chat.example", LIST, true, "far below"},
    {"https://game.example", "chat.example", LIST, false, "not the host itself"},
    {"https://.game.example", "chat.example", LIST, false, "nor nothing below it"},
    {"https://evilgame.example", "chat.example", LIST, false, "nor what ends like it"},
    {"http://chat.example", "chat.example", LIST, true, "our own is allowed besides"},
    {"http://evil.example", "chat.example", "*", true, "all are, with a star"},
    {"nonsense", "chat.example", "*", true, "even nonsense"},
    {"null", "chat.example", "https://a.example,null", true, "null, where it is on the list"},
    {"http://null", "chat.example", "null", false, "which is no host"},
};

static const struct {
    const char *list;
    bool is_valid;
} lists[] = {
    {"*", true},
    {"null", true},
    {"https://a.example", true},
    {"http://localhost:3000,https://*.b.example,*", true},
    {"app://.", true},
    {"", false},
    {"a.example", false},
    {"https://a.example/", false},
    {"https://a.example,", false},
    {"https://a.example, https://b.example", false},
    {"https://", false},
    {"https://*", false},
    {"https://*.", false},
    {"https://*a.example", false},
    {"https://a.*.example", false},
    {"https://*.a.*.example", false},
    {"https://a.example:", false},
    {"https://a.example:https", false},
};

int
main(void)
{
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
        ok(origin_is_allowed(pages[i].origin, pages[i].host, pages[i].list) == pages[i].is_allowed,
           "%s: %s", pages[i].is_allowed ? "allowed" : "refused", pages[i].what);
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        ok(origin_list_is_valid(lists[i].list) == lists[i].is_valid, "%s: \"%s\"",
           lists[i].is_valid ? "a list" : "no list", lists[i].list);
    return done_testing();
}
