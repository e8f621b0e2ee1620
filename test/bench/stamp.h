/*
 * What a message of the benchmark carries at the beginning of its text: its room, its number
 * there, and when it was due, all in hexadecimal. Cheap to write and to read: a receiver does it a few
 * million times a second.
 */
#ifndef BENCH_STAMP_H
#define BENCH_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define STAMP_MARK_SIZE 6
#define STAMP_SIZE      (STAMP_MARK_SIZE + 8 + 8 + 16)

static const char stamp_mark[STAMP_MARK_SIZE] = {'#', 'b', 'e', 'n', 'c', 'h'};

struct stamp {
    uint32_t room;
    uint32_t number; /* 1, 2, 3 … in its room */
    uint64_t due;    /* ns, CLOCK_MONOTONIC */
};

static inline void
stamp_put_hex(char *to, uint64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value >>= 4)
        to[i] = "0123456789abcdef"[value & 15];
}

/* Eight digits at once: each byte to its value, then pairs, then fours. */
static inline uint32_t
stamp_hex8(const char *from)
{
    uint64_t digits;

    memcpy(&digits, from, sizeof(digits));
    uint64_t letters = (digits >> 6) & 0x0101010101010101;
    digits = (digits & 0x0f0f0f0f0f0f0f0f) + letters * 9;
    digits = ((digits << 4) | (digits >> 8)) & 0x00ff00ff00ff00ff;
    digits = ((digits << 8) | (digits >> 16)) & 0x0000ffff0000ffff;
    return (uint32_t)((digits << 16) | (digits >> 32));
}

static inline void
stamp_write(char *text, const struct stamp *stamp)
{
    memcpy(text, stamp_mark, STAMP_MARK_SIZE);
    stamp_put_hex(text + STAMP_MARK_SIZE, stamp->room, 8);
    stamp_put_hex(text + STAMP_MARK_SIZE + 8, stamp->number, 8);
    stamp_put_hex(text + STAMP_MARK_SIZE + 16, stamp->due, 16);
}

/* Reads the stamp of a text with STAMP_SIZE bytes at least; false where it has none. */
static inline bool
stamp_read(const char *text, struct stamp *out)
{
    if (memcmp(text, stamp_mark, STAMP_MARK_SIZE) != 0)
        return false;
    const char *digits = text + STAMP_MARK_SIZE;
    out->room = stamp_hex8(digits);
    out->number = stamp_hex8(digits + 8);
    out->due = (uint64_t)stamp_hex8(digits + 16) << 32 | stamp_hex8(digits + 24);
    return true;
}

#endif
