/*
 * POST /api/register and POST /api/login: accounts begin, and so do their sessions. Called from
 * civetweb's workers; they block on the HTTP client, the repository and hashing. Each returns the
 * HTTP status.
 */
#ifndef SERVER_ACCOUNT_API_H
#define SERVER_ACCOUNT_API_H

struct mg_connection;
struct server;

int account_api_register(struct server *server, struct mg_connection *connection);

int account_api_login(struct server *server, struct mg_connection *connection);

#endif
