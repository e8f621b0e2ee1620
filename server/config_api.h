/*
 * GET /api/config: what the server lets people do, so that a page knows what to offer. Called from
 * civetweb's workers.
 */
#ifndef SERVER_CONFIG_API_H
#define SERVER_CONFIG_API_H

#define CONFIG_API_PATH "/api/config"

struct mg_connection;
struct server;

/*
 * Answers a request for CONFIG_API_PATH; it takes no credentials. Blocks on the HTTP client only.
 * Returns the HTTP status that was sent.
 */
int config_api_serve(const struct server *server, struct mg_connection *connection);

#endif
