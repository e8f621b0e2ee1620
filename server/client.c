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

#define OPCODE_PING     0x9
#define RETRY_MIN_MS    250  /* earliest return after a restart */
#define RETRY_SPREAD_MS 4000 /* over which the clients are spread */
#define REASON_SIZE     64

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

/* It is in no room and not online any more. */
static void
leave(struct client *client)
{
    member_leave_all(&client->member);
    lobby_depart(client->server->rooms.lobby, &client->member);
}

/* After the last byte: the client sees the end, and what it sends until then is still read. */
static void
end_writing(struct client *client)
{
    lock_assert_held(&client->lock);
    if (client->write_ended)
        return;
    client->write_ended = true;
    /* A connection that is broken already needs no end. */
    if (shutdown(client->socket, SHUT_WR) < 0 && errno != ENOTCONN)
        log_warn(errno, "shutdown-failed user=%s", client->member.id);
}

/* Puts a Close behind what waits, as the last thing that is sent. */
static void
send_close(struct client *client, uint16_t code, const char *reason)
{
    char frame[WEBSOCKET_CONTROL_FRAME_MAX];
    size_t length = websocket_close_frame(frame, code, reason);
    struct message *message = message_new_frame(frame, length);
    int error = -ENOMEM;

    lock_take(&client->lock);
    size_t before = outbox_bytes(&client->outbox);
    client->deaf = true;
    if (message != NULL)
        error = outbox_send(&client->outbox, client->socket, &message, 1, SIZE_MAX / 2);
    if (error != 0)
        outbox_clear(&client->outbox);
    client->wants_output = !outbox_is_empty(&client->outbox);
    if (!client->wants_output)
        end_writing(client);
    loop_rewatch(client->loop, client, client->socket, true, client->wants_output);
    atomic_fetch_add(&client->server->counters.outbox_bytes,
                     (int64_t)outbox_bytes(&client->outbox) - (int64_t)before);
    lock_drop(&client->lock);
    if (message != NULL)
        message_rele(message);
}

void
client_close(struct client *client, uint16_t code, const char *reason)
{
    if (client->closing)
        return;
    leave(client);
    loop_closing(client->loop, client);
    client->closing = true;
    /* From now on only the answer to the Close is waited for. */
    client_input_forget(client);
    atomic_store(&client->paused, false);
    send_close(client, code, reason);
}

void
client_drain(struct client *client)
{
    char reason[REASON_SIZE];
    uint32_t random = 0;

    if (client->closing)
        return;
    if (!atomic_exchange(&client->paused, true)) {
        lock_take(&client->lock);
        loop_rewatch(client->loop, client, client->socket, false, client->wants_output);
        lock_drop(&client->lock);
    }
    if (atomic_load(&client->under_way) > 0)
        return; /* the last answer has the loop call again */
    ssize_t got = getrandom(&random, sizeof(random), 0);
    assert(got == sizeof(random));
    snprintf(reason, sizeof(reason), "restart; retry-ms=%u",
             RETRY_MIN_MS + random % RETRY_SPREAD_MS);
    client_close(client, WEBSOCKET_CLOSE_RESTART, reason);
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
                end_writing(client);
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
        send_close(client, is_late ? WEBSOCKET_CLOSE_RESTART : WEBSOCKET_CLOSE_INTERNAL_ERROR,
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

void
client_end(struct client *client)
{
    if (client->socket < 0)
        return;
    if (!client->closing)
        leave(client);
    if (client->watched)
        loop_forget(client->loop, client);
    client_input_forget(client);
    websocket_decoder_release(&client->decoder);
    lock_take(&client->lock);
    atomic_fetch_sub(&client->server->counters.outbox_bytes,
                     (int64_t)outbox_bytes(&client->outbox));
    outbox_clear(&client->outbox);
    client->deaf = true;
    /* This takes the socket out of the epoll as well: nobody else has a descriptor of it. */
    if (close(client->socket) < 0)
        log_warn(errno, "close-failed user=%s", client->member.id);
    client->socket = -1;
    lock_drop(&client->lock);
    atomic_fetch_sub(&client->server->clients, 1);
    client_rele(client);
}
