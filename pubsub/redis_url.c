#include "pubsub/redis_url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PORT_DEFAULT 6379u
#define PORT_MAX     65535u
#define DB_MAX       2147483647u
#define URL_MAX      4096u
#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* A part of the URL; `at` is NULL when the URL has no such part. */
struct part {
    const char *at;
    size_t length;
};

/* Where to say what is wrong. */
struct complaint {
    char *why;
    size_t size;
};

static int
fail(const struct complaint *complaint, const char *what)
{
    snprintf(complaint->why, complaint->size, "%s", what);
    return -EINVAL;
}

static int
fail_part(const struct complaint *complaint, const char *part, const char *problem)
{
    snprintf(complaint->why, complaint->size, "%s %s", part, problem);
    return -EINVAL;
}

/* What is before the first `separator`, or all of it; *rest is what is behind. */
static struct part
split(struct part whole, char separator, struct part *rest)
{
    const char *found = whole.length > 0 ? memchr(whole.at, separator, whole.length) : NULL;

    *rest = (struct part){NULL, 0};
    if (found != NULL) {
        size_t length = (size_t)(found - whole.at);
        *rest = (struct part){found + 1, whole.length - length - 1};
        whole.length = length;
    }
    return whole;
}

static int
hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Decodes %XX. Returns what is wrong, or NULL. */
static const char *
decode(struct part part, char *out, size_t size)
{
    size_t length = 0;

    for (size_t i = 0; i < part.length; i++) {
        char byte = part.at[i];
        if (byte == '%') {
            int high = i + 2 < part.length ? hex_digit(part.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(part.at[i + 2]) : -1;
            if (low < 0)
                return "has a % that two hexadecimal digits do not follow";
            byte = (char)(high * 16 + low);
            i += 2;
        }
        if (byte == '\0')
            return "has a NUL in it";
        if (length + 1 >= size)
            return "is too long";
        out[length++] = byte;
    }
    out[length] = '\0';
    return NULL;
}

static bool
read_number(struct part part, unsigned maximum, unsigned *number)
{
    unsigned long long value = 0;

    if (part.length == 0)
        return false;
    for (size_t i = 0; i < part.length; i++) {
        if (part.at[i] < '0' || part.at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(part.at[i] - '0');
        if (value > maximum)
            return false;
    }
    *number = (unsigned)value;
    return true;
}

/* Reads user and password off the front of *authority, which keeps the rest. */
static int
read_credentials(struct part *authority, struct redis_url *url, const struct complaint *complaint)
{
    struct part host;
    struct part password;
    struct part user = split(*authority, '@', &host);
    const char *problem;

    if (host.at == NULL)
        return 0;
    if (host.length > 0 && memchr(host.at, '@', host.length) != NULL)
        return fail(complaint, "there is more than one @ (in a password write it as %40)");
    user = split(user, ':', &password);
    problem = decode(user, url->user, sizeof(url->user));
    if (problem != NULL)
        return fail_part(complaint, "the user", problem);
    if (password.at != NULL) {
        problem = decode(password, url->password, sizeof(url->password));
        if (problem != NULL)
            return fail_part(complaint, "the password", problem);
        url->has_password = true;
    } else if (user.length == 0) {
        return fail(complaint, "there is an @ with no user and no password before it");
    }
    *authority = host;
    return 0;
}

/* Splits host and port, and takes the brackets off an IPv6 address. */
static int
split_host(struct part authority, struct part *host, struct part *port,
           const struct complaint *complaint)
{
    if (authority.length == 0 || authority.at[0] != '[') {
        *host = split(authority, ':', port);
        return 0;
    }
    *host = split((struct part){authority.at + 1, authority.length - 1}, ']', port);
    if (port->at == NULL)
        return fail(complaint, "the [ before the host has no ] behind it");
    if (port->length == 0)
        port->at = NULL;
    else if (port->at[0] == ':')
        *port = (struct part){port->at + 1, port->length - 1};
    else
        return fail(complaint, "only a port may follow the ] behind the host");
    return 0;
}

static int
read_host(struct part authority, struct redis_url *url, const struct complaint *complaint)
{
    struct in6_addr address;
    struct part host;
    struct part port;
    int error = split_host(authority, &host, &port, complaint);

    if (error != 0)
        return error;
    if (host.length == 0)
        return fail(complaint, "there is no host");
    if (host.length >= sizeof(url->host))
        return fail(complaint, "the host is too long");
    memcpy(url->host, host.at, host.length);
    url->host[host.length] = '\0';
    if (authority.at[0] == '[' && inet_pton(AF_INET6, url->host, &address) != 1)
        return fail(complaint, "what stands in brackets is not an IPv6 address");
    if (authority.at[0] != '[' && strspn(url->host, ALPHANUMERIC "-._") != host.length)
        return fail(complaint, "the host has characters that no host name has");
    if (port.at != NULL && (!read_number(port, PORT_MAX, &url->port) || url->port == 0))
        return fail(complaint,
                    "the port is not a number from 1 to 65535 (an IPv6 address stands in "
                    "brackets; in a password : / @ are %3A %2F %40)");
    return 0;
}

static int
read_tcp(struct part rest, struct redis_url *url, const struct complaint *complaint)
{
    struct part db;
    struct part authority = split(rest, '/', &db);
    int error = read_credentials(&authority, url, complaint);

    if (error == 0)
        error = read_host(authority, url, complaint);
    if (error == 0 && db.length > 0 && !read_number(db, DB_MAX, &url->db))
        error = fail(complaint, "the database behind the host is not a number");
    return error;
}

static int
read_unix(struct part rest, struct redis_url *url, const struct complaint *complaint)
{
    struct part path;
    struct part query;
    struct part authority = split(rest, '/', &path);
    const char *problem;
    int error = read_credentials(&authority, url, complaint);

    if (error != 0)
        return error;
    if (path.at == NULL || authority.length > 0)
        return fail(complaint, "the path of the socket does not begin with a /");
    path = split((struct part){path.at - 1, path.length + 1}, '?', &query);
    if (path.length == 1)
        return fail(complaint, "there is no path of a socket");
    problem = decode(path, url->path, sizeof(url->path));
    if (problem != NULL)
        return fail_part(complaint, "the path of the socket", problem);
    if (query.at == NULL)
        return 0;
    if (query.length < 3 || memcmp(query.at, "db=", 3) != 0 ||
        !read_number((struct part){query.at + 3, query.length - 3}, DB_MAX, &url->db))
        return fail(complaint, "what follows the ? is not db= with a number");
    return 0;
}

int
redis_url_parse(const char *text, struct redis_url *url, char *why, size_t why_size)
{
    static const char tcp[] = "redis://";
    static const char unix_socket[] = "redis+unix://";
    const struct complaint complaint = {why, why_size};
    size_t length = strnlen(text, URL_MAX + 1);

    *url = (struct redis_url){.port = PORT_DEFAULT};
    if (length > URL_MAX)
        return fail(&complaint, "it is too long");
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return fail(&complaint, "it has a space or a control character in it");
    }
    if (strncmp(text, tcp, sizeof(tcp) - 1) == 0)
        return read_tcp((struct part){text + sizeof(tcp) - 1, length - (sizeof(tcp) - 1)}, url,
                        &complaint);
    if (strncmp(text, unix_socket, sizeof(unix_socket) - 1) == 0) {
        url->is_unix = true;
        text += sizeof(unix_socket) - 1;
        return read_unix((struct part){text, length - (sizeof(unix_socket) - 1)}, url, &complaint);
    }
    if (strncmp(text, "rediss://", 9) == 0)
        return fail(&complaint, "rediss:// (TLS) is not supported");
    return fail(&complaint, "it does not begin with redis:// or redis+unix://");
}

/* Writes the text with every byte as %XX but the plain ones and `also`; returns its length. */
static size_t
encode(char *out, size_t size, const char *text, char also)
{
    size_t length = 0;

    for (; *text != '\0'; text++) {
        bool is_plain = *text == also || strchr(ALPHANUMERIC "-._~", *text) != NULL;
        length += (size_t)snprintf(out + length, size - length, is_plain ? "%c" : "%%%02X",
                                   (unsigned char)*text);
    }
    out[length] = '\0';
    return length;
}

void
redis_url_print(const struct redis_url *url, char *text, size_t size)
{
    char user[3 * sizeof(url->user) + 1];
    char path[3 * sizeof(url->path) + 1];
    bool is_ipv6 = strchr(url->host, ':') != NULL;
    const char *at = encode(user, sizeof(user), url->user, '-') > 0 ? "@" : "";

    if (url->is_unix) {
        (void)encode(path, sizeof(path), url->path, '/');
        snprintf(text, size, "redis+unix://%s%s%s?db=%u", user, at, path, url->db);
    } else {
        snprintf(text, size, "redis://%s%s%s%s%s:%u/%u", user, at, is_ipv6 ? "[" : "", url->host,
                 is_ipv6 ? "]" : "", url->port, url->db);
    }
}
