/* The end of a client: the Close, what goes out before it, and the socket. */
#include "pubsub/message.h"
#include "rooms/lobby.h"
#include "rooms/log.h"
#include "server/client.h"
#include "server/client_input.h"
#include "server/server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_MIN_MS    250  /* earliest return after a restart */
#define RETRY_SPREAD_MS 4000 /* over which the clients are spread */

/* It is in no room and not online any more. */
static void
leave(struct client *client)
{
    member_leave_all(&client->member);
    lobby_depart(client->server->rooms.lobby, &client->member);
}

/* After the last byte: the client sees the end, and what it sends until then is still read. */
void
client_end_writing(struct client *client)
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
void
client_send_close(struct client *client, uint16_t code, const char *reason)
{
    char frame[WEBSOCKET_CONTROL_FRAME_MAX];
    size_t length = websocket_close_frame(frame, code, reason);
    struct message *message = message_new_frame(frame, length);
    int error = -ENOMEM;

    client_turn_send(client);
    lock_take(&client->lock);
    size_t before = outbox_bytes(&client->outbox);
    client->deaf = true;
    if (message != NULL)
        error = outbox_send(&client->outbox, client->socket, &message, 1, SIZE_MAX / 2);
    if (error != 0)
        outbox_clear(&client->outbox);
    client->wants_output = !outbox_is_empty(&client->outbox);
    if (!client->wants_output)
        client_end_writing(client);
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
    client_send_close(client, code, reason);
    client_catch_up(client);
}

void
client_restart_reason(char reason[CLIENT_REASON_SIZE])
{
    uint32_t random = 0;

    ssize_t got = getrandom(&random, sizeof(random), 0);
    assert(got == sizeof(random));
    snprintf(reason, CLIENT_REASON_SIZE, "restart; retry-ms=%u",
             RETRY_MIN_MS + random % RETRY_SPREAD_MS);
}

void
client_drain(struct client *client)
{
    char reason[CLIENT_REASON_SIZE];

    if (client->closing)
        return;
    if (!atomic_exchange(&client->paused, true)) {
        lock_take(&client->lock);
        loop_rewatch(client->loop, client, client->socket, false, client->wants_output);
        lock_drop(&client->lock);
    }
    if (atomic_load(&client->under_way) > 0)
        return; /* the last answer has the loop call again */
    client_restart_reason(reason);
    client_close(client, WEBSOCKET_CLOSE_RESTART, reason);
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
    client_catch_up(client);
    limits_end_connection(client->server, &client->address);
    limits_end_rooms(client->server, &client->rooms, client->room_count);
    atomic_fetch_sub(&client->server->clients, 1);
    client_rele(client);
}
