/* What a client asks: the upgrade, a room, messages. Everything else is left unanswered. */
#include "test/bench/bare.h"
#include "test/bench/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
bare_send(const struct bare_client *client, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(client->socket, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            (void)shutdown(client->socket, SHUT_RDWR); /* and the next read ends it */
            return;
        }
        data += sent;
        size -= (size_t)sent;
    }
}

static void
answer(const struct bare_client *client, const char *document, size_t length)
{
    char frame[WIRE_HEADER_MAX];

    bare_send(client, frame, wire_write_header(frame, WIRE_TEXT, false, length));
    bare_send(client, document, length);
}

static struct bare_text
between(struct bare_text in, const char *before, const char *behind)
{
    const char *from = memmem(in.data, in.size, before, strlen(before));
    const char *end = in.data + in.size;

    if (from == NULL)
        return (struct bare_text){"", 0};
    from += strlen(before);
    const char *to = memmem(from, (size_t)(end - from), behind, strlen(behind));
    return (struct bare_text){from, to != NULL ? (size_t)(to - from) : 0};
}

static void
join(const struct bare *bare, struct bare_client *client, struct bare_text document)
{
    struct bare_text name = between(document, "\"message\":\"room-", "\"");
    char copy[16] = "";
    char joined[256];

    if (name.size == 0 || name.size >= sizeof(copy))
        return;
    memcpy(copy, name.data, name.size);
    unsigned long number = strtoul(copy, NULL, 10);
    if (number >= BARE_ROOMS || client->room != NULL)
        return;
    bare_join(&bare->rooms[number], client);
    int length =
        snprintf(joined, sizeof(joined),
                 "{\"action\":\"room-joined\",\"target\":{\"id\":\"room%018lu\","
                 "\"name\":\"room-%.*s\",\"private\":false},\"sender\":null,\"lastSeq\":%llu}",
                 number, (int)name.size, copy, (unsigned long long)client->room->seq);
    answer(client, joined, (size_t)length);
}

static void
handle_document(struct bare *bare, struct bare_client *client, struct bare_text document)
{
    if (document.size > WIRE_CHAT_SIZE && memcmp(document.data, WIRE_CHAT, WIRE_CHAT_SIZE) == 0) {
        struct bare_text text = between(document, WIRE_CHAT, "\",\"target\":");
        struct bare_text rest = {text.data + text.size,
                                 (size_t)(document.data + document.size - text.data) - text.size};
        bare_post(bare, client, text, between(rest, "},\"id\":\"", "\""));
    } else if (memmem(document.data, document.size, "\"join-room\"", 11) != NULL) {
        join(bare, client, document);
    }
}

static size_t
upgrade(struct bare_client *client, char *at, size_t size)
{
    static const char response[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " WIRE_ACCEPT "\r\n\r\n";
    static const char welcome[] = "{\"action\":\"welcome\"}";
    const char *end = memmem(at, size, "\r\n\r\n", 4);

    if (end == NULL)
        return 0;
    struct bare_text name = between((struct bare_text){at, size}, "/ws?name=", " ");
    (void)snprintf(client->name, sizeof(client->name), "%.*s", (int)name.size, name.data);
    client->upgraded = true;
    bare_send(client, response, sizeof(response) - 1);
    answer(client, welcome, sizeof(welcome) - 1);
    return (size_t)(end - at) + 4;
}

/* Returns the bytes of the whole frames that it took. */
static size_t
read_frames(struct bare *bare, struct bare_client *client, char *at, size_t size)
{
    struct wire_header header;
    size_t done = 0;

    while (wire_read_header(at + done, size - done, &header) &&
           size - done - header.size >= header.length) {
        char *payload = at + done + header.size;
        wire_mask(payload, header.length, header.mask);
        if (header.opcode == WIRE_TEXT)
            handle_document(bare, client, (struct bare_text){payload, header.length});
        done += header.size + header.length;
    }
    return done;
}

static void
end_client(struct bare_client *client)
{
    bare_leave(client);
    (void)close(client->socket);
    free(client->kept);
    free(client);
}

void
bare_receive(struct bare *bare, struct bare_client *client)
{
    char *at = bare->buffer;
    size_t size = client->kept_size;

    ssize_t got = recv(client->socket, at + size, BARE_READ_SIZE, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end_client(client);
        return;
    }
    if (size > 0)
        memcpy(at, client->kept, size);
    size += (size_t)got;
    size_t used = client->upgraded ? 0 : upgrade(client, at, size);
    if (client->upgraded)
        used += read_frames(bare, client, at + used, size - used);
    if (size - used > BARE_KEPT_MAX) {
        end_client(client);
        return;
    }
    client->kept_size = size - used;
    if (client->kept_size > 0) {
        client->kept = bare_allocate(client->kept, client->kept_size);
        memcpy(client->kept, at + used, client->kept_size);
    }
}
