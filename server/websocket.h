/*
 * The WebSocket frame decoder (RFC 6455, section 5): bytes from a client in, messages and control
 * frames out. It keeps no buffer of its own: a complete frame is unmasked and handed out where it
 * was read, and what is incomplete stays with the caller, who feeds it again with more behind it.
 * Only a fragmented message in progress holds memory.
 *
 * One thread at a time may use a decoder. Nothing here blocks.
 */
#ifndef SERVER_WEBSOCKET_H
#define SERVER_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Status codes of a Close frame (RFC 6455, 7.4.1; 1012 and 1013 from the IANA registry). */
enum websocket_close_code {
    WEBSOCKET_CLOSE_NORMAL = 1000,
    WEBSOCKET_CLOSE_GOING_AWAY = 1001,
    WEBSOCKET_CLOSE_PROTOCOL_ERROR = 1002,
    WEBSOCKET_CLOSE_UNSUPPORTED_DATA = 1003,
    WEBSOCKET_CLOSE_INVALID_DATA = 1007,
    WEBSOCKET_CLOSE_POLICY = 1008,
    WEBSOCKET_CLOSE_TOO_BIG = 1009,
    WEBSOCKET_CLOSE_INTERNAL_ERROR = 1011,
    WEBSOCKET_CLOSE_RESTART = 1012,
    WEBSOCKET_CLOSE_TRY_LATER = 1013,
};

#define WEBSOCKET_CONTROL_MAX 125 /* longest payload of a control frame (5.5) */

enum websocket_event_kind {
    WEBSOCKET_EVENT_NONE,  /* nothing complete is there: read more */
    WEBSOCKET_EVENT_TEXT,  /* a whole message; its UTF-8 is checked, unless it is compressed */
    WEBSOCKET_EVENT_PING,  /* to be answered with a pong of the same data */
    WEBSOCKET_EVENT_PONG,  /* an answer, or an unasked sign of life */
    WEBSOCKET_EVENT_CLOSE, /* the client closes; `code` is what to answer with, 0 for no code */
    WEBSOCKET_EVENT_ERROR, /* the client broke the protocol: close with `code` and `reason` */
};

struct websocket_event {
    enum websocket_event_kind kind;
    const char *data;   /* of a text, ping or pong; valid until the next call for this decoder */
    size_t length;      /* of `data`, bytes */
    uint16_t code;      /* of a close or an error */
    const char *reason; /* of an error: a constant text for a person */
    bool compressed;    /* of a text: to be inflated (inflater.h) */
};

/*
 * A decoder; zeroed by websocket_decoder_init, members private to websocket.c. There is one for
 * each client, so it is kept small.
 */
struct websocket_decoder {
    char *fragments;           /* payload of the fragmented message so far, or NULL */
    uint32_t fragments_length; /* in bytes */
    uint32_t message_max;      /* longest message, all fragments together */
    uint32_t utf8_state;       /* after the fragments and what was checked of the next frame */
    uint32_t checked;          /* payload bytes of the incomplete frame whose UTF-8 was checked */
    bool fragmented;           /* a fragmented message is in progress */
    bool ended;                /* a close or an error was handed out */
    bool deflates;             /* permessage-deflate was negotiated (RFC 7692) */
    bool compressed;           /* the fragmented message in progress is compressed */
};

/* Starts a decoder for messages of at most `message_max` bytes. */
void websocket_decoder_init(struct websocket_decoder *decoder, uint32_t message_max);

/* Has the decoder take compressed messages, too; before it is given anything. */
void websocket_decoder_allow_compressed(struct websocket_decoder *decoder);

/* Frees what a decoder holds. */
void websocket_decoder_release(struct websocket_decoder *decoder);

/*
 * Looks at `length` bytes of input, of which the first is the start of a frame, unmasks and hands
 * out the next event in *event, and returns how many bytes it is done with: 0 when nothing complete
 * is there. The caller gives the rest, with what it reads then behind it, again. `data` is changed
 * only where the returned count covers it. An announced length over the maximum is an error as soon
 * as the header is there, and invalid UTF-8 as soon as its bytes are, where they are not compressed.
 * After a close or an error it takes everything and hands out nothing.
 */
size_t websocket_decode(struct websocket_decoder *decoder, char *data, size_t length,
                        struct websocket_event *event);

/*
 * Once websocket_decode has returned 0: how many bytes the incomplete frame needs in all, as far as
 * its header tells, so that a buffer can be made for it; at least `length` + 1.
 */
size_t websocket_frame_needs(const char *data, size_t length);

#define WEBSOCKET_CONTROL_FRAME_MAX (2 + WEBSOCKET_CONTROL_MAX)

/*
 * Writes an unmasked control frame (`opcode` 0x8 to 0xA) with the payload to `out`, which has room
 * for WEBSOCKET_CONTROL_FRAME_MAX bytes, and returns its length.
 */
size_t websocket_control_frame(char *out, uint8_t opcode, const void *payload, size_t length);

/*
 * Writes a Close frame with a code and a reason for a person, cut to what fits, as above. A code of
 * 0 makes an empty one.
 */
size_t websocket_close_frame(char *out, uint16_t code, const char *reason);

#endif
