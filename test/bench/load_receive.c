/* From bytes to documents. What is incomplete is kept, at most a document or a header. */
#include "test/bench/load.h"
#include "test/bench/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Returns the rest behind the answer's head, or NULL where the head is not whole or refuses. */
static const char *
read_upgrade(struct load *load, struct load_client *client, const char *at, const char *end)
{
    static const char status[] = "HTTP/1.1 101 ";
    const char *head = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);

    if (head == NULL)
        return NULL;
    if (strncmp(at, status, sizeof(status) - 1) != 0 ||
        memmem(at, (size_t)(head - at), WIRE_ACCEPT, sizeof(WIRE_ACCEPT) - 1) == NULL) {
        char why[64];
        (void)snprintf(why, sizeof(why), "%.*s", (int)strcspn(at, "\r"), at);
        load_end_client(load, client, why);
        return NULL;
    }
    if (load->options.deflate &&
        memmem(at, (size_t)(head - at), "permessage-deflate", 18) == NULL) {
        load_end_client(load, client, "compression was declined");
        return NULL;
    }
    client->state = LOAD_GREETING;
    return head + 4;
}

static void
handle_control(struct load *load, struct load_client *client, const struct wire_header *header,
               const char *payload)
{
    char frame[WIRE_HEADER_MAX + 125];
    char why[32];

    if (header->opcode == WIRE_PING) {
        size_t size = wire_write_header(frame, WIRE_PONG, true, header->length);
        memcpy(frame + size, payload, header->length);
        wire_mask(frame + size, header->length, wire_own_mask);
        load_send(load, client, frame, size + header->length);
    } else if (header->opcode == WIRE_CLOSE) {
        unsigned code = 0;
        if (header->length >= 2)
            code = (unsigned)(uint8_t)payload[0] << 8 | (uint8_t)payload[1];
        (void)snprintf(why, sizeof(why), "closed with %u", code);
        load_end_client(load, client, why);
    }
}

/*
 * Takes a frame's header, with its payload where that is a control frame's, or compressed. NULL: not
 * all there.
 */
static const char *
read_header(struct load *load, struct load_client *client, const char *at, const char *end,
            uint64_t now)
{
    struct wire_header header;

    if (!wire_read_header(at, (size_t)(end - at), &header))
        return NULL;
    bool is_control = header.opcode >= WIRE_CLOSE;
    /* No server here has a reason for fragments: they would hide where a document ends. */
    if (header.masked || !header.final || (is_control && header.length > 125) ||
        (!is_control && header.opcode != WIRE_TEXT) ||
        (header.compressed && (is_control || !load->options.deflate))) {
        load->counts.bad++;
        load_end_client(load, client, "a frame that should not be");
        return NULL;
    }
    at += header.size;
    if (!is_control && !header.compressed) {
        client->frame_left = header.length;
        return at;
    }
    if ((uint64_t)(end - at) < header.length)
        return NULL;
    if (is_control)
        handle_control(load, client, &header, at);
    else
        load_inflate(load, client, at, header.length, now);
    return at + header.length;
}

/* Returns how far it got: to the end, or to the beginning of what is not whole yet. */
static const char *
read_frames(struct load *load, struct load_client *client, const char *at, const char *end,
            uint64_t now)
{
    while (at < end && client->state != LOAD_GONE) {
        if (client->frame_left == 0) {
            const char *next = read_header(load, client, at, end, now);
            if (next == NULL)
                break;
            at = next;
            continue;
        }
        size_t there = (size_t)(end - at);
        size_t size = client->frame_left < there ? client->frame_left : there;
        const char *stop = memchr(at, '\n', size);
        if (stop == NULL && size < client->frame_left)
            break;
        size_t length = stop != NULL ? (size_t)(stop - at) : size;
        size_t used = stop != NULL ? length + 1 : length;
        load_document(load, client, at, length, now);
        client->frame_left -= used;
        at += used;
    }
    return at;
}

static void
keep(struct load *load, struct load_client *client, const char *at, size_t size)
{
    if (size > LOAD_KEPT_MAX) {
        load->counts.bad++;
        load_end_client(load, client, "a document that is too long");
        return;
    }
    client->kept.data = malloc(size);
    if (client->kept.data == NULL)
        abort();
    memcpy(client->kept.data, at, size);
    client->kept.size = size;
}

void
load_receive(struct load *load, struct load_client *client)
{
    char *fresh = load->buffer + LOAD_KEPT_MAX;
    ssize_t got = recv(client->socket, fresh, LOAD_READ_SIZE, 0);

    if (got <= 0) {
        if (got == 0)
            load_end_client(load, client, "end of file");
        else if (errno != EAGAIN && errno != EINTR)
            load_end_client(load, client, strerror(errno));
        return;
    }
    uint64_t now = wire_now();
    load->last_byte = now;
    load->received += (uint64_t)got;
    if (now >= load->from && now < load->until) {
        load->counts.reads++;
        load->counts.wire_bytes += (uint64_t)got;
    }
    const char *at = fresh - client->kept.size;
    const char *end = fresh + got;
    if (client->kept.size > 0) {
        memcpy(fresh - client->kept.size, client->kept.data, client->kept.size);
        free(client->kept.data);
        client->kept = (struct load_bytes){0};
    }
    if (client->state == LOAD_UPGRADING) {
        const char *rest = read_upgrade(load, client, at, end);
        at = rest != NULL ? rest : at;
    }
    if (client->state > LOAD_UPGRADING)
        at = read_frames(load, client, at, end, now);
    if (client->state != LOAD_GONE && at < end)
        keep(load, client, at, (size_t)(end - at));
}
