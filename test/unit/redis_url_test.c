/* The URL of a Redis: what it means, what is refused, and that no password is ever told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/redis_url.h"
#include "test/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *text;
    struct redis_url url;
    const char *printed;
} good[] = {
    {"redis://localhost", {.host = "localhost", .port = 6379}, "redis://localhost:6379/0"},
    {"redis://localhost/", {.host = "localhost", .port = 6379}, "redis://localhost:6379/0"},
    {"redis://r-1.example_x:7000/12",
     {.host = "r-1.example_x", .port = 7000, .db = 12},
     "redis://r-1.example_x:7000/12"},
    {"redis://10.0.0.1:1/2147483647",
     {.host = "10.0.0.1", .port = 1, .db = 2147483647},
     "redis://10.0.0.1:1/2147483647"},
    {"redis://:pw@h:65535",
     {.host = "h", .port = 65535, .has_password = true, .password = "pw"},
     "redis://h:65535/0"},
    {"redis://bob:pw@h",
     {.host = "h", .port = 6379, .user = "bob", .has_password = true, .password = "pw"},
     "redis://bob@h:6379/0"},
    {"redis://bob:@h",
     {.host = "h", .port = 6379, .user = "bob", .has_password = true},
     "redis://bob@h:6379/0"},
    {"redis://bob@h", {.host = "h", .port = 6379, .user = "bob"}, "redis://bob@h:6379/0"},
    {"redis://b%3ao%40b:p%3A%2f%40%25%20%C3%BC@h/3",
     {.host = "h",
      .port = 6379,
      .db = 3,
      .user = "b:o@b",
      .has_password = true,
      .password = "p:/@% \xc3\xbc"},
     "redis://b%3Ao%40b@h:6379/3"},
    {"redis://bob:a:b:c@h",
     {.host = "h", .port = 6379, .user = "bob", .has_password = true, .password = "a:b:c"},
     "redis://bob@h:6379/0"},
    {"redis://[::1]", {.host = "::1", .port = 6379}, "redis://[::1]:6379/0"},
    {"redis://:pw@[2001:db8::7]:7000/1",
     {.host = "2001:db8::7", .port = 7000, .db = 1, .has_password = true, .password = "pw"},
     "redis://[2001:db8::7]:7000/1"},
    {"redis+unix:///run/redis.sock",
     {.is_unix = true, .path = "/run/redis.sock", .port = 6379},
     "redis+unix:///run/redis.sock?db=0"},
    {"redis+unix:///run/a%20b%3f@c?db=5",
     {.is_unix = true, .path = "/run/a b?@c", .port = 6379, .db = 5},
     "redis+unix:///run/a%20b%3F%40c?db=5"},
    {"redis+unix://bob:pw@/s",
     {.is_unix = true,
      .path = "/s",
      .port = 6379,
      .user = "bob",
      .has_password = true,
      .password = "pw"},
     "redis+unix://bob@/s?db=0"},
};

/* The second one has to be in what is said about the first. */
static const char *const bad[][2] = {
    {"", "does not begin"},
    {"redis", "does not begin"},
    {"redis:", "does not begin"},
    {"redis:/host", "does not begin"},
    {"REDIS://host", "does not begin"},
    {"http://host", "does not begin"},
    {"localhost:6379", "does not begin"},
    {"rediss://:sesame@host", "TLS"},
    {"redis://", "no host"},
    {"redis:///0", "no host"},
    {"redis://:6379", "no host"},
    {"redis://:sesame@", "no host"},
    {"redis://:sesame@:6379", "no host"},
    {"redis://@host", "no user"},
    {"redis://host:", "port"},
    {"redis://host:0", "port"},
    {"redis://host:65536", "port"},
    {"redis://host:99999999999999999999999", "port"},
    {"redis://host:-1", "port"},
    {"redis://host:+1", "port"},
    {"redis://host:1x", "port"},
    {"redis://host:sesame", "port"},
    {"redis://bob:sesame/6@host", "port"},
    {"redis://::1", "no host"},
    {"redis://bob:ses@ame@host", "more than one @"},
    {"redis://host/x", "database"},
    {"redis://host/1/2", "database"},
    {"redis://host/-1", "database"},
    {"redis://host/2147483648", "database"},
    {"redis://host/1?x=y", "database"},
    {"redis://bob:77/sesame@host", "database"},
    {"redis://ho%73t", "characters"},
    {"redis://ho,st", "characters"},
    {"redis://h\xc3\xb6st", "characters"},
    {"redis://host?db=1", "characters"},
    {"redis://host#1", "characters"},
    {"redis://[::1", "no ]"},
    {"redis://[", "no ]"},
    {"redis://[]", "no host"},
    {"redis://[host]", "IPv6"},
    {"redis://[127.0.0.1]", "IPv6"},
    {"redis://[::1%25eth0]", "IPv6"},
    {"redis://[::1]6379", "only a port"},
    {"redis://[::1]:", "port"},
    {"redis://b%ob:sesame@host", "the user"},
    {"redis://b%00b:sesame@host", "the user has a NUL"},
    {"redis://bob:sesame%@host", "the password has a %"},
    {"redis://bob:sesame%2@host", "the password has a %"},
    {"redis://bob:sesame%zz@host", "the password has a %"},
    {"redis://bob:sesame%00@host", "the password has a NUL"},
    {"redis://bob:ses ame@host", "a space"},
    {"redis://host\n", "a space or a control"},
    {"redis://host\t", "a space or a control"},
    {"redis://\x7fhost", "a space or a control"},
    {"redis+unix://", "path"},
    {"redis+unix:///", "no path"},
    {"redis+unix:///?db=1", "no path"},
    {"redis+unix://run/redis.sock", "does not begin with a /"},
    {"redis+unix://:sesame@run/redis.sock", "does not begin with a /"},
    {"redis+unix://:sesame@", "path"},
    {"redis+unix:///s?db=", "db="},
    {"redis+unix:///s?db=x", "db="},
    {"redis+unix:///s?db=1&x=2", "db="},
    {"redis+unix:///s?x=2", "db="},
    {"redis+unix:///s?", "db="},
    {"redis+unix:///s%00", "a NUL"},
    {"redis+unix:///s%", "a %"},
};

static bool
is_same(const struct redis_url *one, const struct redis_url *other)
{
    return one->is_unix == other->is_unix && one->has_password == other->has_password &&
           strcmp(one->host, other->host) == 0 && strcmp(one->path, other->path) == 0 &&
           strcmp(one->user, other->user) == 0 && strcmp(one->password, other->password) == 0 &&
           one->port == other->port && one->db == other->db;
}

static void
test_good(void)
{
    for (size_t i = 0; i < COUNT(good); i++) {
        struct redis_url url;
        char why[128] = "";
        char printed[REDIS_URL_PRINT_SIZE];
        ok(redis_url_parse(good[i].text, &url, why, sizeof(why)) == 0 &&
               is_same(&url, &good[i].url),
           "%s%s", good[i].text, why);
        redis_url_print(&url, printed, sizeof(printed));
        ok(strcmp(printed, good[i].printed) == 0, "is printed as %s", printed);
    }
}

static void
test_bad(void)
{
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct redis_url url;
        char why[256] = "";
        ok(redis_url_parse(bad[i][0], &url, why, sizeof(why)) == -EINVAL &&
               strstr(why, bad[i][1]) != NULL && strstr(why, "sesame") == NULL,
           "number %zu is refused: %s", i, why);
    }
}

/* Each part at its longest, and one byte longer. */
static void
test_lengths(void)
{
    static const struct {
        const char *before;
        const char *after;
        size_t most;
    } parts[] = {
        {"redis://", "", 255},
        {"redis://", ":pw@h", 127},
        {"redis://:", "@h", 511},
        {"redis+unix:///", "", 106},
    };
    char text[8192];
    char why[256];
    struct redis_url url;

    for (size_t i = 0; i < COUNT(parts); i++) {
        for (size_t more = 0; more < 2; more++) {
            size_t length = parts[i].most + more;
            size_t start = strlen(parts[i].before);
            memcpy(text, parts[i].before, start);
            memset(text + start, 'x', length);
            memcpy(text + start + length, parts[i].after, strlen(parts[i].after) + 1);
            int result = redis_url_parse(text, &url, why, sizeof(why));
            ok(more == 0 ? result == 0 : result == -EINVAL && strstr(why, "too long") != NULL,
               "%s… of %zu bytes", parts[i].before, length);
        }
    }
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text, "redis://", 8);
    ok(redis_url_parse(text, &url, why, sizeof(why)) == -EINVAL, "far too long");
    ok(redis_url_parse("redis://", &url, why, 4) == -EINVAL && strlen(why) == 3,
       "what is wrong fits into what is there");
}

/* Anything between the parts: the sanitizers see what goes wrong. */
static void
test_rubbish(void)
{
    static const char bytes[] = ":/@[]?%=.-09afx \n\x80";
    struct redis_url url;
    char why[256];
    char printed[REDIS_URL_PRINT_SIZE];
    size_t accepted = 0;
    unsigned state = 1;

    for (size_t round = 0; round < 200000; round++) {
        char *text = malloc(64);
        if (text == NULL)
            abort();
        size_t length = (size_t)snprintf(text, 64, "%s", round % 2 ? "redis://" : "redis+unix://");
        for (size_t i = 0; i < round % 24; i++) {
            state = state * 1664525u + 1013904223u;
            text[length++] = bytes[(state >> 16) % (sizeof(bytes) - 1)];
        }
        text[length] = '\0';
        if (redis_url_parse(text, &url, why, sizeof(why)) == 0) {
            accepted++;
            redis_url_print(&url, printed, sizeof(printed));
        }
        free(text);
    }
    ok(accepted > 0, "of rubbish, %zu are URLs", accepted);
}

int
main(void)
{
    test_good();
    test_bad();
    test_lengths();
    test_rubbish();
    return done_testing();
}
