#include "server/api.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "rooms/history.h"
#include "rooms/listing.h"
#include "rooms/utf8.h"
#include "server/account_api.h"
#include "server/answer.h"
#include "server/api_request.h"
#include "server/config_api.h"
#include "server/cross_origin.h"
#include "server/guest.h"
#include "server/identity.h"
#include "server/invitation_api.h"
#include "server/server.h"
#include "server/session_api.h"

#include <civetweb.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOT       "/api/"
#define ROOMS      "/api/rooms/"
#define MESSAGES   "/messages"
#define SESSIONS   "/api/sessions/"
#define DIGITS_MAX 16 /* of SERVER_SEQ_MAX */

bool
api_owns(const char *path)
{
    return path != NULL && (strncmp(path, ROOT, strlen(ROOT)) == 0 || strcmp(path, "/api") == 0);
}

/* The room's id in the path, empty where it is too long for one; false: the path is another one. */
static bool
room_of(const char *path, char id[REPO_ID_SIZE])
{
    if (strncmp(path, ROOMS, strlen(ROOMS)) != 0)
        return false;
    const char *start = path + strlen(ROOMS);
    size_t length = strcspn(start, "/");
    if (length == 0 || strcmp(start + length, MESSAGES) != 0)
        return false;
    if (length >= REPO_ID_SIZE)
        length = 0;
    memcpy(id, start, length);
    id[length] = '\0';
    return true;
}

/*
 * Reads the query's whole number `key`. Returns 1 and sets *out, 0 when there is none, or -EINVAL
 * when it is not from `minimum` to SERVER_SEQ_MAX.
 */
static int
number_of(const struct mg_connection *connection, const char *key, uint64_t minimum, uint64_t *out)
{
    const char *query = mg_get_request_info(connection)->query_string;
    char text[DIGITS_MAX + 2];

    int length = query != NULL ? mg_get_var(query, strlen(query), key, text, sizeof(text)) : -1;
    if (length == -1)
        return 0;
    if (length < 1 || length > DIGITS_MAX || strspn(text, "0123456789") != (size_t)length)
        return -EINVAL;
    *out = strtoull(text, NULL, 10);
    return *out >= minimum && *out <= SERVER_SEQ_MAX ? 1 : -EINVAL;
}

/* Finds who reads, who is not kept out by --auth; otherwise as api_check_read and api_identify. */
static int
admit_reader(const struct server *server, struct mg_connection *connection, struct identity *out)
{
    struct event_error error;

    int status = api_check_read(connection);
    if (status != 0)
        return status;
    status = api_identify(server, connection, out);
    const char *refusal = status == 0 && !out->is_account ? guest_refuse(server, &error) : NULL;
    identity_clear(out);
    return refusal != NULL ? api_refuse(connection, refusal, error.code, error.message) : status;
}

/* Answers with the document, which is let go. */
static int
answer_message(struct mg_connection *connection, struct message *message)
{
    size_t length;
    const char *text = message_text(message, &length);

    answer_text(connection, "200 OK", "application/json; charset=utf-8", text, length);
    message_rele(message);
    return 200;
}

/* Reads which page is asked for; false when that makes no sense. */
static bool
range_of(const struct mg_connection *connection, struct history_range *range)
{
    uint64_t limit = HISTORY_DEFAULT;

    *range = (struct history_range){.before = UINT64_MAX};
    int before = number_of(connection, "before", 0, &range->before);
    int after = number_of(connection, "after", 0, &range->after);
    if (before < 0 || after < 0 || before + after > 1 ||
        number_of(connection, "limit", 1, &limit) < 0)
        return false;
    range->limit = limit < HISTORY_MAX ? (size_t)limit : HISTORY_MAX;
    range->newest = after == 0;
    return true;
}

static int
serve_messages(struct server *server, struct mg_connection *connection, const char *room_id)
{
    struct identity identity;
    struct history_range range;
    struct message *message;

    int status = admit_reader(server, connection, &identity);
    if (status != 0)
        return status;
    if (!range_of(connection, &range))
        return api_refuse(connection, "400 Bad Request", "bad-request",
                          "`before` or `after`, not both, must be a whole number, and "
                          "`limit` one from 1.");
    int error = history_read_for(&server->rooms, room_id, identity.id, &range, &message);
    if (error == -ENOENT)
        return api_refuse(connection, "403 Forbidden", "not-a-member", "You are not in this room.");
    if (error != 0)
        return api_refuse_unavailable(connection, error, "history-not-read");
    return answer_message(connection, message);
}

/* Reads the part of the list that is asked for; false when that makes no sense. */
static bool
listing_of(const struct mg_connection *connection, struct listing *listing)
{
    const char *query = mg_get_request_info(connection)->query_string;
    uint64_t limit = LISTING_DEFAULT;

    *listing = (struct listing){.kind = LISTING_ROOMS};
    int length = query != NULL ? mg_get_var(query, strlen(query), "after", listing->after,
                                            sizeof(listing->after))
                               : -1;
    if (length < -1 || (length >= 0 && !utf8_is_valid(listing->after, (size_t)length)) ||
        number_of(connection, "limit", 1, &limit) < 0)
        return false;
    listing->limit = limit < LISTING_MAX ? (size_t)limit : LISTING_MAX;
    return true;
}

static int
serve_rooms(struct server *server, struct mg_connection *connection)
{
    struct identity identity;
    struct listing listing;
    struct message *message;

    int status = admit_reader(server, connection, &identity);
    if (status != 0)
        return status;
    if (!listing_of(connection, &listing))
        return api_refuse(connection, "400 Bad Request", "bad-request",
                          "`after` must be a room's name, and `limit` a whole number from 1.");
    int error =
        listing_read_rooms(&server->rooms, identity.id, identity.is_admin, &listing, &message);
    if (error != 0)
        return api_refuse_unavailable(connection, error, "rooms-not-read");
    return answer_message(connection, message);
}

static int
serve_config(struct server *server, struct mg_connection *connection)
{
    return config_api_serve(server, connection);
}

static const struct {
    const char *path;
    int (*serve)(struct server *server, struct mg_connection *connection);
} paths[] = {
    {CONFIG_API_PATH, serve_config},
    {"/api/rooms", serve_rooms},
    {"/api/invitations", invitation_api_serve},
    {"/api/register", account_api_register},
    {"/api/login", account_api_login},
    {"/api/logout", session_api_logout},
    {"/api/me", session_api_me},
    {"/api/password", session_api_password},
    {"/api/sessions/revoke-others", session_api_revoke_others},
};

int
api_serve(struct server *server, struct mg_connection *connection)
{
    const char *path = mg_get_request_info(connection)->local_uri;
    char room_id[REPO_ID_SIZE];

    int status = cross_origin_preflight(connection, server->options);
    if (status != 0)
        return status;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (strcmp(path, paths[i].path) == 0)
            return paths[i].serve(server, connection);
    }
    if (strncmp(path, SESSIONS, strlen(SESSIONS)) == 0)
        return session_api_revoke(server, connection, path + strlen(SESSIONS));
    if (room_of(path, room_id))
        return serve_messages(server, connection, room_id);
    return api_refuse(connection, "404 Not Found", "not-found", "There is nothing here.");
}
