#include "server/extensions.h"

#include "pubsub/deflater.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX       16 /* longer ones fit no parameter that is known */
#define WINDOW_BITS_MIN 8
#define WINDOW_BITS_MAX 15

enum parameter {
    SERVER_NO_CONTEXT_TAKEOVER,
    CLIENT_NO_CONTEXT_TAKEOVER,
    SERVER_MAX_WINDOW_BITS,
    CLIENT_MAX_WINDOW_BITS,
    PARAMETER_COUNT,
};

static const char *const parameter_names[PARAMETER_COUNT] = {
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
};

/* One offer, as far as it was read. */
struct offer {
    bool is_declined;
    bool has[PARAMETER_COUNT];
};

/* A part of the header. */
struct text {
    const char *at;
    size_t length;
};

static void
skip_space(const char **at)
{
    *at += strspn(*at, " \t");
}

/* Skips space and, if it is there, the character. */
static bool
take(const char **at, char wanted)
{
    skip_space(at);
    if (**at != wanted)
        return false;
    (*at)++;
    return true;
}

/* Whether it may be in a token (RFC 2616, 2.2). */
static bool
is_token_character(char character)
{
    return character > ' ' && character < 0x7f && strchr("()<>@,;:\\\"/[]?={}", character) == NULL;
}

static bool
take_token(const char **at, struct text *out)
{
    skip_space(at);
    out->at = *at;
    while (is_token_character(**at))
        (*at)++;
    out->length = (size_t)(*at - out->at);
    return out->length > 0;
}

/*
 * A parameter's value: a token, which may be in quotes with any character of it escaped. What is
 * longer than `value` is cut: it is none that is known.
 */
static bool
take_value(const char **at, char value[VALUE_MAX + 1])
{
    size_t length = 0;
    bool is_quoted = take(at, '"');

    for (; is_quoted ? **at != '"' : is_token_character(**at); (*at)++) {
        if (is_quoted && **at == '\\')
            (*at)++;
        if (!is_token_character(**at))
            return false;
        if (length < VALUE_MAX)
            value[length] = **at;
        length++;
    }
    value[length < VALUE_MAX ? length : VALUE_MAX] = '\0';
    return length > 0 && (!is_quoted || take(at, '"'));
}

static bool
is_named(const struct text *text, const char *name)
{
    return text->length == strlen(name) && memcmp(text->at, name, text->length) == 0;
}

/* The bits of a window (RFC 7692, 7.1.2), or 0: it says something else. */
static unsigned
window_bits(const char *value)
{
    unsigned bits = 0;

    if (value[0] == '0' || strlen(value) > 2)
        return 0;
    for (; *value >= '0' && *value <= '9'; value++)
        bits = bits * 10 + (unsigned)(*value - '0');
    return *value == '\0' && bits >= WINDOW_BITS_MIN && bits <= WINDOW_BITS_MAX ? bits : 0;
}

/* Whether the offer can still be kept with this parameter, which has no value where that is NULL. */
static bool
is_acceptable(struct offer *offer, const struct text *name, const char *value)
{
    unsigned which = 0;

    while (which < PARAMETER_COUNT && !is_named(name, parameter_names[which]))
        which++;
    if (which == PARAMETER_COUNT || offer->has[which])
        return false;
    offer->has[which] = true;
    switch ((enum parameter)which) {
    case SERVER_MAX_WINDOW_BITS:
        /* All share what is compressed, so a smaller window cannot be had. */
        return value != NULL && window_bits(value) >= DEFLATER_WINDOW_BITS;
    case CLIENT_MAX_WINDOW_BITS:
        return value == NULL || window_bits(value) > 0;
    default:
        return value == NULL;
    }
}

/* Reads the parameters behind an extension's name; false when they are malformed. */
static bool
read_parameters(const char **at, struct offer *offer)
{
    while (take(at, ';')) {
        struct text name;
        char value[VALUE_MAX + 1] = "";
        if (!take_token(at, &name))
            return false;
        bool has_value = take(at, '=');
        if (has_value) {
            skip_space(at);
            if (!take_value(at, value))
                return false;
        }
        if (!is_acceptable(offer, &name, has_value ? value : NULL))
            offer->is_declined = true;
    }
    return true;
}

static void
accept(struct extensions *extensions, const struct offer *offer)
{
    extensions->deflates = true;
    /* What the client may use is what it says; what it is asked for goes without saying. */
    snprintf(extensions->answer, sizeof(extensions->answer),
             "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    if (offer->has[SERVER_MAX_WINDOW_BITS]) {
        size_t length = strlen(extensions->answer);
        snprintf(extensions->answer + length, sizeof(extensions->answer) - length,
                 "; server_max_window_bits=%d", DEFLATER_WINDOW_BITS);
    }
}

int
extensions_read(struct extensions *extensions, const char *header)
{
    const char *at = header;

    do {
        struct offer offer = {0};
        struct text name;
        skip_space(&at);
        /* A list may have empty elements (RFC 2616, 2.1). */
        if (*at == ',' || *at == '\0')
            continue;
        if (!take_token(&at, &name) || !read_parameters(&at, &offer))
            return -EINVAL;
        offer.is_declined = offer.is_declined || !is_named(&name, "permessage-deflate");
        if (!offer.is_declined && !extensions->deflates)
            accept(extensions, &offer);
    } while (take(&at, ','));
    return *at == '\0' ? 0 : -EINVAL;
}
