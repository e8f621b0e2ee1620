#include "test/bench/wire.h"

#include <string.h>

const uint8_t wire_own_mask[4] = {0x5a, 0xc3, 0x96, 0x0f};

bool
wire_read_header(const char *data, size_t size, struct wire_header *out)
{
    const uint8_t *byte = (const uint8_t *)data;
    size_t length_size = 0;

    if (size < 2)
        return false;
    out->final = (byte[0] & 0x80) != 0;
    out->compressed = (byte[0] & 0x40) != 0;
    out->opcode = byte[0] & 0x0f;
    out->masked = (byte[1] & 0x80) != 0;
    out->length = byte[1] & 0x7f;
    if (out->length == 126)
        length_size = 2;
    else if (out->length == 127)
        length_size = 8;
    out->size = 2 + length_size + (out->masked ? sizeof(out->mask) : 0);
    if (size < out->size)
        return false;
    if (length_size > 0)
        out->length = 0;
    for (size_t i = 0; i < length_size; i++)
        out->length = out->length << 8 | byte[2 + i];
    if (out->masked)
        memcpy(out->mask, byte + 2 + length_size, sizeof(out->mask));
    return true;
}

size_t
wire_write_header(char *to, unsigned opcode, bool masked, size_t length)
{
    uint8_t *byte = (uint8_t *)to;
    uint8_t mask_bit = masked ? 0x80 : 0;
    size_t size = 2;

    byte[0] = (uint8_t)(0x80 | opcode);
    if (length < 126) {
        byte[1] = (uint8_t)(mask_bit | length);
    } else {
        size_t length_size = length <= UINT16_MAX ? 2 : 8;
        byte[1] = (uint8_t)(mask_bit | (length_size == 2 ? 126 : 127));
        for (size_t i = 0; i < length_size; i++)
            byte[2 + i] = (uint8_t)((uint64_t)length >> 8 * (length_size - 1 - i));
        size += length_size;
    }
    if (masked) {
        memcpy(byte + size, wire_own_mask, sizeof(wire_own_mask));
        size += sizeof(wire_own_mask);
    }
    return size;
}

void
wire_mask(char *data, size_t length, const uint8_t mask[4])
{
    uint32_t half;
    size_t done = 0;

    memcpy(&half, mask, sizeof(half));
    uint64_t whole = (uint64_t)half << 32 | half;
    for (; done + sizeof(whole) <= length; done += sizeof(whole)) {
        uint64_t word;
        memcpy(&word, data + done, sizeof(word));
        word ^= whole;
        memcpy(data + done, &word, sizeof(word));
    }
    for (; done < length; done++)
        data[done] = (char)(data[done] ^ mask[done % 4]);
}
