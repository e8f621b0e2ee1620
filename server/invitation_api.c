#include "server/invitation_api.h"

#include "repo/account.h"
#include "rooms/lock.h"
#include "rooms/log.h"
#include "server/api_request.h"
#include "server/body.h"
#include "server/identity.h"
#include "server/server.h"
#include "server/token.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PATH "/?invitation="

/* What is asked for. */
struct invitation {
    int64_t uses;
    int64_t seconds;
};

/* Reads a whole number from 1 to `maximum`; where the body has none, *out stays as it is. */
static bool
read_number(const cJSON *body, const char *key, int64_t maximum, int64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, key);

    if (item == NULL || cJSON_IsNull(item))
        return true;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 1) || item->valuedouble > (double)maximum)
        return false;
    *out = (int64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

static int
answer(struct mg_connection *connection, const struct invitation *invitation, const char *token,
       int64_t expires)
{
    char path[sizeof(PATH) + TOKEN_SIZE];
    cJSON *document = cJSON_CreateObject();

    (void)snprintf(path, sizeof(path), PATH "%s", token);
    bool is_whole = cJSON_AddStringToObject(document, "invitation", token) != NULL &&
                    cJSON_AddStringToObject(document, "path", path) != NULL &&
                    api_add_integer(document, "uses", invitation->uses) &&
                    api_add_integer(document, "expires", expires);
    explicit_bzero(path, sizeof(path));
    if (!is_whole) {
        cJSON_Delete(document);
        document = NULL;
    }
    return api_answer(connection, "201 Created", document);
}

static int
create(struct server *server, struct mg_connection *connection, const struct identity *admin,
       const struct invitation *invitation)
{
    unsigned char hash[REPO_TOKEN_HASH_BYTES];
    char token[TOKEN_SIZE];
    int64_t now = clock_realtime_ms();
    int64_t expires = now + invitation->seconds * 1000;
    int status;

    token_make(token);
    token_hash(token, hash);
    int error = repo_invite_link_add(server->repo, hash, (unsigned)invitation->uses, expires, now);
    if (error == 0) {
        log_info("invitation-made by=%s uses=%u", admin->id, (unsigned)invitation->uses);
        status = answer(connection, invitation, token, expires);
    } else {
        status = api_refuse_unavailable(connection, error, "invitation-not-stored");
    }
    explicit_bzero(token, sizeof(token));
    return status;
}

int
invitation_api_serve(struct server *server, struct mg_connection *connection)
{
    struct invitation invitation = {.uses = 1, .seconds = INVITATION_S};
    struct identity identity;
    cJSON *body = NULL;

    int status = api_admit_account(server, connection, "POST", &identity);
    if (status != 0)
        return status;
    if (!identity.is_admin)
        return api_refuse(connection, "403 Forbidden", "forbidden", "This is for admins.");
    status = body_read(server, connection, &body);
    if (status != 0)
        return status;
    if (!read_number(body, "uses", INVITATION_USES_MAX, &invitation.uses) ||
        !read_number(body, "expiresIn", INVITATION_S_MAX, &invitation.seconds))
        status = api_refuse(connection, "400 Bad Request", "bad-request",
                            "`uses` is a whole number from 1 to 100,000, and `expiresIn` one of "
                            "seconds.");
    else
        status = create(server, connection, &identity, &invitation);
    body_free(body);
    return status;
}
