#include "rooms/identifier.h"

#include "rooms/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

void
identifier_make(char out[IDENTIFIER_SIZE])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char random[17] = {0};

    /* Up to 256 bytes are never cut short (getrandom(2)). */
    ssize_t got = getrandom(random, 16, 0);
    assert(got == 16);
    for (unsigned i = 0; i < IDENTIFIER_SIZE - 1; i++) {
        unsigned bit = i * 6;
        unsigned pair = (unsigned)random[bit / 8] << 8 | random[bit / 8 + 1];
        out[i] = alphabet[pair >> (10 - bit % 8) & 63];
    }
    out[IDENTIFIER_SIZE - 1] = '\0';
}

/* The code point at `text`, which is valid UTF-8; *length is its number of bytes. */
static uint32_t
code_point(const char *text, size_t *length)
{
    const unsigned char *byte = (const unsigned char *)text;

    if (byte[0] < 0x80) {
        *length = 1;
        return byte[0];
    }
    *length = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    uint32_t value = byte[0] & (0x7fu >> *length);
    for (size_t i = 1; i < *length; i++)
        value = value << 6 | (byte[i] & 0x3fu);
    return value;
}

static bool
is_white_space(uint32_t point)
{
    return point == ' ' || (point >= '\t' && point <= '\r') || point == 0xa0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200a) || point == 0x202f || point == 0x205f ||
           point == 0x3000 || point == 0xfeff;
}

static bool
is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 ||
           point == 0x200e || point == 0x200f || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

bool
name_trim(const char **name, size_t length, size_t maximum, size_t *trimmed)
{
    const char *text = *name;
    size_t first = length; /* where the first character that stays begins */
    size_t last = 0;       /* where the last one ends */
    bool has_control = false;

    *trimmed = 0;
    if (!utf8_is_valid(text, length))
        return false;
    size_t size;
    for (size_t at = 0; at < length; at += size) {
        uint32_t point = code_point(text + at, &size);
        if (is_white_space(point))
            continue;
        if (first == length)
            first = at;
        last = at + size;
    }
    for (size_t at = first; at < last; at += size)
        has_control = has_control || is_control(code_point(text + at, &size));
    if (first >= last || last - first > maximum || has_control)
        return false;
    *name = text + first;
    *trimmed = last - first;
    return true;
}
