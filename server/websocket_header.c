#include "server/websocket_header.h"

#include <string.h>

/* The first two bytes of a frame (RFC 6455, 5.2). */
#define BYTE0_RESERVED   0x70u
#define BYTE0_COMPRESSED 0x40u /* RSV1 (RFC 7692, 6) */
#define BYTE0_OPCODE     0x0Fu
#define BYTE1_MASKED     0x80u
#define BYTE1_LENGTH     0x7Fu
#define LENGTH_16        126u /* the length is in the two bytes that follow */
#define LENGTH_64        127u /* … in the eight bytes that follow */

/* What the first byte alone can break. */
static bool
check_byte0(unsigned byte, bool fragmented, bool deflates, struct websocket_event *event)
{
    unsigned opcode = byte & BYTE0_OPCODE;
    bool may_be_compressed =
        deflates && (opcode == WEBSOCKET_OPCODE_TEXT || opcode == WEBSOCKET_OPCODE_BINARY);

    if ((byte & BYTE0_RESERVED & ~(may_be_compressed ? BYTE0_COMPRESSED : 0)) != 0)
        return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "reserved bits are set");
    if ((opcode > WEBSOCKET_OPCODE_BINARY && opcode < WEBSOCKET_OPCODE_CLOSE) ||
        opcode > WEBSOCKET_OPCODE_PONG)
        return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "unknown opcode");
    if (websocket_is_control(opcode)) {
        if ((byte & WEBSOCKET_BYTE0_FINAL) == 0)
            return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR,
                                  "fragmented control frame");
        return true;
    }
    if (opcode == WEBSOCKET_OPCODE_CONTINUATION && !fragmented)
        return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "continuation of nothing");
    if (opcode != WEBSOCKET_OPCODE_CONTINUATION && fragmented)
        return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR,
                              "new message within a fragmented one");
    if (opcode == WEBSOCKET_OPCODE_BINARY)
        return websocket_fail(event, WEBSOCKET_CLOSE_UNSUPPORTED_DATA,
                              "binary messages are not supported");
    return true;
}

static bool
check_byte1(enum websocket_opcode opcode, unsigned byte, struct websocket_event *event)
{
    if ((byte & BYTE1_MASKED) == 0)
        return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "frame is not masked");
    if (websocket_is_control(opcode) && (byte & BYTE1_LENGTH) > WEBSOCKET_CONTROL_MAX)
        return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "control frame is too long");
    return true;
}

/* How many bytes of length follow byte 1. */
static size_t
extended_size(unsigned byte1)
{
    unsigned length = byte1 & BYTE1_LENGTH;

    return length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
}

/* The payload's length, from a header of which all bytes of the length are there. */
static uint64_t
read_length(const unsigned char *bytes)
{
    size_t extended = extended_size(bytes[1]);
    uint64_t length = 0;

    if (extended == 0)
        return bytes[1] & BYTE1_LENGTH;
    for (size_t i = 0; i < extended; i++)
        length = length << 8 | bytes[2 + i];
    return length;
}

static bool
check_length(const struct websocket_header *header, size_t extended, uint32_t space,
             struct websocket_event *event)
{
    if (header->length > INT64_MAX)
        return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "length with its top bit set");
    if ((extended == 2 && header->length < LENGTH_16) ||
        (extended == 8 && header->length <= UINT16_MAX))
        return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR,
                              "length is not in its shortest form");
    if (!websocket_is_control(header->opcode) && header->length > space)
        return websocket_fail(event, WEBSOCKET_CLOSE_TOO_BIG, "message is too long");
    return true;
}

bool
websocket_header_read(const char *data, size_t length, bool fragmented, bool deflates,
                      uint32_t space, struct websocket_header *header,
                      struct websocket_event *event)
{
    const unsigned char *bytes = (const unsigned char *)data;
    size_t extended;

    if (length < 1 || !check_byte0(bytes[0], fragmented, deflates, event))
        return false;
    header->opcode = bytes[0] & BYTE0_OPCODE;
    header->final = (bytes[0] & WEBSOCKET_BYTE0_FINAL) != 0;
    header->compressed = (bytes[0] & BYTE0_COMPRESSED) != 0;
    if (length < 2 || !check_byte1(header->opcode, bytes[1], event))
        return false;
    extended = extended_size(bytes[1]);
    if (length < 2 + extended)
        return false;
    header->length = read_length(bytes);
    if (!check_length(header, extended, space, event))
        return false;
    header->size = 2 + extended + WEBSOCKET_KEY_SIZE;
    if (length < header->size)
        return false;
    memcpy(header->key, bytes + 2 + extended, WEBSOCKET_KEY_SIZE);
    return true;
}

size_t
websocket_frame_needs(const char *data, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)data;
    size_t extended;

    if (length < 2)
        return 2 + WEBSOCKET_KEY_SIZE; /* the shortest frame from a client */
    extended = extended_size(bytes[1]);
    if (length < 2 + extended)
        return 2 + extended + WEBSOCKET_KEY_SIZE;
    return 2 + extended + WEBSOCKET_KEY_SIZE + (size_t)read_length(bytes);
}
