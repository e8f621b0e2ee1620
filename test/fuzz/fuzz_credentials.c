/* An Authorization header, and a Cookie header in the line below it. */
#include "server/credentials.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The header that sets a cookie is one line, and its cookie is understood when it comes back. */
static void
give_back(const char token[TOKEN_SIZE])
{
    static const char start[] = "\r\nSet-Cookie: ";
    char header[CREDENTIALS_HEADER_SIZE];
    char returned[TOKEN_SIZE];

    credentials_set_cookie(header, token, INT64_MAX, true);
    assert(strncmp(header, start, strlen(start)) == 0);
    assert(strcspn(header + 2, "\r\n") == strlen(header) - 2);
    assert(strcmp(header + strlen(header) - strlen("; Secure"), "; Secure") == 0);
    assert(credentials_cookie(header + strlen(start), returned) && strcmp(returned, token) == 0);
}

static void
look_at_cookies(const char *cookies)
{
    char token[TOKEN_SIZE];

    memset(token, 'x', sizeof(token));
    if (!credentials_cookie(cookies, token))
        return;
    assert(memchr(token, '\0', sizeof(token)) != NULL);
    assert(cookies != NULL && strstr(cookies, CREDENTIALS_COOKIE "=") != NULL);
    assert(strpbrk(token, "; \t") == NULL);
    if (token_is_valid(token))
        give_back(token);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);

    char *cookies = strchr(text, '\n');
    if (cookies != NULL)
        *cookies++ = '\0';
    const char *bearer = credentials_bearer(text);
    assert(bearer == NULL || (bearer > text && bearer <= text + strlen(text)));
    if (bearer != NULL && token_is_valid(bearer))
        assert(strlen(bearer) == TOKEN_SIZE - 1);
    look_at_cookies(cookies);
    look_at_cookies(text);
    free(text);
    return 0;
}
