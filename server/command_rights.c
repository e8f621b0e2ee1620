/* The commands about who may what: in rooms, and of one user towards another; and lists of that. */
#include "rooms/listing.h"
#include "rooms/order.h"
#include "server/client.h"
#include "server/command_internal.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>

#define SECONDS_MAX UINT64_C(3155760000) /* 100 years; more is for ever */

/* What each action needs beside the room that it is about. */
static const struct action {
    const char *action;
    enum right right;
    bool has_user;
    bool has_time;
    bool has_topic;
    bool has_kind;
} actions[] = {
    {"invite", RIGHT_INVITE, .has_user = true},
    {"set-topic", RIGHT_SET_TOPIC, .has_topic = true},
    {"kick", RIGHT_KICK, .has_user = true},
    {"ban", RIGHT_BAN, .has_user = true, .has_time = true},
    {"unban", RIGHT_UNBAN, .has_user = true},
    {"mute", RIGHT_MUTE, .has_user = true, .has_time = true},
    {"unmute", RIGHT_UNMUTE, .has_user = true},
    {"make-moderator", RIGHT_MAKE_MODERATOR, .has_user = true},
    {"remove-moderator", RIGHT_REMOVE_MODERATOR, .has_user = true},
    {"set-kind", RIGHT_SET_KIND, .has_kind = true},
    {"transfer-room", RIGHT_TRANSFER, .has_user = true},
    {"delete-room", RIGHT_DELETE_ROOM, .has_user = false},
};

static bool
copy_id(const char *id, char out[REPO_ID_SIZE])
{
    return id != NULL && *id != '\0' &&
           (size_t)snprintf(out, REPO_ID_SIZE, "%s", id) < REPO_ID_SIZE;
}

/* Each of these reads one field; if it is not as it must be, it answers, and returns false. */

static bool
read_id(const struct command *command, struct order *order)
{
    const char *id;

    if (!command_own_id(command, &id))
        return false;
    order->has_client_id = id != NULL;
    if (id != NULL)
        snprintf(order->client_id, sizeof(order->client_id), "%s", id);
    return true;
}

/* `code` and `unknown` are for an id that nobody can have, `needed` for none at all. */
static bool
read_id_of(const struct command *command, const char *id, char out[REPO_ID_SIZE], const char *code,
           const char *unknown, const char *needed)
{
    if (copy_id(id, out))
        return true;
    if (id != NULL && *id != '\0')
        command_refuse(command, code, unknown);
    else
        command_refuse(command, "bad-request", needed);
    return false;
}

static bool
read_room(const struct command *command, struct order *order)
{
    return read_id_of(command, command_target(command), order->room_id, "no-such-room",
                      "There is no such room.", "`target.id` must be the room's id.");
}

static bool
read_user(const struct command *command, struct order *order)
{
    const cJSON *user = cJSON_GetObjectItemCaseSensitive(command->root, "user");

    return read_id_of(command, command_string(user, "id"), order->user_id, "no-such-user",
                      "There is no user with this id.", "`user.id` must be the user's id.");
}

static bool
read_time(const struct command *command, struct order *order)
{
    uint64_t seconds = SECONDS_MAX;

    if (!command_number(command, "for", 1, &seconds)) {
        command_refuse(command, "bad-request", "`for` must be a whole number of seconds from 1.");
        return false;
    }
    order->seconds = seconds < SECONDS_MAX ? (int64_t)seconds : 0;
    return true;
}

/* A topic may be empty, and absent where the room is created. */
static bool
read_topic(const struct command *command, const char *key, bool is_needed, struct order *order)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(command->root, key);
    const char *topic = command_string(command->root, key);
    size_t length = topic != NULL ? strlen(topic) : 0;

    if (topic == NULL && (is_needed || item != NULL)) {
        command_refuse(command, "bad-request", "The topic must be a string.");
        return false;
    }
    if (length > 0 && !name_trim(&topic, length, REPO_TOPIC_SIZE - 1, &length)) {
        command_refuse(command, "bad-topic",
                       "A topic has at most 256 bytes of text, and no control characters.");
        return false;
    }
    memcpy(order->topic, length > 0 ? topic : "", length);
    order->topic[length] = '\0';
    return true;
}

static bool
read_kind(const struct command *command, struct order *order)
{
    const char *kind = command_string(command->root, "kind");

    for (int i = REPO_PUBLIC; i <= REPO_INVITE_ONLY; i++) {
        if (kind != NULL && strcmp(kind, kind_name((enum repo_room_kind)i)) == 0) {
            order->kind = (enum repo_room_kind)i;
            return true;
        }
    }
    command_refuse(command, "bad-request", "`kind` must be \"public\" or \"invite-only\".");
    return false;
}

static void
give(const struct command *command, const struct order *order)
{
    struct client *client = command->client;

    command_begin_request(command);
    command_end_request(command, member_order(&client->member, &client->server->rooms, order));
}

bool
command_is_order(const char *action)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(action, actions[i].action) == 0)
            return true;
    }
    return false;
}

void
command_order(const struct command *command)
{
    const struct action *action = actions;

    while (strcmp(action->action, command->action) != 0)
        action++;
    struct order order = {
        .order = ORDER_ABOUT_ROOM,
        .right = action->right,
        .action = action->action,
    };
    if (read_room(command, &order) && (!action->has_user || read_user(command, &order)) &&
        (!action->has_time || read_time(command, &order)) &&
        (!action->has_topic || read_topic(command, "message", true, &order)) &&
        (!action->has_kind || read_kind(command, &order)) && read_id(command, &order) &&
        command_keeps_rate(command))
        give(command, &order);
}

void
command_create_room(const struct command *command)
{
    struct order order = {.order = ORDER_CREATE_ROOM, .action = "create-room"};
    const char *name = command_string(command->root, "message");
    size_t length;

    if (name == NULL) {
        command_refuse(command, "bad-request", "`message` must be the room's name.");
        return;
    }
    if (!name_trim(&name, strlen(name), REPO_ROOM_NAME_SIZE - 1, &length)) {
        command_refuse(command, "bad-name",
                       "A room's name has 1 to 128 bytes of text, and no control characters.");
        return;
    }
    memcpy(order.name, name, length);
    order.name[length] = '\0';
    if ((cJSON_GetObjectItemCaseSensitive(command->root, "kind") == NULL ||
         read_kind(command, &order)) &&
        read_topic(command, "topic", false, &order) && read_id(command, &order) &&
        command_keeps_rate(command)) {
        command_limit_rooms(command);
        give(command, &order);
    }
}

static void
give_block(const struct command *command, enum order_kind which, const char *action)
{
    struct order order = {.order = which, .action = action};

    if (!read_user(command, &order) || !read_id(command, &order))
        return;
    if (strcmp(order.user_id, command->client->member.id) == 0)
        command_refuse(command, "bad-request", "Nobody blocks oneself.");
    else if (command_keeps_rate(command))
        give(command, &order);
}

void
command_block(const struct command *command)
{
    give_block(command, ORDER_BLOCK, "block");
}

void
command_unblock(const struct command *command)
{
    give_block(command, ORDER_UNBLOCK, "unblock");
}

/* Reads after whom a list begins, or "". False: it makes no sense, and that is told. */
static bool
read_after(const struct command *command, const char *key, char out[LISTING_AFTER_SIZE])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(command->root, key);
    const char *after = command_string(command->root, key);
    char problem[64];

    out[0] = '\0';
    if (item == NULL)
        return true;
    if (after == NULL || strlen(after) >= LISTING_AFTER_SIZE) {
        snprintf(problem, sizeof(problem), "`%s` must be a name or an id of the list.", key);
        command_refuse(command, "bad-request", problem);
        return false;
    }
    snprintf(out, LISTING_AFTER_SIZE, "%s", after);
    return true;
}

/* Reads what the lists have in common; the rest is set by then. */
static void
give_list(const struct command *command, struct listing *listing)
{
    struct client *client = command->client;
    uint64_t limit = LISTING_DEFAULT;
    const char *id;

    if (!read_after(command, "after", listing->after) ||
        (listing->kind == LISTING_MEMBERS &&
         !read_after(command, "bannedAfter", listing->banned_after)))
        return;
    if (!command_number(command, "limit", 1, &limit)) {
        command_refuse(command, "bad-request", "`limit` must be a whole number from 1.");
        return;
    }
    if (!command_own_id(command, &id) || !command_keeps_rate(command))
        return;
    listing->limit = limit < LISTING_MAX ? (size_t)limit : LISTING_MAX;
    listing->has_client_id = id != NULL;
    if (id != NULL)
        snprintf(listing->client_id, sizeof(listing->client_id), "%s", id);
    command_begin_request(command);
    command_end_request(command, member_list(&client->member, &client->server->rooms, listing));
}

void
command_rooms(const struct command *command)
{
    struct listing listing = {.kind = LISTING_ROOMS};

    give_list(command, &listing);
}

void
command_blocks(const struct command *command)
{
    struct listing listing = {.kind = LISTING_BLOCKS};

    give_list(command, &listing);
}

void
command_room_members(const struct command *command)
{
    struct listing listing = {.kind = LISTING_MEMBERS};
    struct order order;

    if (!read_room(command, &order))
        return;
    memcpy(listing.room_id, order.room_id, sizeof(listing.room_id));
    give_list(command, &listing);
}
