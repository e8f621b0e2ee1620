#include "server/credentials.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BEARER "Bearer"

const char *
credentials_bearer(const char *authorization)
{
    size_t length = strlen(BEARER);

    if (authorization == NULL || strncasecmp(authorization, BEARER, length) != 0 ||
        (authorization[length] != ' ' && authorization[length] != '\0'))
        return NULL;
    return authorization + length + strspn(authorization + length, " ");
}

bool
credentials_cookie(const char *cookies, char token[TOKEN_SIZE])
{
    size_t name = strlen(CREDENTIALS_COOKIE);

    for (const char *at = cookies; at != NULL; at = strchr(at, ';')) {
        at += strspn(at, "; \t");
        if (strncmp(at, CREDENTIALS_COOKIE, name) != 0 || at[name] != '=')
            continue;
        const char *value = at + name + 1;
        size_t length = strcspn(value, "; \t");
        if (length >= TOKEN_SIZE)
            length = 0;
        memcpy(token, value, length);
        token[length] = '\0';
        return true;
    }
    return false;
}

void
credentials_set_cookie(char out[CREDENTIALS_HEADER_SIZE], const char *token, int64_t lifetime_s,
                       bool is_tls)
{
    (void)snprintf(out, CREDENTIALS_HEADER_SIZE,
                   "\r\nSet-Cookie: " CREDENTIALS_COOKIE
                   "=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%" PRId64 "%s",
                   token != NULL ? token : "", token != NULL ? lifetime_s : 0,
                   is_tls ? "; Secure" : "");
}
