/* Whether each member got each number once and in order, and under each number the same message. */
#include "test/bench/load.h"

/* Sorts out a number that is not the next one; returns whether it is a delivery all the same. */
static bool
accept_odd(struct load *load, struct load_client *client, uint64_t seq)
{
    if (seq > client->next) {
        uint64_t gap = seq - client->next;
        load->counts.lost += gap;
        client->seen = gap + 1 < LOAD_WINDOW ? client->seen << (gap + 1) | 1 : 1;
        client->next = seq + 1;
        return true;
    }
    uint64_t age = client->next - 1 - seq;
    if (age >= LOAD_WINDOW || (client->seen >> age & 1) != 0) {
        load->counts.doubled++;
        return false;
    }
    client->seen |= UINT64_C(1) << age;
    load->counts.reordered++;
    if (load->counts.lost > 0)
        load->counts.lost--;
    return true;
}

void
load_check(struct load *load, struct load_client *client, uint64_t seq, const struct stamp *stamp)
{
    struct load_room *room = client->room;

    if (stamp->room != (uint32_t)(room - load->rooms)) {
        load->counts.wrong++;
        return;
    }
    if (seq == client->next) {
        client->next++;
        client->seen = client->seen << 1 | 1;
    } else if (!accept_odd(load, client, seq)) {
        return;
    }
    if (seq - stamp->number != room->offset) {
        load->counts.wrong++;
        room->offset = seq - stamp->number;
    }
    room->delivered++;
    if (client == room->sender)
        room->own++;
    if (!room->is_dirty) {
        room->is_dirty = true;
        load->dirty[load->dirty_count++] = room;
    }
}

/* What a member did not get by the end is lost, and what it got beyond the end is nobody's. */
void
load_check_end(struct load *load)
{
    for (uint32_t i = 0; i < load->options.clients; i++) {
        const struct load_client *client = &load->clients[i];
        const struct load_room *room = client->room;
        if (room == NULL || client->silent || client->next == 0)
            continue;
        uint64_t next = room->base + room->sent + 1;
        if (client->next < next)
            load->counts.lost += next - client->next;
        else
            load->counts.doubled += client->next - next;
    }
}

bool
load_is_complete(const struct load *load)
{
    bool wants_acks = load->options.ids && load->options.acks;

    for (uint32_t i = 0; i < load->options.rooms; i++) {
        const struct load_room *room = &load->rooms[i];
        if (room->delivered < (uint64_t)room->sent * room->members ||
            (wants_acks && room->acks < room->sent))
            return false;
    }
    return true;
}
