#include "server/websocket.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rooms/utf8.h"
#include "server/websocket_header.h"

#define FRAGMENTS_MIN 256u /* bytes; the smallest buffer for a fragmented message */

static_assert(sizeof(struct websocket_decoder) <= 40, "there is one for each idle client");

void
websocket_decoder_init(struct websocket_decoder *decoder, uint32_t message_max)
{
    *decoder = (struct websocket_decoder){.message_max = message_max, .utf8_state = UTF8_ACCEPT};
}

void
websocket_decoder_allow_compressed(struct websocket_decoder *decoder)
{
    decoder->deflates = true;
}

static void
drop_fragments(struct websocket_decoder *decoder)
{
    free(decoder->fragments);
    decoder->fragments = NULL;
    decoder->fragments_length = 0;
    decoder->fragmented = false;
}

void
websocket_decoder_release(struct websocket_decoder *decoder)
{
    drop_fragments(decoder);
    decoder->ended = true;
}

/* Unmasks what is at `offset` of a payload, eight bytes at a time; `out` may be `in`. */
static void
unmask(char *out, const char *in, size_t length, const unsigned char key[WEBSOCKET_KEY_SIZE],
       size_t offset)
{
    unsigned char turned[8];
    uint64_t key8;
    size_t i = 0;

    for (size_t j = 0; j < sizeof(turned); j++)
        turned[j] = key[(offset + j) % WEBSOCKET_KEY_SIZE];
    memcpy(&key8, turned, sizeof(key8));
    for (; length - i >= sizeof(key8); i += sizeof(key8)) {
        uint64_t eight;
        memcpy(&eight, in + i, sizeof(eight));
        eight ^= key8;
        memcpy(out + i, &eight, sizeof(eight));
    }
    for (; i < length; i++)
        out[i] = (char)(in[i] ^ turned[i % sizeof(turned)]);
}

/* Checks the text of an incomplete frame, which stays masked, as far as it is there. */
static bool
check_incomplete(struct websocket_decoder *decoder, const struct websocket_header *header,
                 const char *payload, size_t available, struct websocket_event *event)
{
    char block[512];

    while (decoder->checked < available) {
        size_t length = available - decoder->checked;
        if (length > sizeof(block))
            length = sizeof(block);
        unmask(block, payload + decoder->checked, length, header->key, decoder->checked);
        decoder->utf8_state = utf8_check(decoder->utf8_state, block, length);
        decoder->checked += (uint32_t)length;
    }
    if (decoder->utf8_state == UTF8_REJECT)
        return websocket_fail(event, WEBSOCKET_CLOSE_INVALID_DATA, "text is not UTF-8");
    return true;
}

/* The buffer for a fragmented message of `length` bytes; derived, so that it need not be stored. */
static size_t
fragments_capacity(size_t length)
{
    size_t capacity = length > 0 ? FRAGMENTS_MIN : 0;

    while (capacity < length)
        capacity *= 2;
    return capacity;
}

static bool
append_fragment(struct websocket_decoder *decoder, const char *payload, size_t length,
                struct websocket_event *event)
{
    size_t capacity = fragments_capacity(decoder->fragments_length + length);

    if (length == 0)
        return true;
    if (decoder->fragments == NULL || capacity != fragments_capacity(decoder->fragments_length)) {
        char *fragments = realloc(decoder->fragments, capacity);
        if (fragments == NULL)
            return websocket_fail(event, WEBSOCKET_CLOSE_INTERNAL_ERROR, "out of memory");
        decoder->fragments = fragments;
    }
    memcpy(decoder->fragments + decoder->fragments_length, payload, length);
    decoder->fragments_length += (uint32_t)length;
    return true;
}

/* A complete data frame with its payload unmasked. */
static bool
take_data(struct websocket_decoder *decoder, const struct websocket_header *header,
          const char *payload, struct websocket_event *event)
{
    size_t length = (size_t)header->length;
    uint32_t state;

    assert(decoder->checked <= length);
    if (!header->compressed) {
        state =
            utf8_check(decoder->utf8_state, payload + decoder->checked, length - decoder->checked);
        if (state == UTF8_REJECT || (header->final && state != UTF8_ACCEPT))
            return websocket_fail(event, WEBSOCKET_CLOSE_INVALID_DATA, "text is not UTF-8");
        decoder->utf8_state = state;
        decoder->checked = 0;
    }
    decoder->compressed = header->compressed;
    if (!header->final || header->opcode == WEBSOCKET_OPCODE_CONTINUATION) {
        if (!append_fragment(decoder, payload, length, event))
            return false;
        decoder->fragmented = !header->final;
        if (!header->final)
            return true;
        payload = decoder->fragments_length > 0 ? decoder->fragments : "";
        length = decoder->fragments_length;
    }
    event->kind = WEBSOCKET_EVENT_TEXT;
    event->data = payload;
    event->length = length;
    event->compressed = header->compressed;
    return true;
}

/* Whether a client may send the code in a Close frame (RFC 6455, 7.4, and the IANA registry). */
static bool
is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static bool
take_close(const char *payload, size_t length, struct websocket_event *event)
{
    unsigned code = 0;

    if (length == 1)
        return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR,
                              "close frame with half a code");
    if (length > 1) {
        code = (unsigned)(unsigned char)payload[0] << 8 | (unsigned char)payload[1];
        if (!is_close_code(code))
            return websocket_fail(event, WEBSOCKET_CLOSE_PROTOCOL_ERROR,
                                  "close code is not allowed");
        if (!utf8_is_valid(payload + 2, length - 2))
            return websocket_fail(event, WEBSOCKET_CLOSE_INVALID_DATA, "close reason is not UTF-8");
    }
    event->kind = WEBSOCKET_EVENT_CLOSE;
    event->code = (uint16_t)code;
    return true;
}

static bool
take_frame(struct websocket_decoder *decoder, const struct websocket_header *header,
           const char *payload, struct websocket_event *event)
{
    if (!websocket_is_control(header->opcode))
        return take_data(decoder, header, payload, event);
    if (header->opcode == WEBSOCKET_OPCODE_CLOSE)
        return take_close(payload, (size_t)header->length, event);
    event->kind =
        header->opcode == WEBSOCKET_OPCODE_PING ? WEBSOCKET_EVENT_PING : WEBSOCKET_EVENT_PONG;
    event->data = payload;
    event->length = (size_t)header->length;
    return true;
}

/* Decodes one frame; returns its size, or 0 when it is incomplete or broken. */
static size_t
decode_frame(struct websocket_decoder *decoder, char *data, size_t length,
             struct websocket_event *event)
{
    struct websocket_header header;
    char *payload;

    if (!websocket_header_read(data, length, decoder->fragmented, decoder->deflates,
                               decoder->message_max - decoder->fragments_length, &header, event))
        return 0;
    if (header.opcode == WEBSOCKET_OPCODE_CONTINUATION)
        header.compressed = decoder->compressed;
    payload = data + header.size;
    if (length - header.size < header.length) {
        if (!websocket_is_control(header.opcode) && !header.compressed)
            check_incomplete(decoder, &header, payload, length - header.size, event);
        return 0;
    }
    unmask(payload, payload, (size_t)header.length, header.key, 0);
    if (!take_frame(decoder, &header, payload, event))
        return 0;
    return header.size + (size_t)header.length;
}

size_t
websocket_decode(struct websocket_decoder *decoder, char *data, size_t length,
                 struct websocket_event *event)
{
    size_t used = 0;

    *event = (struct websocket_event){.kind = WEBSOCKET_EVENT_NONE};
    if (!decoder->fragmented)
        drop_fragments(decoder); /* of the message handed out last */
    if (decoder->ended)
        return length;
    /* A fragment that does not end its message hands out nothing: go on behind it. */
    while (used < length && event->kind == WEBSOCKET_EVENT_NONE) {
        size_t size = decode_frame(decoder, data + used, length - used, event);
        if (size == 0)
            break;
        used += size;
    }
    if (event->kind == WEBSOCKET_EVENT_ERROR || event->kind == WEBSOCKET_EVENT_CLOSE) {
        drop_fragments(decoder);
        decoder->ended = true;
        return length;
    }
    return used;
}

size_t
websocket_control_frame(char *out, uint8_t opcode, const void *payload, size_t length)
{
    assert(length <= WEBSOCKET_CONTROL_MAX);
    out[0] = (char)(WEBSOCKET_BYTE0_FINAL | opcode);
    out[1] = (char)length;
    if (length > 0)
        memcpy(out + 2, payload, length);
    return 2 + length;
}

size_t
websocket_close_frame(char *out, uint16_t code, const char *reason)
{
    char payload[WEBSOCKET_CONTROL_MAX];
    size_t length = strnlen(reason, sizeof(payload));

    if (code == 0)
        return websocket_control_frame(out, WEBSOCKET_OPCODE_CLOSE, NULL, 0);
    if (length > sizeof(payload) - 2) {
        length = sizeof(payload) - 2;
        while (length > 0 && ((unsigned char)reason[length] & 0xC0) == 0x80)
            length--; /* not within a character */
    }
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    memcpy(payload + 2, reason, length);
    return websocket_control_frame(out, WEBSOCKET_OPCODE_CLOSE, payload, 2 + length);
}
