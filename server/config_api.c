#include "server/config_api.h"

#include "rooms/event.h"
#include "server/answer.h"
#include "server/options.h"
#include "server/server.h"

#include <civetweb.h>
#include <cjson/cJSON.h>
#include <string.h>

int
config_api_serve(const struct server *server, struct mg_connection *connection)
{
    const struct options *options = server->options;
    char *text = NULL;

    if (strcmp(mg_get_request_info(connection)->request_method, "GET") != 0 &&
        !answer_is_head(connection)) {
        answer_error(connection, "405 Method Not Allowed\r\nAllow: GET, HEAD",
                     &(struct event_error){.code = "bad-request",
                                           .message = "Only GET and HEAD are answered here."});
        return 405;
    }
    cJSON *root = cJSON_CreateObject();
    if (cJSON_AddStringToObject(root, "auth", options_auth_word(options->auth)) != NULL &&
        cJSON_AddStringToObject(root, "registration",
                                options_registration_word(options->registration)) != NULL &&
        cJSON_AddStringToObject(root, "version", CHATD_VERSION) != NULL)
        text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (text == NULL) {
        answer_error(connection, "503 Service Unavailable",
                     &(struct event_error){.code = "unavailable",
                                           .message = "The server is out of memory.",
                                           .retry = true});
        return 503;
    }
    answer_text(connection, "200 OK", "application/json; charset=utf-8", text, strlen(text));
    cJSON_free(text);
    return 200;
}
