/* What a request has to say who asks, and how it wants to be answered. */
#include "server/credentials.h"
#include "server/login.h"
#include "test/unit/tap.h"

#include <string.h>

static bool
bearer_is(const char *header, const char *token)
{
    const char *found = credentials_bearer(header);
    return found == NULL || token == NULL ? found == token : strcmp(found, token) == 0;
}

/* Whether that is the cookie, NULL: none. */
static bool
cookie_is(const char *header, const char *value)
{
    char token[TOKEN_SIZE] = "unset";
    bool found = credentials_cookie(header, token);
    return value == NULL ? !found : found && strcmp(token, value) == 0;
}

static void
test_bearer(void)
{
    ok(bearer_is("Bearer abc", "abc") && bearer_is("bEARER   abc", "abc"), "a bearer's token");
    ok(bearer_is("Bearer", "") && bearer_is("Bearer ", ""), "none is an empty one");
    ok(bearer_is(NULL, NULL) && bearer_is("", NULL) && bearer_is("Basic abc", NULL) &&
           bearer_is("Bearerabc", NULL) && bearer_is("Bear", NULL),
       "another scheme is none of ours");
}

static void
test_cookie(void)
{
    ok(cookie_is("chatd_session=abc", "abc") && cookie_is("a=b; chatd_session=abc; c=d", "abc") &&
           cookie_is("a=b;chatd_session=abc", "abc") && cookie_is("\t chatd_session=abc ", "abc"),
       "our cookie is found among others");
    ok(cookie_is(NULL, NULL) && cookie_is("", NULL) && cookie_is("chatd_session", NULL) &&
           cookie_is("chatd_sessions=abc", NULL) && cookie_is("xchatd_session=abc", NULL) &&
           cookie_is("a=chatd_session=abc", NULL) && cookie_is(";;; ;", NULL),
       "others are not ours");
    ok(cookie_is("chatd_session=one; chatd_session=two", "one"), "the first one counts");
    char header[80] = "chatd_session=";
    memset(header + strlen(header), 'x', TOKEN_SIZE - 1);
    ok(cookie_is(header, header + 14), "a token fits");
    header[strlen(header)] = 'x';
    ok(cookie_is(header, ""), "what is longer is no token");
}

static void
test_set_cookie(void)
{
    char line[CREDENTIALS_HEADER_SIZE];
    char token[TOKEN_SIZE];
    memset(token, 'x', sizeof(token) - 1);
    token[sizeof(token) - 1] = '\0';
    credentials_set_cookie(line, token, 1000000000, true);
    ok(strncmp(line, "\r\nSet-Cookie: chatd_session=xxx", 31) == 0 &&
           strstr(line, "; HttpOnly; SameSite=Strict; Path=/; Max-Age=1000000000; Secure") != NULL,
       "the longest line fits");
    credentials_set_cookie(line, NULL, 5, false);
    ok(strcmp(line, "\r\nSet-Cookie: chatd_session=; HttpOnly; SameSite=Strict; Path=/; "
                    "Max-Age=0") == 0,
       "a cookie is forgotten");
}

static void
test_accept(void)
{
    ok(!login_wants_text(NULL) && !login_wants_text("") && !login_wants_text("*/*") &&
           !login_wants_text("application/json") && !login_wants_text("Application/JSON;q=1") &&
           !login_wants_text("text/html, application/*;q=0.5"),
       "JSON for who takes it");
    ok(login_wants_text("application/json, text/plain, */*") && login_wants_text("Text/Plain;q=1"),
       "text for who names it");
    ok(login_wants_text("text/html") && login_wants_text("application/jsonp") &&
           login_wants_text(",;,"),
       "and for who takes no JSON");
}

int
main(void)
{
    test_bearer();
    test_cookie();
    test_set_cookie();
    test_accept();
    return done_testing();
}
