/*
 * HTTP, by civetweb: the page, /healthz, /metrics, and the upgrade on /ws, after which the
 * connection is handed over to an I/O loop.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stddef.h>

struct http;
struct mg_connection;
struct options;
struct server;

/*
 * Starts to listen and to serve. Blocks briefly. Returns 0, or a negative errno with a line for a
 * person in `why`.
 */
int http_start(struct server *server, struct http **out, char *why, size_t why_size);

/* The address that is listened on, "HOST:PORT", valid until http_stop. */
const char *http_address(const struct http *http);

/* The options of the server that the connection is to. civetweb's workers. */
const struct options *http_options(const struct mg_connection *connection);

/* Stops to listen, ends the workers and clears the pointer. Blocks for up to a few seconds. */
void http_stop(struct http **pointer);

#endif
