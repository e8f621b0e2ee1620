#include "server/login.h"

#include "rooms/lock.h"
#include "rooms/utf8.h"
#include "server/answer.h"
#include "server/api_request.h"
#include "server/credentials.h"
#include "server/options.h"
#include "server/peer.h"
#include "server/server.h"

#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the client says it is, as far as it is text. */
static void
describe_agent(const struct mg_connection *connection, char out[REPO_AGENT_SIZE])
{
    const char *agent = mg_get_header(connection, "User-Agent");

    (void)snprintf(out, REPO_AGENT_SIZE, "%s", agent != NULL ? agent : "");
    bool is_text = utf8_is_valid(out, strlen(out));
    for (char *at = out; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte < ' ' || byte == 0x7f || (byte > 0x7f && !is_text))
            *at = '?';
    }
}

void
login_begin(const struct server *server, const struct mg_connection *connection, const cJSON *body,
            struct login *login)
{
    memset(login, 0, sizeof(*login));
    token_make(login->token);
    token_hash(login->token, login->start.hash);
    login->start.expires = clock_realtime_ms() + server->options->token_lifetime_s * INT64_C(1000);
    login->wants_cookie = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "cookie"));
    describe_agent(connection, login->start.agent);
}

bool
login_wants_text(const char *accept)
{
    bool takes_json = false;

    if (accept == NULL || *accept == '\0')
        return false;
    for (const char *at = accept; *at != '\0';) {
        at += strspn(at, " \t,");
        size_t length = strcspn(at, " \t,;");
        if (length == strlen("text/plain") && strncasecmp(at, "text/plain", length) == 0)
            return true;
        takes_json =
            takes_json ||
            (length == strlen("application/json") &&
             strncasecmp(at, "application/json", length) == 0) ||
            (length == strlen("application/*") && strncasecmp(at, "application/*", length) == 0) ||
            (length == strlen("*/*") && strncmp(at, "*/*", length) == 0);
        at += strcspn(at, ",");
    }
    return !takes_json;
}

static cJSON *
document_of(const struct login *login)
{
    cJSON *document = cJSON_CreateObject();
    cJSON *user = cJSON_AddObjectToObject(document, "user");

    if (cJSON_AddStringToObject(user, "id", login->user_id) != NULL &&
        cJSON_AddStringToObject(user, "name", login->user_name) != NULL &&
        (login->wants_cookie || cJSON_AddStringToObject(document, "token", login->token) != NULL) &&
        api_add_integer(document, "tokenExpires", login->start.expires) &&
        cJSON_AddBoolToObject(document, "admin", login->is_admin) != NULL)
        return document;
    cJSON_Delete(document);
    return NULL;
}

int
login_answer(const struct server *server, struct mg_connection *connection, const char *status,
             struct login *login)
{
    char cookie[CREDENTIALS_HEADER_SIZE] = "";
    char line[CREDENTIALS_HEADER_SIZE + 32];
    struct peer peer;
    int number = (int)strtol(status, NULL, 10);

    peer_of(connection, server->options->trusted_proxy, &peer);
    if (login->wants_cookie)
        credentials_set_cookie(cookie, login->token, server->options->token_lifetime_s,
                               peer.is_tls);
    (void)snprintf(line, sizeof(line), "%s%s", status, cookie);
    if (!login->wants_cookie && login_wants_text(mg_get_header(connection, "Accept")))
        answer_text(connection, line, "text/plain; charset=utf-8", login->token,
                    strlen(login->token));
    else
        number = api_answer(connection, line, document_of(login));
    explicit_bzero(login->token, sizeof(login->token));
    explicit_bzero(cookie, sizeof(cookie));
    explicit_bzero(line, sizeof(line));
    return number;
}
