/*
 * The little of WebSocket that both ends of the benchmark need. Not for strangers: the handshake's
 * key is always the same one.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define WIRE_KEY    "dGhlIHNhbXBsZSBub25jZQ=="     /* the example of RFC 6455, 1.3 */
#define WIRE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* what a server answers to it */

#define WIRE_HEADER_MAX 14
#define WIRE_TEXT       0x1
#define WIRE_CLOSE      0x8
#define WIRE_PING       0x9
#define WIRE_PONG       0xa

/* How each document with a message begins, the text follows. */
#define WIRE_CHAT      "{\"action\":\"send-message\",\"message\":\""
#define WIRE_CHAT_SIZE (sizeof(WIRE_CHAT) - 1)

struct wire_header {
    unsigned opcode;
    bool final;
    bool compressed; /* RSV1 (RFC 7692, 6) */
    bool masked;
    uint8_t mask[4];
    size_t size;     /* of the header itself */
    uint64_t length; /* of the payload */
};

/* Reads a frame's header; false when `size` bytes are not all of it. */
bool wire_read_header(const char *data, size_t size, struct wire_header *out);

/* Writes the header of a whole frame and returns its size; a masked one has the mask that wire_mask takes. */
size_t wire_write_header(char *to, unsigned opcode, bool masked, size_t length);

/* Masks a client's payload in place, or takes the mask away. */
void wire_mask(char *data, size_t length, const uint8_t mask[4]);

/* The mask of all that wire_write_header makes: fixed, but the server has to undo it all the same. */
extern const uint8_t wire_own_mask[4];

static inline uint64_t
wire_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
