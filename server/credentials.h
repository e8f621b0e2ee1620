/*
 * What a request has to say who asks: a token, in an Authorization header or in the cookie of the
 * page. Any thread; nothing here blocks. All of it is as hostile as any input.
 */
#ifndef SERVER_CREDENTIALS_H
#define SERVER_CREDENTIALS_H

#include "server/token.h"

#include <stdbool.h>
#include <stdint.h>

#define CREDENTIALS_COOKIE      "chatd_session"
#define CREDENTIALS_HEADER_SIZE 192 /* a Set-Cookie line */

/*
 * The token in the value of an Authorization header, or NULL, also when it has another scheme, which
 * is for others (a proxy's). It is not looked at yet.
 */
const char *credentials_bearer(const char *authorization);

/*
 * Copies what the cookie of ours holds out of the value of a Cookie header (RFC 6265, 4.2). Returns
 * false when there is none, and an empty text where it is no token.
 */
bool credentials_cookie(const char *cookies, char token[TOKEN_SIZE]);

/*
 * Writes a header line, begun with CRLF, that has a browser keep the token in the cookie for
 * `lifetime_s`, out of reach of any script and of any other site, and, where the page came by TLS,
 * for TLS only. With a token of NULL it forgets the cookie.
 */
void credentials_set_cookie(char out[CREDENTIALS_HEADER_SIZE], const char *token,
                            int64_t lifetime_s, bool is_tls);

#endif
