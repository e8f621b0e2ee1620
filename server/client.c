#include "server/client.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "rooms/lobby.h"
#include "rooms/log.h"
#include "rooms/rooms.h"
#include "server/client_input.h"
#include "server/options.h"
#include "server/server.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPCODE_PING 0x9

static struct client *
client_of(struct member *member)
{
    return (struct client *)member; /* its first member */
}

void
client_hold(struct client *client)
{
    atomic_fetch_add_explicit(&client->references, 1, memory_order_relaxed);
}

void
client_rele(struct client *client)
{
    if (atomic_fetch_sub_explicit(&client->references, 1, memory_order_acq_rel) != 1)
        return;
    assert(client->socket < 0);
    member_destroy(&client->member);
    lock_destroy(&client->lock);
    free(client);
}

static void
hold_member(struct member *member)
{
    client_hold(client_of(member));
}

static void
release_member(struct member *member)
{
    client_rele(client_of(member));
}

/* Sends, or keeps what the socket does not take; whoever is too slow is told to go. */
static void
send_all(struct client *client, struct message *const *messages, size_t count, size_t allowance)
{
    bool is_lost = false;

    lock_take(&client->lock);
    if (client->socket >= 0 && !client->deaf) {
        size_t before = outbox_bytes(&client->outbox);
        outbox_allow(&client->outbox, allowance);
        int error = outbox_send(&client->outbox, client->socket, messages, count,
                                client->server->options->outbox_bytes);
        if (error != 0) {
            bool is_slow = error == -ENOBUFS || error == -ENOMEM;
            outbox_cut(&client->outbox);
            client->close_code = is_slow ? WEBSOCKET_CLOSE_TRY_LATER : 0;
            client->deaf = true;
            is_lost = true;
        } else if (!outbox_is_empty(&client->outbox) && !client->wants_output) {
            client->wants_output = true;
            loop_rewatch(client->loop, client, client->socket, !atomic_load(&client->paused), true);
        }
        atomic_fetch_add(&client->server->counters.outbox_bytes,
                         (int64_t)outbox_bytes(&client->outbox) - (int64_t)before);
    }
    lock_drop(&client->lock);
    if (is_lost)
        loop_ask(client->loop, client, LOOP_CLOSE);
}

static void
deliver(struct member *member, struct message *const *messages, size_t count)
{
    send_all(client_of(member), messages, count, 0);
}

static void
deliver_list(struct member *member, struct message *const *messages, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        size_t length;
        (void)message_frame(messages[i], &length);
        bytes += length;
    }
    send_all(client_of(member), messages, count, bytes);
}

static void
answered(struct member *member, unsigned count)
{
    struct client *client = client_of(member);

    unsigned before = atomic_fetch_sub(&client->under_way, count);
    assert(before >= count);
    /* Whoever pauses looks at the count once more after saying so. */
    if (before - count <= MEMBER_UNDER_WAY_MAX / 2 && atomic_load(&client->paused))
        loop_ask(client->loop, client, LOOP_RESUME);
}

static const struct member_operations operations = {
    .deliver = deliver,
    .deliver_list = deliver_list,
    .answered = answered,
    .hold = hold_member,
    .release = release_member,
};

void
client_send(struct client *client, struct message *message)
{
    send_all(client, &message, 1, 0);
    message_rele(message);
}

static struct message *
welcome(const struct client *client)
{
    const struct server *server = client->server;
    struct event_welcome welcome = {
        .user_id = client->member.id,
        .user_name = client->member.name,
        .version = CHATD_VERSION,
        .instance = server->rooms.instance,
        .message_bytes = SERVER_MESSAGE_BYTES,
        .frame_bytes = SERVER_FRAME_BYTES,
        .rooms = server->rooms.max_rooms_per_member,
        .under_way = MEMBER_UNDER_WAY_MAX,
        .messages_per_second = server->options->limit_messages,
    };
    return event_welcome(&welcome);
}

int
client_start(struct server *server, int socket, const char *name, size_t length,
             struct client **out)
{
    char id[IDENTIFIER_SIZE];
    int on = 1;

    if (setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        return -errno;
    struct client *client = calloc(1, sizeof(*client) + length + 1);
    if (client == NULL)
        return -ENOMEM;
    memcpy(client->name, name, length);
    identifier_make(id);
    member_init(&client->member, &operations, id, client->name);
    lock_init(&client->lock, LOCK_CLIENT);
    atomic_init(&client->references, 1); /* the loop's */
    websocket_decoder_init(&client->decoder, SERVER_FRAME_BYTES);
    client->server = server;
    client->loop = server->loops[atomic_fetch_add(&server->next_loop, 1) % server->loop_count];
    client->socket = socket;

    struct message *message = welcome(client);
    if (message == NULL) {
        client->socket = -1;
        client_rele(client);
        return -ENOMEM;
    }
    client_hold(client); /* for the caller */
    atomic_fetch_add(&server->counters.accepted, 1);
    client_send(client, message);
    lobby_arrive(server->rooms.lobby, &client->member);
    loop_ask(client->loop, client, LOOP_START);
    *out = client;
    return 0;
}

void
client_abort(struct client *client, uint16_t code)
{
    lock_take(&client->lock);
    client->close_code = code;
    client->deaf = true;
    lock_drop(&client->lock);
    loop_ask(client->loop, client, LOOP_CLOSE);
}

bool
client_is_paused(const struct client *client)
{
    return atomic_load(&client->paused);
}

void
client_ping(struct client *client)
{
    char frame[WEBSOCKET_CONTROL_FRAME_MAX];
    size_t length = websocket_control_frame(frame, OPCODE_PING, NULL, 0);
    struct message *message = message_new_frame(frame, length);

    client->pinged = true;
    if (message != NULL)
        client_send(client, message);
}

void
client_handle_output(struct client *client)
{
    lock_take(&client->lock);
    if (client->socket >= 0 && client->wants_output) {
        size_t before = outbox_bytes(&client->outbox);
        /* What is wrong with the socket is told by the epoll as well. */
        if (outbox_flush(&client->outbox, client->socket) != 0)
            outbox_clear(&client->outbox);
        if (outbox_is_empty(&client->outbox)) {
            client->wants_output = false;
            loop_rewatch(client->loop, client, client->socket, !atomic_load(&client->paused),
                         false);
            if (client->closing)
                client_end_writing(client);
        }
        atomic_fetch_add(&client->server->counters.outbox_bytes,
                         (int64_t)outbox_bytes(&client->outbox) - (int64_t)before);
    }
    lock_drop(&client->lock);
}

/* Has the loop watch it; returns whether it goes on. */
static bool
begin(struct client *client)
{
    int error = loop_has_ended(client->loop) ? -ESHUTDOWN
                                             : loop_watch(client->loop, client, client->socket);
    if (error != 0) {
        bool is_late = error == -ESHUTDOWN;
        client_send_close(client,
                          is_late ? WEBSOCKET_CLOSE_RESTART : WEBSOCKET_CLOSE_INTERNAL_ERROR,
                          is_late ? "restart; retry-ms=1000" : "");
        client_end(client);
        return false;
    }
    client->watched = true;
    lock_take(&client->lock);
    if (client->wants_output)
        loop_rewatch(client->loop, client, client->socket, true, true);
    lock_drop(&client->lock);
    if (loop_is_stopping(client->loop))
        client_drain(client);
    return true;
}

/* Closes it with the code that was asked for, or ends it where nothing can be said any more. */
static void
close_as_asked(struct client *client)
{
    lock_take(&client->lock);
    uint16_t code = client->close_code;
    lock_drop(&client->lock);
    if (client->closing)
        return;
    if (code == 0) {
        client_end(client);
        return;
    }
    bool is_slow = code == WEBSOCKET_CLOSE_TRY_LATER;
    struct server_counters *counters = &client->server->counters;
    atomic_fetch_add(is_slow ? &counters->slow_closed : &counters->protocol_closed, 1);
    client_close(client, code, is_slow ? "read too slowly" : "data before the handshake");
}

void
client_handle_request(struct client *client, unsigned request)
{
    if ((request & LOOP_START) != 0 && !begin(client))
        return;
    /* What is asked before the start is found by it. */
    if (client->socket < 0 || !client->watched)
        return;
    lock_take(&client->lock);
    bool is_lost = client->deaf;
    lock_drop(&client->lock);
    if (is_lost)
        close_as_asked(client);
    else if ((request & LOOP_RESUME) != 0 && loop_is_stopping(client->loop))
        client_drain(client);
    else if ((request & LOOP_RESUME) != 0)
        client_input_resume(client);
}
