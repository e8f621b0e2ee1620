#include "server/client.h"

#include "pubsub/message.h"
#include "server/client_input.h"
#include "server/server.h"

#include <assert.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#define OPCODE_PING 0x9

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
    client_forget_secret(client);
    member_destroy(&client->member);
    lock_destroy(&client->lock);
    free(client);
}

void
client_abort(struct client *client, uint16_t code)
{
    client_abort_because(client, code, NULL);
}

void
client_abort_because(struct client *client, uint16_t code, const char *reason)
{
    lock_take(&client->lock);
    client->close_code = code;
    client->close_reason = reason;
    client->deaf = true;
    lock_drop(&client->lock);
    loop_ask(client->loop, client, LOOP_CLOSE);
}

bool
client_is_paused(const struct client *client)
{
    return atomic_load(&client->paused);
}

bool
client_owes_reading(struct client *client)
{
    lock_take(&client->lock);
    bool owes = !outbox_is_empty(&client->outbox);
    lock_drop(&client->lock);
    return owes;
}

bool
client_takes(struct client *client)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);
    bool was_owed = client->is_owed;
    uint32_t before = client->taken;

    client->is_owed = false;
    if (getsockopt(client->socket, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return false;
    client->taken = (uint32_t)info.tcpi_bytes_acked;
    client->is_owed = info.tcpi_notsent_bytes > 0 || info.tcpi_unacked > 0;
    return was_owed && client->taken != before;
}

void
client_ping(struct client *client)
{
    char frame[WEBSOCKET_CONTROL_FRAME_MAX];
    size_t length = websocket_control_frame(frame, OPCODE_PING, NULL, 0);
    struct message *message = message_new_frame(frame, length);

    client->pinged = true;
    (void)client_takes(client); /* to compare with */
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
    client_catch_up(client);
}

/* Has the loop watch it; returns whether it goes on. */
static bool
begin(struct client *client)
{
    char reason[CLIENT_REASON_SIZE] = "";
    int error = loop_has_ended(client->loop) ? -ESHUTDOWN
                                             : loop_watch(client->loop, client, client->socket);
    if (error != 0) {
        bool is_late = error == -ESHUTDOWN;
        if (is_late)
            client_restart_reason(reason);
        client_send_close(
            client, is_late ? WEBSOCKET_CLOSE_RESTART : WEBSOCKET_CLOSE_INTERNAL_ERROR, reason);
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
    struct server_counters *counters = &client->server->counters;

    lock_take(&client->lock);
    uint16_t code = client->close_code;
    const char *reason = client->close_reason;
    lock_drop(&client->lock);
    if (client->closing)
        return;
    switch (code) {
    case 0:
        client_end(client);
        break;
    case WEBSOCKET_CLOSE_TRY_LATER:
        atomic_fetch_add(&counters->slow_closed, 1);
        client_close(client, code, "read too slowly");
        break;
    case WEBSOCKET_CLOSE_PROTOCOL_ERROR:
        atomic_fetch_add(&counters->protocol_closed, 1);
        client_close(client, code, "data before the handshake");
        break;
    default:
        client_close(client, code, reason != NULL ? reason : "the server cannot store this");
        break;
    }
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
