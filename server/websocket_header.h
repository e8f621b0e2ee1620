/*
 * The header of a frame that a client sends, and the rules that it alone can break. Internal to
 * the decoder.
 */
#ifndef SERVER_WEBSOCKET_HEADER_H
#define SERVER_WEBSOCKET_HEADER_H

#include "server/websocket.h"

#define WEBSOCKET_BYTE0_FINAL 0x80u
#define WEBSOCKET_KEY_SIZE    4u

enum websocket_opcode {
    WEBSOCKET_OPCODE_CONTINUATION = 0x0,
    WEBSOCKET_OPCODE_TEXT = 0x1,
    WEBSOCKET_OPCODE_BINARY = 0x2,
    WEBSOCKET_OPCODE_CLOSE = 0x8,
    WEBSOCKET_OPCODE_PING = 0x9,
    WEBSOCKET_OPCODE_PONG = 0xA,
};

/* A frame's header. */
struct websocket_header {
    enum websocket_opcode opcode;
    bool final;
    bool compressed; /* the first frame of a compressed message (RFC 7692, 6) */
    size_t size;     /* of the header */
    uint64_t length; /* of the payload */
    unsigned char key[WEBSOCKET_KEY_SIZE];
};

/* Whether frames of the opcode are control frames. */
static inline bool
websocket_is_control(enum websocket_opcode opcode)
{
    return opcode >= WEBSOCKET_OPCODE_CLOSE;
}

/* Makes the event an error. Always false, so that a check can end with it. */
static inline bool
websocket_fail(struct websocket_event *event, uint16_t code, const char *reason)
{
    event->kind = WEBSOCKET_EVENT_ERROR;
    event->code = code;
    event->reason = reason;
    return false;
}

/*
 * Reads the header at the start of `length` bytes. `fragmented` says whether a fragmented message
 * is in progress, `deflates` whether one may be compressed, and `space` how long a data frame may be.
 * Returns false when the header is
 * incomplete, or, with an error in *event and as early as it can be told, when it breaks a rule.
 */
bool websocket_header_read(const char *data, size_t length, bool fragmented, bool deflates,
                           uint32_t space, struct websocket_header *header,
                           struct websocket_event *event);

#endif
