#include "server/json_guard.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

static const char not_ended[] = "document is not ended";

static_assert(JSON_GUARD_DEPTH_MAX <= 64, "the open brackets are kept as bits");

const char json_guard_too_deep[] = "nested too deep";

static unsigned depth_max = JSON_GUARD_DEPTH;

void
json_guard_set_depth(unsigned depth)
{
    assert(depth <= JSON_GUARD_DEPTH_MAX);
    depth_max = depth > 0 ? depth : JSON_GUARD_DEPTH_MAX;
}

/* A walk over one document. */
struct walk {
    const char *text;
    size_t length;
    size_t position;
    unsigned depth;
    uint64_t arrays; /* a bit for each open bracket, the innermost lowest: 1 for an array */
};

static bool
is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static int
hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if ((byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'))
        return (byte | 0x20) - 'a' + 10;
    return -1;
}

/*
 * Goes behind the escape at the position. The JSON library takes \u with anything but four digits
 * for a NUL; other escapes that are none it refuses itself.
 */
static const char *
skip_escape(struct walk *walk)
{
    const char *escape = walk->text + walk->position;
    size_t left = walk->length - walk->position;
    int value = 0;

    if (left < 2)
        return not_ended;
    if (escape[1] != 'u') {
        /* Another byte than these two has no meaning of its own for where the string ends. */
        walk->position += escape[1] == '"' || escape[1] == '\\' ? 2 : 1;
        return NULL;
    }
    for (size_t i = 2; i < 6; i++) {
        int digit = i < left ? hex_digit(escape[i]) : -1;
        if (digit < 0)
            return i < left ? "\\u without four digits" : not_ended;
        value = value * 16 + digit;
    }
    if (value == 0)
        return "NUL as \\u0000";
    walk->position += 6;
    return NULL;
}

/* Goes behind the string at the position. */
static const char *
skip_string(struct walk *walk)
{
    walk->position++;
    while (walk->position < walk->length) {
        unsigned char byte = (unsigned char)walk->text[walk->position];
        if (byte == '"') {
            walk->position++;
            return NULL;
        }
        if (byte == '\\') {
            const char *problem = skip_escape(walk);
            if (problem != NULL)
                return problem;
        } else if (byte < 0x20) {
            return byte == 0 ? "NUL" : "control character in a string";
        } else {
            walk->position++;
        }
    }
    return not_ended;
}

/* Goes behind digits; returns whether there was one. */
static bool
skip_digits(struct walk *walk)
{
    size_t before = walk->position;

    while (walk->position < walk->length && walk->text[walk->position] >= '0' &&
           walk->text[walk->position] <= '9')
        walk->position++;
    return walk->position > before;
}

/* Goes behind the byte, if it is one of those. */
static bool
skip_any(struct walk *walk, const char *bytes)
{
    if (walk->position == walk->length || walk->text[walk->position] == '\0' ||
        strchr(bytes, walk->text[walk->position]) == NULL)
        return false;
    walk->position++;
    return true;
}

/* Goes behind the number at the position (RFC 8259, 6), which the JSON library takes loosely. */
static const char *
skip_number(struct walk *walk)
{
    static const char malformed[] = "malformed number";

    (void)skip_any(walk, "-");
    if (!skip_any(walk, "0") && !skip_digits(walk))
        return malformed;
    if (skip_any(walk, ".") && !skip_digits(walk))
        return malformed;
    if (skip_any(walk, "eE")) {
        (void)skip_any(walk, "+-");
        if (!skip_digits(walk))
            return malformed;
    }
    bool is_followed = walk->position < walk->length;
    if (is_followed && (unsigned char)walk->text[walk->position] > 0x20 &&
        strchr(",]}", walk->text[walk->position]) == NULL)
        return malformed;
    return NULL;
}

static const char *
open_bracket(struct walk *walk, bool array)
{
    if (walk->depth == depth_max)
        return json_guard_too_deep;
    walk->depth++;
    walk->arrays = walk->arrays << 1 | array;
    walk->position++;
    return NULL;
}

static const char *
close_bracket(struct walk *walk, bool array)
{
    if ((walk->arrays & 1) != array)
        return "brackets do not match";
    walk->depth--;
    walk->arrays >>= 1;
    walk->position++;
    return NULL;
}

/* Goes over one token, or one byte of a longer one. */
static const char *
step(struct walk *walk)
{
    char byte = walk->text[walk->position];

    switch (byte) {
    case '"':
        return skip_string(walk);
    case '{':
    case '[':
        return open_bracket(walk, byte == '[');
    case '}':
    case ']':
        return close_bracket(walk, byte == ']');
    default:
        if (byte == '-' || (byte >= '0' && byte <= '9'))
            return skip_number(walk);
        if ((unsigned char)byte < 0x20 && !is_space(byte))
            return byte == '\0' ? "NUL" : "control character";
        walk->position++;
        return NULL;
    }
}

/* Goes behind the object at the position. */
static const char *
skip_object(struct walk *walk)
{
    if (walk->text[walk->position] != '{')
        return "not an object";
    do {
        const char *problem = step(walk);
        if (problem != NULL)
            return problem;
        if (walk->depth == 0)
            return NULL;
    } while (walk->position < walk->length);
    return not_ended;
}

bool
json_guard_next(const char *text, size_t length, size_t *start, size_t *end, const char **problem)
{
    struct walk walk = {.text = text, .length = length};

    while (walk.position < length && is_space(text[walk.position]))
        walk.position++;
    *start = walk.position;
    *end = walk.position;
    *problem = NULL;
    if (walk.position == length)
        return false;
    *problem = skip_object(&walk);
    *end = walk.position;
    if (*problem != NULL) {
        /* From its start: what was not ended must not swallow the lines behind it. */
        const char *newline = memchr(text + *start, '\n', length - *start);
        *end = newline != NULL ? (size_t)(newline - text) + 1 : length;
    }
    return true;
}
