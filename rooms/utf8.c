#include "rooms/utf8.h"

#include <string.h>

/*
 * A state within a character says what the next byte must be: how many bytes are still to come and
 * the lowest and highest value of the next one. Only the second byte of a character has a range of
 * its own; this is what rules out overlong forms, surrogates and what is above U+10FFFF.
 */
#define WITHIN(remaining, low, high) ((uint32_t)(remaining) << 16 | (low) << 8 | (high))

#define HIGH_BITS UINT64_C(0x8080808080808080)

static uint32_t
state_after_first(unsigned char byte)
{
    if (byte < 0x80)
        return UTF8_ACCEPT;
    if (byte < 0xC2) /* a continuation, or the overlong form of an ASCII character */
        return UTF8_REJECT;
    if (byte < 0xE0)
        return WITHIN(1, 0x80u, 0xBFu);
    if (byte < 0xF0)
        return WITHIN(2, byte == 0xE0 ? 0xA0u : 0x80u, byte == 0xED ? 0x9Fu : 0xBFu);
    if (byte < 0xF5)
        return WITHIN(3, byte == 0xF0 ? 0x90u : 0x80u, byte == 0xF4 ? 0x8Fu : 0xBFu);
    return UTF8_REJECT;
}

static uint32_t
state_after_next(uint32_t state, unsigned char byte)
{
    uint32_t remaining = state >> 16;

    if (byte < (state >> 8 & 0xFF) || byte > (state & 0xFF))
        return UTF8_REJECT;
    return remaining == 1 ? UTF8_ACCEPT : WITHIN(remaining - 1, 0x80u, 0xBFu);
}

/* How many ASCII bytes the text starts with, looked at eight at a time; maybe a few less. */
static size_t
skip_ascii(const char *text, size_t length)
{
    size_t skipped = 0;

    while (length - skipped >= sizeof(uint64_t)) {
        uint64_t eight;
        memcpy(&eight, text + skipped, sizeof(eight));
        if ((eight & HIGH_BITS) != 0)
            break;
        skipped += sizeof(eight);
    }
    return skipped;
}

uint32_t
utf8_check(uint32_t state, const char *text, size_t length)
{
    size_t i = 0;

    while (i < length && state != UTF8_REJECT) {
        unsigned char byte = (unsigned char)text[i];
        if (state != UTF8_ACCEPT) {
            state = state_after_next(state, byte);
            i++;
        } else if (byte < 0x80) {
            size_t skipped = skip_ascii(text + i, length - i);
            i += skipped > 0 ? skipped : 1;
        } else {
            state = state_after_first(byte);
            i++;
        }
    }
    return state;
}

bool
utf8_is_valid(const char *text, size_t length)
{
    return utf8_check(UTF8_ACCEPT, text, length) == UTF8_ACCEPT;
}
