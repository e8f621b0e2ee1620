/* What is accepted of the extensions that a client offers, and what is answered. */
#include "server/extensions.h"

#include <errno.h>
#include <string.h>

#include "test/unit/tap.h"

#define PLAIN  "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
#define WINDOW PLAIN "; server_max_window_bits=13"
#define OFFER  "permessage-deflate"

struct test_case {
    const char *header;
    const char *answer; /* NULL: all declined; "": malformed */
};

static const struct test_case cases[] = {
    /* as browsers and libraries offer it */
    {OFFER, PLAIN},
    {OFFER "; client_max_window_bits", PLAIN},
    {"x-webkit-deflate-frame", NULL},
    {OFFER "; client_max_window_bits; server_no_context_takeover", PLAIN},
    {OFFER "; client_no_context_takeover;server_no_context_takeover", PLAIN},
    /* several offers */
    {"foo, bar; baz=1, " OFFER, PLAIN},
    {OFFER "; server_max_window_bits=10, " OFFER, PLAIN},
    {OFFER "; server_max_window_bits=14, " OFFER, WINDOW},
    {OFFER "; mystery, " OFFER "; mystery", NULL},
    {OFFER "," OFFER, PLAIN},
    {",\t ," OFFER " ,, ", PLAIN},
    {"foo; bar=\"ba\\z\", " OFFER, PLAIN},
    /* the server's window */
    {OFFER "; server_max_window_bits=15", WINDOW},
    {OFFER "; server_max_window_bits=13", WINDOW},
    {OFFER "; server_max_window_bits=\"13\"", WINDOW},
    {OFFER "; server_max_window_bits=\"1\\3\"", WINDOW},
    {OFFER " ; server_max_window_bits = 13 ", WINDOW},
    {OFFER "; server_max_window_bits=12", NULL},
    {OFFER "; server_max_window_bits=8", NULL},
    {OFFER "; server_max_window_bits=16", NULL},
    {OFFER "; server_max_window_bits=013", NULL},
    {OFFER "; server_max_window_bits=13.0", NULL},
    {OFFER "; server_max_window_bits=+13", NULL},
    {OFFER "; server_max_window_bits=4294967309", NULL},
    {OFFER "; server_max_window_bits=13000000000000000000000000000000", NULL},
    {OFFER "; server_max_window_bits", NULL},
    /* the client's */
    {OFFER "; client_max_window_bits=8", PLAIN},
    {OFFER "; client_max_window_bits=15", PLAIN},
    {OFFER "; client_max_window_bits=7", NULL},
    {OFFER "; client_max_window_bits=16", NULL},
    {OFFER "; client_max_window_bits=08", NULL},
    {OFFER "; client_max_window_bits=x", NULL},
    /* values where none may be, doubles, names that nobody knows */
    {OFFER "; server_no_context_takeover=1", NULL},
    {OFFER "; client_no_context_takeover=true", NULL},
    {OFFER "; server_no_context_takeover; server_no_context_takeover", NULL},
    {OFFER "; client_no_context_takeover; client_no_context_takeover", NULL},
    {OFFER "; server_max_window_bits=15; server_max_window_bits=15", NULL},
    {OFFER "; client_max_window_bits; client_max_window_bits=15", NULL},
    {OFFER "; Server_No_Context_Takeover", NULL},
    {OFFER "; server_no_context_takeove", NULL},
    {OFFER "; server_no_context_takeovers", NULL},
    {"permessage-deflat", NULL},
    {"permessage-deflates", NULL},
    {"", NULL},
    /* what is no list of extensions */
    {OFFER ";", ""},
    {"; foo", ""},
    {OFFER "; =15", ""},
    {OFFER "; server_max_window_bits=", ""},
    {OFFER "; server_max_window_bits=\"\"", ""},
    {OFFER "; server_max_window_bits=\"15", ""},
    {OFFER "; server_max_window_bits=\"15\\", ""},
    {OFFER "; server_max_window_bits=\"1 5\"", ""},
    {OFFER "; server_max_window_bits=\"15\"5", ""},
    {OFFER "; server_max_window_bits==15", ""},
    {OFFER " foo", ""},
    {"foo/bar", ""},
    {"f\xC3\xB6", ""},
    {OFFER ", foo; bar=[", ""},
};

static void
test_case(const struct test_case *test)
{
    struct extensions extensions = {0};
    int error = extensions_read(&extensions, test->header);

    if (test->answer == NULL)
        ok(error == 0 && !extensions.deflates, "declined: %s", test->header);
    else if (test->answer[0] == '\0')
        ok(error == -EINVAL, "malformed: %s", test->header);
    else
        ok(error == 0 && extensions.deflates && strcmp(extensions.answer, test->answer) == 0,
           "accepted: %s", test->header);
}

static void
test_several_headers(void)
{
    struct extensions extensions = {0};

    ok(extensions_read(&extensions, "foo") == 0 && !extensions.deflates, "nothing in the first");
    ok(extensions_read(&extensions, OFFER "; server_max_window_bits=15") == 0 &&
           extensions.deflates && strcmp(extensions.answer, WINDOW) == 0,
       "something in the second header");
    ok(extensions_read(&extensions, OFFER) == 0 && strcmp(extensions.answer, WINDOW) == 0,
       "the first offer that can be kept counts");
}

int
main(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        test_case(&cases[i]);
    test_several_headers();
    return done_testing();
}
