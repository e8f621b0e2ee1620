/*
 * A session that begins: its token, and how that is told to who signed in. Called from civetweb's
 * workers; only login_answer blocks, on the HTTP client.
 */
#ifndef SERVER_LOGIN_H
#define SERVER_LOGIN_H

#include "repo/session.h"
#include "server/token.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

struct mg_connection;
struct server;

struct login {
    struct repo_session_start start;
    char token[TOKEN_SIZE];
    const char *user_id;
    const char *user_name;
    bool is_admin;
    bool wants_cookie; /* and the token only there */
};

/* Makes a token, and fills in all but the user; `body` may have "cookie". */
void login_begin(const struct server *server, const struct mg_connection *connection,
                 const cJSON *body, struct login *login);

/*
 * Answers with the user and the token: `status` and a JSON object, or the bare token for a client
 * that asks for text. Returns the HTTP status, and clears the token.
 */
int login_answer(const struct server *server, struct mg_connection *connection, const char *status,
                 struct login *login);

/*
 * Whether a client whose Accept header this is (RFC 9110, 12.5.1), or NULL, wants text: it names
 * text/plain, or takes no JSON. Does not block.
 */
bool login_wants_text(const char *accept);

#endif
