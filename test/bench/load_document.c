/* One document from the server. Those with messages are the hot path: no parser, just known places. */
#include "test/bench/load.h"
#include "test/bench/wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define SEQ_KEY      "\"seq\":"
#define SEQ_KEY_SIZE (sizeof(SEQ_KEY) - 1)

/* The number behind the first `key` at or after `from`; false where there is none. */
static bool
find_number(const char *document, size_t size, const char *key, uint64_t *out)
{
    const char *found = memmem(document, size, key, strlen(key));
    const char *end = document + size;
    uint64_t number = 0;

    if (found == NULL)
        return false;
    found += strlen(key);
    const char *first = found;
    for (; found < end && *found >= '0' && *found <= '9'; found++)
        number = number * 10 + (uint64_t)(*found - '0');
    *out = number;
    return found > first;
}

/* The seq is nearly always where it was last time, so that is looked at before searching. */
static bool
find_seq(struct load_room *room, size_t behind, const char *document, size_t size, uint64_t *out)
{
    size_t at = room->seq_at;

    if (at + SEQ_KEY_SIZE >= size || memcmp(document + at, SEQ_KEY, SEQ_KEY_SIZE) != 0) {
        if (behind >= size)
            return false;
        const char *found = memmem(document + behind, size - behind, SEQ_KEY, SEQ_KEY_SIZE);
        if (found == NULL)
            return false;
        at = (size_t)(found - document);
        room->seq_at = at;
    }
    uint64_t number = 0;
    size_t digit = at + SEQ_KEY_SIZE;
    for (; digit < size && document[digit] >= '0' && document[digit] <= '9'; digit++)
        number = number * 10 + (uint64_t)(document[digit] - '0');
    *out = number;
    return digit > at + SEQ_KEY_SIZE;
}

static void
handle_chat(struct load *load, struct load_client *client, const char *document, size_t size,
            const struct stamp *stamp, uint64_t now)
{
    size_t behind = WIRE_CHAT_SIZE + load->options.size;
    uint64_t seq;

    if (client->room == NULL || !find_seq(client->room, behind, document, size, &seq)) {
        load->counts.bad++;
        return;
    }
    if (client->silent)
        return;
    if (now >= load->from && now < load->until) {
        load->counts.deliveries++;
        load->counts.delivered_bytes += size;
    }
    if (stamp->due >= load->from && stamp->due < load->until)
        histogram_add(&load->latency, now > stamp->due ? now - stamp->due : 0);
    load_check(load, client, seq, stamp);
}

static void
handle_joined(struct load *load, struct load_client *client, const char *document, size_t size,
              uint64_t now)
{
    static const char key[] = "\"target\":{\"id\":\"";
    const char *id = memmem(document, size, key, sizeof(key) - 1);
    uint64_t last = 0;
    struct load_room *room = client->room;

    if (client->state != LOAD_JOINING)
        return;
    const char *end = id != NULL ? memchr(id + sizeof(key) - 1, '"', 64) : NULL;
    if (id == NULL || end == NULL || !find_number(document, size, "\"lastSeq\":", &last) ||
        (size_t)(end - id) - (sizeof(key) - 1) >= sizeof(room->id)) {
        load->counts.bad++;
        load_end_client(load, client, "a room-joined that is not understood");
        return;
    }
    id += sizeof(key) - 1;
    memcpy(room->id, id, (size_t)(end - id));
    room->id[end - id] = '\0';
    room->base = room->offset = last;
    client->next = last + 1;
    client->state = LOAD_JOINED;
    load->joined++;
    load->joined_at = now;
    if (client->silent)
        (void)epoll_ctl(load->epoll, EPOLL_CTL_DEL, client->socket, NULL);
}

static bool
is_action(const char *document, size_t size, const char *action)
{
    static const char start[] = "{\"action\":\"";
    size_t length = strlen(action);

    return size > sizeof(start) + length &&
           memcmp(document + sizeof(start) - 1, action, length) == 0 &&
           document[sizeof(start) - 1 + length] == '"';
}

static void
handle_other(struct load *load, struct load_client *client, const char *document, size_t size,
             uint64_t now)
{
    if (is_action(document, size, "user-join")) {
        if (++client->heard == load->options.clients)
            load->knowing++;
    } else if (is_action(document, size, "message-ack")) {
        if (client->room != NULL)
            client->room->acks++;
    } else if (is_action(document, size, "welcome")) {
        if (client->state == LOAD_GREETING) {
            client->state = LOAD_READY;
            load->greeted++;
            load->greeted_at = now;
        }
    } else if (is_action(document, size, "room-joined")) {
        handle_joined(load, client, document, size, now);
    } else if (is_action(document, size, "error")) {
        load->counts.errors++;
        load_note(load, "%.*s", (int)size, document);
    } else if (size < 2 || document[0] != '{' || document[size - 1] != '}') {
        load->counts.bad++;
    }
}

void
load_document(struct load *load, struct load_client *client, const char *document, size_t size,
              uint64_t now)
{
    struct stamp stamp;

    if (size > WIRE_CHAT_SIZE + STAMP_SIZE && memcmp(document, WIRE_CHAT, WIRE_CHAT_SIZE) == 0 &&
        stamp_read(document + WIRE_CHAT_SIZE, &stamp))
        handle_chat(load, client, document, size, &stamp, now);
    else if (size > 0)
        handle_other(load, client, document, size, now);
}
