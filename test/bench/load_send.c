/* What the clients say. A message is always as long as the last one, so that its frame is too. */
#include "test/bench/load.h"
#include "test/bench/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static void
watch_output(struct load *load, struct load_client *client, bool wanted)
{
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = client};

    if (client->watches_output == wanted)
        return;
    client->watches_output = wanted;
    (void)epoll_ctl(load->epoll, EPOLL_CTL_MOD, client->socket, &event);
}

void
load_send(struct load *load, struct load_client *client, const char *data, size_t size)
{
    struct load_bytes *output = &client->output;
    ssize_t sent = 0;

    if (client->state == LOAD_GONE)
        return;
    if (output->size == 0) {
        sent = send(client->socket, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) {
            load_end_client(load, client, strerror(errno));
            return;
        }
        sent = sent < 0 ? 0 : sent;
    }
    if ((size_t)sent == size)
        return;
    size_t rest = size - (size_t)sent;
    char *bigger = realloc(output->data, output->size + rest);
    if (bigger == NULL)
        abort();
    memcpy(bigger + output->size, data + sent, rest);
    output->data = bigger;
    output->size += rest;
    watch_output(load, client, true);
}

void
load_flush(struct load *load, struct load_client *client)
{
    struct load_bytes *output = &client->output;
    ssize_t sent = send(client->socket, output->data, output->size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno != EAGAIN) {
        load_end_client(load, client, strerror(errno));
        return;
    }
    if (sent > 0) {
        output->size -= (size_t)sent;
        memmove(output->data, output->data + sent, output->size);
    }
    if (output->size == 0) {
        free(output->data);
        output->data = NULL;
        watch_output(load, client, false);
    }
}

void
load_join(struct load *load, struct load_client *client)
{
    char document[64];
    char frame[WIRE_HEADER_MAX + sizeof(document)];

    int length =
        snprintf(document, sizeof(document), "{\"action\":\"join-room\",\"message\":\"room-%05u\"}",
                 (unsigned)(client->room - load->rooms));
    size_t size = wire_write_header(frame, WIRE_TEXT, true, (size_t)length);
    memcpy(frame + size, document, (size_t)length);
    wire_mask(frame + size, (size_t)length, wire_own_mask);
    load->joining++;
    client->state = LOAD_JOINING;
    load_send(load, client, frame, size + (size_t)length);
}

/* Puts the room's next message, as a frame, behind `to`; returns its size. */
static size_t
compose(struct load *load, struct load_room *room, uint64_t due, char *to)
{
    size_t text = load->options.size;
    struct stamp stamp = {(uint32_t)(room - load->rooms), ++room->sent, due};
    char end[128];
    char id[32] = "";

    if (load->options.ids)
        (void)snprintf(id, sizeof(id), ",\"id\":\"m-%08x\"", room->sent);
    size_t end_size =
        (size_t)snprintf(end, sizeof(end), "\",\"target\":{\"id\":\"%s\"}%s}", room->id, id);
    size_t length = WIRE_CHAT_SIZE + text + end_size;
    size_t header = wire_write_header(to, WIRE_TEXT, true, length);
    char *payload = to + header;
    memcpy(payload, WIRE_CHAT, WIRE_CHAT_SIZE);
    stamp_write(payload + WIRE_CHAT_SIZE, &stamp);
    if (load->options.varied)
        load_vary(payload + WIRE_CHAT_SIZE + STAMP_SIZE, text - STAMP_SIZE);
    else
        memcpy(payload + WIRE_CHAT_SIZE + STAMP_SIZE, load->filling, text - STAMP_SIZE);
    memcpy(payload + WIRE_CHAT_SIZE + text, end, end_size);
    wire_mask(payload, length, wire_own_mask);
    if (due >= load->from && due < load->until)
        load->counts.sent++;
    return header + length;
}

/*
 * Closed loop: a message is done when its sender has it and the members have it on average, so that
 * a sender cannot run ahead of them.
 */
void
load_top_up(struct load *load, struct load_room *room, uint64_t now)
{
    uint64_t average = room->delivered / room->members;
    uint64_t done = average < room->own ? average : room->own;
    size_t size = 0;

    if (room->sender->state != LOAD_JOINED)
        return;
    while (room->sent - done < load->options.window)
        size += compose(load, room, now, load->sending + size);
    if (size > 0)
        load_send(load, room->sender, load->sending, size);
}

void
load_post_due(struct load *load, uint64_t now)
{
    double interval = 1e9 / load->options.rate;

    while (load->next_due <= now && load->next_due < load->until) {
        uint64_t turn = load->next_turn++;
        struct load_room *room = &load->rooms[turn % load->options.rooms];
        size_t size = compose(load, room, load->next_due, load->sending);
        if (load->next_due >= load->from)
            histogram_add(&load->lateness, wire_now() - load->next_due);
        load_send(load, room->sender, load->sending, size);
        load->next_due = load->sending_since + (uint64_t)((double)load->next_turn * interval);
    }
}
