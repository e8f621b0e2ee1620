/*
 * What somebody who is signed in asks for below /api: POST logout, GET me, DELETE sessions/ID, POST
 * sessions/revoke-others, and POST password. Called from civetweb's workers; they block on the HTTP
 * client and the repository, and the last one on hashing. Each returns the HTTP status.
 */
#ifndef SERVER_SESSION_API_H
#define SERVER_SESSION_API_H

struct mg_connection;
struct server;

int session_api_logout(struct server *server, struct mg_connection *connection);

int session_api_me(struct server *server, struct mg_connection *connection);

/* `number` is what stands for ID. */
int session_api_revoke(struct server *server, struct mg_connection *connection, const char *number);

int session_api_revoke_others(struct server *server, struct mg_connection *connection);

int session_api_password(struct server *server, struct mg_connection *connection);

#endif
