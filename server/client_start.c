/* The start of a client: from the hand-over to its welcome. */
#include "pubsub/message.h"
#include "rooms/event.h"
#include "rooms/lobby.h"
#include "rooms/rooms.h"
#include "server/client.h"
#include "server/identity.h"
#include "server/options.h"
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct message *
welcome(const struct client *client)
{
    const struct server *server = client->server;
    struct event_welcome welcome = {
        .user_id = client->member.id,
        .user_name = client->member.name,
        .is_account = client->member.is_account,
        .is_admin = atomic_load(&client->member.is_admin),
        .token = client->secret->token[0] != '\0' ? client->secret->token : NULL,
        .token_expires = client->secret->expires,
        .version = CHATD_VERSION,
        .instance = server->rooms.instance,
        .message_bytes = SERVER_MESSAGE_BYTES,
        .frame_bytes = server_frame_bytes(server),
        .rooms = server->rooms.max_rooms_per_member,
        .under_way = MEMBER_UNDER_WAY_MAX,
        .messages_per_second = server->options->limit_messages,
        .messages_at_once = server->options->limit_messages_burst,
        .resume = server->options->resume_limit,
    };
    return event_welcome(&welcome);
}

void
client_forget_secret(struct client *client)
{
    if (client->secret == NULL)
        return;
    explicit_bzero(client->secret, sizeof(*client->secret));
    free(client->secret);
    client->secret = NULL;
}

/* Why somebody is not let in for good, as a word and for a person; NULL: it may try again. */
static const char *
refusal_of(int error, struct event_error *out)
{
    static const struct {
        const char *code;
        const char *message;
        int error;
    } table[] = {
        {"session-revoked", "Your session has ended.", -ENOKEY},
        {"banned", "This account is banned from this server, or was deleted.", -EACCES},
        {"name-taken", "This name is an account's.", -EADDRINUSE},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].error != error)
            continue;
        *out = (struct event_error){.code = table[i].code, .message = table[i].message};
        return table[i].code;
    }
    return NULL;
}

/* Whatever comes of it, the loop serves the client from now on, if only to close it. */
void
client_handle_arrival(struct member *member, int error)
{
    struct client *client = (struct client *)member; /* its first member */
    struct event_error refusal = {
        .code = "unavailable",
        .message = "The server cannot let you in just now. Try again.",
        .retry = true,
    };
    const char *word = refusal_of(error, &refusal);
    struct message *message = error == 0 ? welcome(client) : event_error(&refusal);

    client_forget_secret(client);
    if (message != NULL)
        client_send(client, message);
    if (word != NULL)
        client_abort_because(client, WEBSOCKET_CLOSE_POLICY, word);
    else if (message == NULL || error != 0)
        client_abort(client, WEBSOCKET_CLOSE_INTERNAL_ERROR);
    loop_ask(client->loop, client, LOOP_START);
}

/* Makes a client that nobody knows of yet. NULL: out of memory. */
static struct client *
client_new(struct server *server, const struct identity *identity, bool deflates)
{
    size_t size = strlen(identity->name) + 1;
    struct client *client = calloc(1, sizeof(*client) + size);
    struct client_secret *secret = malloc(sizeof(*secret));

    if (client == NULL || secret == NULL) {
        free(client);
        free(secret);
        return NULL;
    }
    secret->expires = identity->expires;
    /* Who came by the cookie has it already, where no script sees it. */
    memcpy(secret->token, identity->by_cookie ? "" : identity->token,
           identity->by_cookie ? 1 : sizeof(secret->token));
    memcpy(client->name, identity->name, size);
    member_init(&client->member, &client_operations, identity->id, client->name);
    lock_init(&client->lock, LOCK_CLIENT);
    atomic_init(&client->references, 1); /* the loop's */
    websocket_decoder_init(&client->decoder, server_frame_bytes(server));
    if (deflates)
        websocket_decoder_allow_compressed(&client->decoder);
    outbox_init(&client->outbox, deflates);
    client->member.deflates = deflates;
    client->member.is_account = identity->is_account;
    client->member.session = identity->session;
    atomic_init(&client->member.is_admin, identity->is_admin);
    client->secret = secret;
    client->server = server;
    client->loop = server->loops[atomic_fetch_add(&server->next_loop, 1) % server->loop_count];
    client->socket = -1;
    return client;
}

int
client_start(struct server *server, int socket, const struct identity *identity,
             struct counted_holder **address, bool deflates, struct client **out)
{
    struct member_identity stored = {.expires = identity->expires, .seen = identity->seen};

    struct client *client = client_new(server, identity, deflates);
    if (client == NULL)
        return -ENOMEM;
    token_hash(identity->token, stored.token_hash);
    memcpy(stored.folded, identity->folded, sizeof(stored.folded));
    client->socket = socket;
    client->address = *address;
    client_hold(client); /* for the caller */
    int error = lobby_arrive(server->rooms.lobby, &client->member, &stored);
    if (error != 0) {
        client->socket = -1;
        client_rele(client);
        client_rele(client);
        return error;
    }
    *address = NULL;
    atomic_fetch_add(&server->counters.accepted, 1);
    if (deflates)
        atomic_fetch_add(&server->counters.deflating, 1);
    *out = client;
    return 0;
}
