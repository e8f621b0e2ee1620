/* What rooms/ asks of a client as a member: to be sent something, or how much waits for it. */
#include "pubsub/message.h"
#include "rooms/rooms.h"
#include "server/client.h"
#include "server/options.h"
#include "server/server.h"

#include <assert.h>
#include <errno.h>

#define TURN_ANSWERS_MAX 32

static struct client *
client_of(struct member *member)
{
    return (struct client *)member; /* its first member */
}

static void
hold_member(struct member *member)
{
    client_hold(client_of(member));
}

/* The document may be lost with memory short: the Close says it as well. */
static void
dismiss(struct member *member, struct message *document, const char *word)
{
    struct client *client = client_of(member);

    if (document != NULL) {
        message_hold(document);
        client_send(client, document);
    }
    client_abort_because(client, WEBSOCKET_CLOSE_POLICY, word);
}

static void
release_member(struct member *member)
{
    client_rele(client_of(member));
}

/* Whether so much waits for it that what can be done without is not added. */
static bool
is_crowded(const struct client *client)
{
    lock_assert_held(&client->lock);
    return outbox_bytes(&client->outbox) > client->server->options->outbox_bytes / 4;
}

/* What messages are to the client: whether they may wait beyond the limit, or be left out. */
enum importance { ORDINARY, LARGE, HINT };

/*
 * The bytes that may wait on top of the limit for what is large: twice what comes now, since it is
 * is_behind that bounds it, and another part may come from elsewhere at the same time.
 */
static size_t
allowance(struct message *const *messages, size_t count, enum importance importance)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count && importance == LARGE; i++) {
        size_t length;
        (void)message_frame(messages[i], &length);
        bytes += length;
    }
    return 2 * bytes;
}

/* Compresses what was not yet, before the client is locked, and counts what that spares. */
static void
deflate_all(struct client *client, struct message *const *messages, size_t count)
{
    struct server_counters *counters = &client->server->counters;
    size_t plain = 0;
    size_t deflated = 0;

    for (size_t i = 0; i < count; i++) {
        size_t length;
        (void)message_frame(messages[i], &length);
        plain += length;
        (void)message_deflated_frame(messages[i], &length);
        deflated += length;
    }
    atomic_fetch_add_explicit(&counters->plain_bytes, plain, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->deflated_bytes, deflated, memory_order_relaxed);
}

/* Sends, or keeps what the socket does not take; whoever is too slow is told to go. */
static void
send_all(struct client *client, struct message *const *messages, size_t count,
         enum importance importance)
{
    struct server_counters *counters = &client->server->counters;
    bool is_lost = false;

    if (client->member.deflates)
        deflate_all(client, messages, count);
    lock_take(&client->lock);
    bool is_open = client->socket >= 0 && !client->deaf;
    if (is_open && importance == HINT && is_crowded(client)) {
        atomic_fetch_add(&counters->hints_dropped, count);
    } else if (is_open) {
        size_t before = outbox_bytes(&client->outbox);
        outbox_allow(&client->outbox, allowance(messages, count, importance));
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
        atomic_fetch_add(&counters->outbox_bytes,
                         (int64_t)outbox_bytes(&client->outbox) - (int64_t)before);
    }
    lock_drop(&client->lock);
    if (is_lost)
        loop_ask(client->loop, client, LOOP_CLOSE);
}

/* What a client is answered in its turn, by the thread that handles its input. */
static _Thread_local struct {
    const struct client *client; /* whose turn it is, or NULL */
    size_t count;
    struct message *answers[TURN_ANSWERS_MAX];
} turn;

void
client_turn_begin(const struct client *client)
{
    assert(turn.client == NULL && turn.count == 0);
    turn.client = client;
}

void
client_turn_send(struct client *client)
{
    if (turn.client != client || turn.count == 0)
        return;
    send_all(client, turn.answers, turn.count, ORDINARY);
    while (turn.count > 0)
        message_rele(turn.answers[--turn.count]);
}

void
client_turn_end(struct client *client)
{
    client_turn_send(client);
    turn.client = NULL;
}

void
client_send(struct client *client, struct message *message)
{
    if (turn.client != client) {
        send_all(client, &message, 1, ORDINARY);
        message_rele(message);
        return;
    }
    turn.answers[turn.count++] = message;
    if (turn.count == TURN_ANSWERS_MAX)
        client_turn_send(client);
}

static void
deliver(struct member *member, struct message *const *messages, size_t count)
{
    send_all(client_of(member), messages, count, ORDINARY);
}

static void
deliver_list(struct member *member, struct message *const *messages, size_t count)
{
    send_all(client_of(member), messages, count, LARGE);
}

static void
deliver_hints(struct member *member, struct message *const *messages, size_t count)
{
    send_all(client_of(member), messages, count, HINT);
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

static bool
is_behind(struct member *member)
{
    struct client *client = client_of(member);

    lock_take(&client->lock);
    bool is_crowd = client->socket >= 0 && !client->deaf && is_crowded(client);
    client->awaits_room = client->awaits_room || is_crowd;
    lock_drop(&client->lock);
    return is_crowd;
}

void
client_catch_up(struct client *client)
{
    lock_take(&client->lock);
    bool has_room =
        client->deaf || outbox_bytes(&client->outbox) < client->server->options->outbox_bytes / 8;
    bool is_awaited = client->awaits_room && has_room;
    if (is_awaited)
        client->awaits_room = false;
    lock_drop(&client->lock);
    if (is_awaited)
        member_drained(&client->member, &client->server->rooms);
}

const struct member_operations client_operations = {
    .deliver = deliver,
    .deliver_list = deliver_list,
    .deliver_hints = deliver_hints,
    .answered = answered,
    .arrived = client_handle_arrival,
    .is_behind = is_behind,
    .dismiss = dismiss,
    .hold = hold_member,
    .release = release_member,
};
