#include "server/cross_origin.h"

#include "server/answer.h"
#include "server/options.h"
#include "server/origin.h"

#include <civetweb.h>
#include <stdio.h>
#include <string.h>

#define ORIGIN_MAX 300 /* a host has at most 253 bytes (RFC 1035, 2.3.4) */

void
cross_origin_lines(const struct mg_connection *connection, const struct options *options,
                   char out[CROSS_ORIGIN_SIZE])
{
    const char *origin = mg_get_header(connection, "Origin");

    out[0] = '\0';
    if (options->origin == NULL)
        return;
    if (origin == NULL || strlen(origin) > ORIGIN_MAX ||
        !origin_is_allowed(origin, NULL, options->origin)) {
        (void)snprintf(out, CROSS_ORIGIN_SIZE, "Vary: Origin\r\n");
        return;
    }
    (void)snprintf(out, CROSS_ORIGIN_SIZE,
                   "Vary: Origin\r\n"
                   "Access-Control-Allow-Origin: %s\r\n"
                   "Access-Control-Expose-Headers: Retry-After\r\n",
                   origin);
}

int
cross_origin_preflight(struct mg_connection *connection, const struct options *options)
{
    const char *origin = mg_get_header(connection, "Origin");

    if (strcmp(mg_get_request_info(connection)->request_method, "OPTIONS") != 0 || origin == NULL ||
        mg_get_header(connection, "Access-Control-Request-Method") == NULL ||
        !origin_is_allowed(origin, NULL, options->origin))
        return 0;
    answer_empty(connection, "204 No Content\r\n"
                             "Access-Control-Allow-Methods: GET, POST, DELETE\r\n"
                             "Access-Control-Allow-Headers: Authorization, Content-Type\r\n"
                             "Access-Control-Max-Age: 600");
    return 204;
}
