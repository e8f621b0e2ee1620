#include "server/options_table.h"

#include "server/json_guard.h"
#include "server/origin.h"
#include "server/peer.h"
#include "server/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <string.h>

#define MILLION 1000000u

static bool
parse_digits(const char *text, unsigned maximum, unsigned *out)
{
    unsigned long long number = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (unsigned)(*text - '0');
        if (number > maximum)
            return false;
    }
    *out = (unsigned)number;
    return true;
}

static bool
parse_number(const struct option_entry *entry, const char *value, struct options *options)
{
    unsigned number;

    if (!parse_digits(value, entry->maximum, &number) || number < entry->minimum)
        return false;
    memcpy((char *)options + entry->offset, &number, sizeof(number));
    return true;
}

static bool
parse_limit(const struct option_entry *entry, const char *value, struct options *options)
{
    const unsigned none = 0;

    if (strcmp(value, "none") != 0)
        return parse_number(entry, value, options);
    memcpy((char *)options + entry->offset, &none, sizeof(none));
    return true;
}

/* N[:BURST]; without a burst, that of a second. */
static bool
parse_messages(const struct option_entry *entry, const char *value, struct options *options)
{
    const char *colon = strchr(value, ':');
    size_t length = colon != NULL ? (size_t)(colon - value) : strlen(value);
    char rate[16];

    if (strcmp(value, "none") == 0)
        return parse_limit(entry, value, options);
    if (length >= sizeof(rate))
        return false;
    memcpy(rate, value, length);
    rate[length] = '\0';
    if (!parse_number(entry, rate, options))
        return false;
    options->limit_messages_burst = options->limit_messages;
    return colon == NULL ||
           (parse_digits(colon + 1, entry->maximum, &options->limit_messages_burst) &&
            options->limit_messages_burst > 0);
}

/* All of them at once; what comes behind it holds again. */
static bool
parse_limits(const struct option_entry *entry, const char *value, struct options *options)
{
    (void)entry;
    if (strcmp(value, "none") != 0)
        return false;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (option_table[i].is_limit && !option_table[i].parse(&option_table[i], value, options))
            return false;
    return true;
}

static bool
parse_string(const struct option_entry *entry, const char *value, struct options *options)
{
    memcpy((char *)options + entry->offset, &value, sizeof(value));
    return true;
}

/* Part of channel names, and of patterns that people write for them. */
static bool
parse_prefix(const struct option_entry *entry, const char *value, struct options *options)
{
    size_t length = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  ".-_");
    return length > 0 && length <= 32 && value[length] == '\0' &&
           parse_string(entry, value, options);
}

static bool
parse_origin(const struct option_entry *entry, const char *value, struct options *options)
{
    return origin_list_is_valid(value) && parse_string(entry, value, options);
}

static const char *const auth_words[] = {
    [AUTH_OPEN] = "open",
    [AUTH_MEMBERS] = "members",
};

static const char *const registration_words[] = {
    [REGISTRATION_OPEN] = "open",
    [REGISTRATION_INVITE] = "invite",
    [REGISTRATION_CLOSED] = "closed",
};

const char *
options_auth_word(enum auth auth)
{
    return auth_words[auth];
}

const char *
options_registration_word(enum registration registration)
{
    return registration_words[registration];
}

/* Finds the word in the list; false when it is not there. */
static bool
find_word(const char *const *words, unsigned count, const char *value, unsigned *out)
{
    for (*out = 0; *out < count; ++*out)
        if (strcmp(value, words[*out]) == 0)
            return true;
    return false;
}

static bool
parse_auth(const struct option_entry *entry, const char *value, struct options *options)
{
    unsigned found;

    (void)entry;
    if (!find_word(auth_words, sizeof(auth_words) / sizeof(*auth_words), value, &found))
        return false;
    options->auth = found;
    return true;
}

static bool
parse_registration(const struct option_entry *entry, const char *value, struct options *options)
{
    unsigned found;

    (void)entry;
    if (!find_word(registration_words, sizeof(registration_words) / sizeof(*registration_words),
                   value, &found))
        return false;
    options->registration = found;
    return true;
}

static bool
parse_proxies(const struct option_entry *entry, const char *value, struct options *options)
{
    return peer_list_is_valid(value) && parse_string(entry, value, options);
}

static bool
parse_durability(const struct option_entry *entry, const char *value, struct options *options)
{
    (void)entry;
    if (strcmp(value, "process") == 0)
        options->durability = REPO_DURABILITY_PROCESS;
    else if (strcmp(value, "full") == 0)
        options->durability = REPO_DURABILITY_FULL;
    else
        return false;
    return true;
}

static bool
parse_compression(const struct option_entry *entry, const char *value, struct options *options)
{
    (void)entry;
    options->compression = strcmp(value, "on") == 0;
    return options->compression || strcmp(value, "off") == 0;
}

/* HOST:PORT; a host is empty, a name, an IPv4 address, or an IPv6 address in brackets. */
static bool
parse_address(const struct option_entry *entry, const char *value, struct options *options)
{
    const char *colon = strrchr(value, ':');
    struct in6_addr address;
    char host[sizeof(options->host)];
    size_t length;

    if (colon == NULL || !parse_digits(colon + 1, entry->maximum, &options->port))
        return false;
    length = (size_t)(colon - value);
    if (length >= sizeof(host))
        return false;
    memcpy(host, value, length);
    host[length] = '\0';
    if (host[0] == '[') {
        if (host[length - 1] != ']')
            return false;
        host[length - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, &address) != 1)
            return false;
        memcpy(options->host, host + 1, length - 1);
        return true;
    }
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)host[i]) && strchr("-._", host[i]) == NULL)
            return false;
    memcpy(options->host, host, length + 1);
    return true;
}

static bool
parse_check(const struct option_entry *entry, const char *value, struct options *options)
{
    (void)entry;
    (void)value;
    options->check = true;
    return true;
}

const struct option_entry option_table[] = {
    {
        .name = "addr",
        .argument = "HOST:PORT",
        .initial = ":8080",
        .help = "where to listen; port 0 is any free one",
        .expected = "HOST:PORT or :PORT with a port from 0 to 65535",
        .parse = parse_address,
        .maximum = 65535,
    },
    {
        .name = "db",
        .argument = "PATH",
        .initial = "./chatdb.db",
        .help = "the SQLite file, made when it is missing",
        .parse = parse_string,
        .offset = offsetof(struct options, database),
    },
    {
        .name = "static",
        .argument = "DIR",
        .help = "serve this folder instead of the page in the binary",
        .parse = parse_string,
        .offset = offsetof(struct options, static_directory),
    },
    {
        .name = "user",
        .argument = "NAME",
        .help = "become this user after starting as root",
        .parse = parse_string,
        .offset = offsetof(struct options, user),
    },
    {
        .name = "origin",
        .argument = "LIST",
        .help = "other sites whose pages may connect, such as https://a.example",
        .expected = "a list, with commas, of *, null, and SCHEME://HOST[:PORT]",
        .parse = parse_origin,
        .offset = offsetof(struct options, origin),
    },
    {
        .name = "auth",
        .argument = "open|members",
        .initial = "open",
        .help = "who may come in: guests too, or accounts alone",
        .expected = "open or members",
        .parse = parse_auth,
    },
    {
        .name = "registration",
        .argument = "WHO",
        .initial = "open",
        .help = "who may make an account: open (all), invite, or closed",
        .expected = "open, invite or closed",
        .parse = parse_registration,
    },
    {
        .name = "trusted-proxy",
        .argument = "LIST",
        .help = "proxies whose X-Forwarded-For counts, such as 127.0.0.1,10.0.0.0/8",
        .expected = "a list, with commas, of addresses and ADDRESS/BITS",
        .parse = parse_proxies,
        .offset = offsetof(struct options, trusted_proxy),
    },
    {
        .name = "redis",
        .argument = "URL",
        .help = "a Redis that connects instances: redis://HOST, redis+unix:///PATH",
        .parse = parse_string,
        .offset = offsetof(struct options, redis),
    },
    {
        .name = "redis-prefix",
        .argument = "PREFIX",
        .initial = "chat",
        .help = "what the names of its channels begin with",
        .expected = "1 to 32 letters, digits, dots, dashes and underscores",
        .parse = parse_prefix,
        .offset = offsetof(struct options, redis_prefix),
    },
    {
        .name = "redis-password-file",
        .argument = "FILE",
        .help = "a file whose first line is its password",
        .parse = parse_string,
        .offset = offsetof(struct options, redis_password_file),
    },
    {
        .name = "durability",
        .argument = "process|full",
        .initial = "process",
        .help = "an ack means safe from a crash, or a power cut",
        .expected = "process or full",
        .parse = parse_durability,
    },
    {
        .name = "max-clients",
        .argument = "N",
        .help = "clients at a time (default: what the descriptor limit allows)",
        .parse = parse_number,
        .offset = offsetof(struct options, max_clients),
        .maximum = MILLION,
    },
    {
        .name = "max-rooms",
        .argument = "N",
        .initial = "10000",
        .help = "rooms that run at a time",
        .parse = parse_number,
        .offset = offsetof(struct options, max_rooms),
        .minimum = 1,
        .maximum = MILLION,
    },
    {
        .name = "max-rooms-per-client",
        .argument = "N",
        .initial = "256",
        .help = "rooms that one client is in at a time",
        .parse = parse_number,
        .offset = offsetof(struct options, max_rooms_per_client),
        .minimum = 1,
        .maximum = 65535,
    },
    {
        .name = "limits",
        .argument = "none",
        .help = "no limits but those given behind it; each may be none, too",
        .expected = "none",
        .parse = parse_limits,
    },
    {
        .name = "limit-connections",
        .argument = "N",
        .initial = "512",
        .help = "clients of one address at a time",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_connections),
        .minimum = 1,
        .maximum = MILLION,
        .is_limit = true,
    },
    {
        .name = "limit-connects",
        .argument = "N",
        .initial = "3000",
        .help = "requests a minute of one address",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_connects),
        .minimum = 1,
        .maximum = MILLION,
        .is_limit = true,
    },
    {
        .name = "limit-messages",
        .argument = "N[:BURST]",
        .initial = "20:100",
        .help = "messages a second of one user, and at once",
        .expected = "N or N:BURST with numbers from 1 to 1000000, or none",
        .parse = parse_messages,
        .offset = offsetof(struct options, limit_messages),
        .minimum = 1,
        .maximum = MILLION,
        .is_limit = true,
    },
    {
        .name = "limit-rooms",
        .argument = "N",
        .initial = "1000",
        .help = "rooms of one user, each counted once a connection",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_rooms),
        .minimum = 1,
        .maximum = MILLION,
        .is_limit = true,
    },
    {
        .name = "limit-new-rooms",
        .argument = "N",
        .initial = "100",
        .help = "rooms an hour that one user makes",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_new_rooms),
        .minimum = 1,
        .maximum = MILLION,
        .is_limit = true,
    },
    {
        .name = "limit-registrations",
        .argument = "N",
        .initial = "100",
        .help = "accounts an hour made from one address",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_registrations),
        .minimum = 1,
        .maximum = MILLION,
        .is_limit = true,
    },
    {
        .name = "limit-logins",
        .argument = "N",
        .initial = "10",
        .help = "failed logins to one account until there are pauses",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_logins),
        .minimum = 1,
        .maximum = 10000,
        .is_limit = true,
    },
    {
        .name = "limit-body",
        .argument = "BYTES",
        .initial = "65536",
        .help = "bytes of a request's body",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_body),
        .minimum = 1024,
        .maximum = 1u << 24,
        .is_limit = true,
    },
    {
        .name = "limit-json-depth",
        .argument = "N",
        .initial = "16",
        .help = "objects and arrays within each other",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_json_depth),
        .minimum = 4,
        .maximum = JSON_GUARD_DEPTH_MAX,
        .is_limit = true,
    },
    {
        .name = "limit-json-size",
        .argument = "BYTES",
        .initial = "65536",
        .help = "bytes of a WebSocket message",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_json_size),
        .minimum = 1024,
        .maximum = SERVER_FRAME_BYTES,
        .is_limit = true,
    },
    {
        .name = "limit-head-time",
        .argument = "SECONDS",
        .initial = "5",
        .help = "seconds for the head of a request to come",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_head_time_s),
        .minimum = 1,
        .maximum = 3600,
        .is_limit = true,
    },
    {
        .name = "limit-frame-time",
        .argument = "SECONDS",
        .initial = "30",
        .help = "seconds for a WebSocket message to come",
        .parse = parse_limit,
        .offset = offsetof(struct options, limit_frame_time_s),
        .minimum = 1,
        .maximum = 3600,
        .is_limit = true,
    },
    {
        .name = "room-grace",
        .argument = "MS",
        .initial = "5000",
        .help = "milliseconds that an empty room goes on running",
        .parse = parse_number,
        .offset = offsetof(struct options, room_grace_ms),
        .maximum = 3600000,
    },
    {
        .name = "presence-grace",
        .argument = "MS",
        .initial = "10000",
        .help = "milliseconds that a user who is gone stays online",
        .parse = parse_number,
        .offset = offsetof(struct options, presence_grace_ms),
        .maximum = 3600000,
    },
    {
        .name = "token-lifetime",
        .argument = "SECONDS",
        .initial = "2592000",
        .help = "seconds that a token is good after its last use",
        .parse = parse_number,
        .offset = offsetof(struct options, token_lifetime_s),
        .minimum = 1,
        .maximum = 1000000000,
    },
    {
        .name = "resume-limit",
        .argument = "N",
        .initial = "500",
        .help = "missed messages of a room that its join brings at most",
        .parse = parse_number,
        .offset = offsetof(struct options, resume_limit),
        .minimum = 1,
        .maximum = 10000,
    },
    {
        .name = "outbox",
        .argument = "BYTES",
        .initial = "786432",
        .help = "bytes that may wait for a client that reads slowly",
        .parse = parse_number,
        .offset = offsetof(struct options, outbox_bytes),
        .minimum = 65536,
        .maximum = 1u << 30,
    },
    {
        .name = "ping-after",
        .argument = "SECONDS",
        .initial = "54",
        .help = "silence of a client after which it is sent a ping",
        .parse = parse_number,
        .offset = offsetof(struct options, ping_after_s),
        .minimum = 1,
        .maximum = 86400,
    },
    {
        .name = "idle-timeout",
        .argument = "SECONDS",
        .initial = "60",
        .help = "silence of a client after which its connection is ended",
        .parse = parse_number,
        .offset = offsetof(struct options, idle_timeout_s),
        .minimum = 1,
        .maximum = 86400,
    },
    {
        .name = "compression",
        .argument = "on|off",
        .initial = "on",
        .help = "compress for who can take it, permessage-deflate",
        .expected = "on or off",
        .parse = parse_compression,
    },
    {.name = "check",
     .help = "check the options and what they name, and exit",
     .parse = parse_check},
    {.name = "help", .help = "print this and exit", .action = OPTION_HELP},
    {.name = "version", .help = "print the version and exit", .action = OPTION_VERSION},
};

static_assert(sizeof(option_table) / sizeof(*option_table) == OPTION_COUNT, "count the options");
