/*
 * POST /api/invitations: an admin makes a link that invites to register. Called from civetweb's
 * workers.
 */
#ifndef SERVER_INVITATION_API_H
#define SERVER_INVITATION_API_H

#include <stdint.h>

#define INVITATION_USES_MAX INT64_C(100000)
#define INVITATION_S        INT64_C(604800)     /* how long it is good, unless it is said: 7 days */
#define INVITATION_S_MAX    INT64_C(3153600000) /* 36,500 days */

struct mg_connection;
struct server;

/*
 * Answers the request. Blocks on the HTTP client and the repository. Returns the HTTP status that was
 * sent.
 */
int invitation_api_serve(struct server *server, struct mg_connection *connection);

#endif
