/*
 * The paths below /api: what is stored, for programs that hold no connection. Called from
 * civetweb's workers.
 */
#ifndef SERVER_API_H
#define SERVER_API_H

#include <stdbool.h>

struct mg_connection;
struct server;

/* Whether the path, which may be NULL, is one of these. */
bool api_owns(const char *path);

/*
 * Answers the request, with JSON in any case: GET /api/rooms/ID/messages is a page of the room's
 * past, for who has joined it; GET /api/config what the server lets people do. Blocks on the repository, for reads only, and on the HTTP client.
 * Returns the HTTP status that was sent.
 */
int api_serve(struct server *server, struct mg_connection *connection);

#endif
