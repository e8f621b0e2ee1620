#include "server/origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define SEPARATOR "://"

/* A part of a text. */
struct part {
    const char *text;
    size_t length;
};

/* An origin's parts (RFC 6454, 7.1); the port has its colon, and is empty where it is the usual one. */
struct origin {
    struct part scheme;
    struct part host;
    struct part port;
};

static bool
equals(struct part one, struct part other)
{
    return one.length == other.length && strncasecmp(one.text, other.text, one.length) == 0;
}

static bool
is_text(struct part part, const char *text)
{
    return equals(part, (struct part){text, strlen(text)});
}

/* Splits HOST[:PORT]; a host in brackets is an IPv6 address. False: it has not that form. */
static bool
split_authority(struct part authority, struct part *host, struct part *port)
{
    static const char others[] = "/?#@, \t";
    size_t at = 0;

    for (size_t i = 0; i < authority.length; i++)
        if (strchr(others, authority.text[i]) != NULL)
            return false;
    if (authority.length > 0 && authority.text[0] == '[') {
        const char *end = memchr(authority.text, ']', authority.length);
        if (end == NULL)
            return false;
        at = (size_t)(end - authority.text) + 1;
    } else {
        while (at < authority.length && authority.text[at] != ':')
            at++;
    }
    *host = (struct part){authority.text, at};
    *port = (struct part){authority.text + at, authority.length - at};
    if (port->length == 0)
        return at > 0;
    return at > 0 && port->length > 1 && port->text[0] == ':' &&
           strspn(port->text + 1, "0123456789") >= port->length - 1;
}

static void
drop_usual_port(struct part scheme, struct part *port)
{
    if ((is_text(scheme, "http") && is_text(*port, ":80")) ||
        (is_text(scheme, "https") && is_text(*port, ":443")))
        port->length = 0;
}

static bool
split_origin(struct part text, struct origin *out)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    size_t length = strspn(text.text, letters);

    out->scheme = (struct part){text.text, length};
    if (length == 0 || length + strlen(SEPARATOR) > text.length ||
        memcmp(text.text + length, SEPARATOR, strlen(SEPARATOR)) != 0)
        return false;
    length += strlen(SEPARATOR);
    if (!split_authority((struct part){text.text + length, text.length - length}, &out->host,
                         &out->port))
        return false;
    drop_usual_port(out->scheme, &out->port);
    return true;
}

/* Takes the next entry off the list; false: there is none. */
static bool
next_entry(const char **list, struct part *entry)
{
    if (*list == NULL)
        return false;
    *entry = (struct part){*list, strcspn(*list, ",")};
    *list = (*list)[entry->length] == ',' ? *list + entry->length + 1 : NULL;
    return true;
}

bool
origin_list_is_valid(const char *list)
{
    struct origin origin;
    struct part entry;

    while (next_entry(&list, &entry)) {
        if (is_text(entry, "*") || is_text(entry, "null"))
            continue;
        if (!split_origin(entry, &origin))
            return false;
        /* A star is for all that comes before a dot. */
        const char *star = memchr(origin.host.text, '*', origin.host.length);
        if (star != NULL && (star != origin.host.text || origin.host.length < 3 || star[1] != '.' ||
                             memchr(star + 1, '*', origin.host.length - 1) != NULL))
            return false;
    }
    return true;
}

/* Whether the host is the entry's, or below it. */
static bool
host_matches(struct part host, struct part entry)
{
    if (entry.text[0] != '*')
        return equals(host, entry);
    struct part ending = {entry.text + 1, entry.length - 1};
    return host.length > ending.length &&
           equals((struct part){host.text + host.length - ending.length, ending.length}, ending);
}

static bool
is_own(const struct origin *origin, const char *host)
{
    struct part own;
    struct part port;

    if (host == NULL || !split_authority((struct part){host, strlen(host)}, &own, &port))
        return false;
    drop_usual_port(origin->scheme, &port);
    return equals(own, origin->host) && equals(port, origin->port);
}

bool
origin_is_allowed(const char *text, const char *host, const char *list)
{
    struct origin origin;
    struct origin allowed;
    struct part entry;

    if (text == NULL)
        return true;
    struct part whole = {text, strlen(text)};
    bool is_origin = split_origin(whole, &origin);
    if (is_origin && is_own(&origin, host))
        return true;
    while (next_entry(&list, &entry)) {
        if (is_text(entry, "*") || (is_text(entry, "null") && is_text(whole, "null")))
            return true;
        if (is_origin && split_origin(entry, &allowed) && equals(origin.scheme, allowed.scheme) &&
            host_matches(origin.host, allowed.host) && equals(origin.port, allowed.port))
            return true;
    }
    return false;
}
