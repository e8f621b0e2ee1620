#include "server/client_input.h"

#include "pubsub/message.h"
#include "rooms/wake.h"
#include "server/client.h"
#include "server/command.h"
#include "server/inflater.h"
#include "server/server.h"
#include "server/websocket_header.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define OPCODE_PONG   0xA
#define TURN_WORK_MAX 128 /* commands and pings of one client before others have their turn */

/* Notes whether a message of the client is incomplete, and since when. */
static void
note_unfinished(struct client *client, int64_t since)
{
    if ((client->began != 0) != (since != 0))
        loop_count_unfinished(client->loop, since != 0 ? 1 : -1);
    client->began = since;
}

static void
forget_partial(struct client *client)
{
    free(client->partial);
    client->partial = NULL;
    client->partial_length = 0;
    client->partial_size = 0;
}

void
client_input_forget(struct client *client)
{
    note_unfinished(client, 0);
    forget_partial(client);
}

/* Sees to it that the incomplete frame has room to be completed. */
static int
make_room(struct client *client, size_t needed)
{
    if (needed <= client->partial_size)
        return 0;
    char *partial = realloc(client->partial, needed);
    if (partial == NULL)
        return -ENOMEM;
    client->partial = partial;
    client->partial_size = (uint32_t)needed;
    return 0;
}

/* Keeps what was read and not handled, which may be kept already, at another place. */
static int
keep(struct client *client, const char *data, size_t length)
{
    if (length == 0) {
        forget_partial(client);
        return 0;
    }
    size_t needed = websocket_frame_needs(data, length);
    if (client->partial == NULL) {
        int error = make_room(client, needed > length ? needed : length);
        if (error != 0)
            return error;
    }
    assert(client->partial != NULL);
    memmove(client->partial, data, length);
    client->partial_length = (uint32_t)length;
    return make_room(client, needed);
}

/*
 * Whether the client has as many requests under way as it may: then it is not read from until some
 * were answered.
 */
static bool
must_pause(struct client *client)
{
    if (client->closing || atomic_load(&client->under_way) < MEMBER_UNDER_WAY_MAX)
        return false;
    atomic_store(&client->paused, true);
    /* Answers that came before the pause was seen do not end it. */
    bool is_paused = atomic_load(&client->under_way) >= MEMBER_UNDER_WAY_MAX;
    if (!is_paused)
        atomic_store(&client->paused, false);
    /* In either case: whoever sent meanwhile watched by what it saw. */
    lock_take(&client->lock);
    loop_rewatch(client->loop, client, client->socket, !is_paused, client->wants_output);
    lock_drop(&client->lock);
    return is_paused;
}

static void
answer_ping(struct client *client, const struct websocket_event *event)
{
    char frame[WEBSOCKET_CONTROL_FRAME_MAX];
    size_t length = websocket_control_frame(frame, OPCODE_PONG, event->data, event->length);
    struct message *message = message_new_frame(frame, length);

    if (message != NULL)
        client_send(client, message);
}

/*
 * Lets the loop's other clients have their turn before what is left is handled: it goes on when the
 * loop has seen to them.
 */
static void
yield_turn(struct client *client)
{
    atomic_store(&client->paused, true);
    lock_take(&client->lock);
    loop_rewatch(client->loop, client, client->socket, false, client->wants_output);
    lock_drop(&client->lock);
    loop_ask(client->loop, client, LOOP_RESUME);
}

/* Returns whether the connection goes on; *work counts what it asked for. */
static bool
handle_text(struct client *client, const struct websocket_event *event, unsigned *work)
{
    if (client->closing)
        return true;
    unsigned commands = command_handle(client, event->data, event->length);
    *work += commands;
    if (commands <= COMMANDS_MAX)
        return true;
    atomic_fetch_add(&client->server->counters.protocol_closed, 1);
    client_close(client, WEBSOCKET_CLOSE_POLICY, "more than 256 documents in a message");
    return false;
}

/* Inflates a compressed text; where that cannot be, the event is an error then. */
static void
expand(struct client *client, struct websocket_event *event)
{
    struct inflater *inflater = loop_inflater(client->loop);

    if (inflater == NULL)
        websocket_fail(event, WEBSOCKET_CLOSE_INTERNAL_ERROR, "out of memory");
    else
        inflater_expand(inflater, event);
}

/* The same for any event. */
static bool
handle_event(struct client *client, const struct websocket_event *event, unsigned *work)
{
    switch (event->kind) {
    case WEBSOCKET_EVENT_NONE:
    case WEBSOCKET_EVENT_PONG:
        break;
    case WEBSOCKET_EVENT_TEXT:
        return handle_text(client, event, work);
    case WEBSOCKET_EVENT_PING:
        (*work)++;
        if (!client->closing)
            answer_ping(client, event);
        break;
    case WEBSOCKET_EVENT_CLOSE:
        if (client->closing) {
            client_end(client);
            return false;
        }
        client_close(client, event->code, "");
        return false;
    case WEBSOCKET_EVENT_ERROR:
        if (event->code == WEBSOCKET_CLOSE_TOO_BIG)
            limits_count(client->server, LIMIT_JSON_SIZE, client->member.id);
        atomic_fetch_add(&client->server->counters.protocol_closed, 1);
        client_close(client, event->code, event->reason);
        return false;
    }
    return true;
}

/* Whether the event is a whole message, or a control frame that is not within one. */
static bool
ends_message(const struct client *client, const struct websocket_event *event)
{
    return event->kind == WEBSOCKET_EVENT_TEXT ||
           (event->kind != WEBSOCKET_EVENT_NONE && !client->decoder.fragmented);
}

/* What is left is the start of a message: its time begins when the one before it has ended. */
static void
look_for_unfinished(struct client *client, bool has_rest)
{
    if (!has_rest && !client->decoder.fragmented)
        note_unfinished(client, 0);
    else if (client->began == 0)
        note_unfinished(client, clock_monotonic_ms());
}

/* Returns whether the connection goes on; *used says how much of the data is done with. */
static bool
handle_frames(struct client *client, char *data, size_t length, size_t *used)
{
    size_t at = 0;
    unsigned work = 0;

    while (at < length && !must_pause(client)) {
        struct websocket_event event;
        if (work >= TURN_WORK_MAX) {
            yield_turn(client);
            break;
        }
        size_t decoded = websocket_decode(&client->decoder, data + at, length - at, &event);
        if (decoded == 0)
            break;
        at += decoded;
        if (ends_message(client, &event))
            note_unfinished(client, 0);
        if (event.compressed && !client->closing)
            expand(client, &event);
        if (!handle_event(client, &event, &work))
            return false;
    }
    *used = at;
    return true;
}

static void
handle_data(struct client *client, char *data, size_t length)
{
    size_t used;

    /* What one client sent in one go reaches its room in one go. */
    wake_defer();
    client_turn_begin(client);
    bool goes_on = handle_frames(client, data, length, &used);
    client_turn_end(client);
    wake_rooms();
    if (!goes_on)
        return;
    if (!client->closing)
        look_for_unfinished(client, used < length);
    if (keep(client, data + used, length - used) != 0)
        client_close(client, WEBSOCKET_CLOSE_INTERNAL_ERROR, "out of memory");
}

void
client_handle_input(struct client *client)
{
    /* Nothing is read from a paused client: what the epoll tells of it is its end. */
    if (client->socket < 0 || atomic_load(&client->paused)) {
        client_end(client);
        return;
    }
    size_t size;
    char *buffer = loop_buffer(client->loop, &size);
    bool is_partial = client->partial != NULL;
    if (is_partial) {
        buffer = client->partial + client->partial_length;
        size = client->partial_size - client->partial_length;
    }
    ssize_t got = recv(client->socket, buffer, size, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (got <= 0) {
        client_end(client);
        return;
    }
    loop_heard(client->loop, client);
    if (is_partial)
        handle_data(client, client->partial, client->partial_length + (size_t)got);
    else
        handle_data(client, buffer, (size_t)got);
}

void
client_input_resume(struct client *client)
{
    if (client->closing || !atomic_load(&client->paused))
        return;
    atomic_store(&client->paused, false);
    lock_take(&client->lock);
    loop_rewatch(client->loop, client, client->socket, true, client->wants_output);
    lock_drop(&client->lock);
    /* It was this side that did not listen. */
    if (client->began != 0)
        note_unfinished(client, clock_monotonic_ms());
    if (client->partial != NULL)
        handle_data(client, client->partial, client->partial_length);
}

void
client_end_unfinished(struct client *client, int64_t before)
{
    if (client->began == 0 || client->began > before || atomic_load(&client->paused))
        return;
    limits_count(client->server, LIMIT_FRAME_TIME, client->member.id);
    client_close(client, WEBSOCKET_CLOSE_POLICY, "a message took too long to come");
}
