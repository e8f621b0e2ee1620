/* Ids, and which names are good ones. */
#include "rooms/identifier.h"

#include "test/unit/tap.h"

#include <string.h>

static const struct {
    const char *what;
    const char *name;
    size_t length;       /* 0: strlen */
    const char *trimmed; /* NULL: refused */
} names[] = {
    {"a plain name", "Ann", 0, "Ann"},
    {"white space at both ends", " \t Ann Lee \n", 0, "Ann Lee"},
    {"an ideographic and a no-break space",
     "\xe3\x80\x80"
     "Ann"
     "\xc2\xa0",
     0, "Ann"},
    {"an empty name", "", 0, NULL},
    {"nothing but white space", " \t\xe2\x80\x83 ", 0, NULL},
    {"a NUL", "a\0b", 3, NULL},
    {"a line feed in the middle", "a\nb", 0, NULL},
    {"DEL",
     "a\x7f"
     "b",
     0, NULL},
    {"a C1 control",
     "a\xc2\x85"
     "b",
     0, NULL},
    {"a line separator",
     "a\xe2\x80\xa8"
     "b",
     0, NULL},
    {"a bidirectional override",
     "a\xe2\x80\xae"
     "b",
     0, NULL},
    {"invalid UTF-8", "a\xff", 0, NULL},
    {"a character cut short", "a\xe2\x82", 0, NULL},
    {"an emoji", "\xf0\x9f\x98\x80", 0, "\xf0\x9f\x98\x80"},
    {"the longest name", "12345678", 0, "12345678"},
    {"one byte more", "123456789", 0, NULL},
    {"a longest one in white space", "  12345678  ", 0, "12345678"},
};

static void
test_names(void)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *name = names[i].name;
        size_t length = names[i].length > 0 ? names[i].length : strlen(name);
        size_t trimmed;
        bool is_good = name_trim(&name, length, 8, &trimmed);
        const char *expected = names[i].trimmed;
        ok(is_good == (expected != NULL) &&
               (!is_good || (trimmed == strlen(expected) && memcmp(name, expected, trimmed) == 0)),
           "%s is %s", names[i].what, expected != NULL ? "taken" : "refused");
    }
}

static void
test_identifiers(void)
{
    char ids[64][IDENTIFIER_SIZE];
    bool are_different = true;
    bool are_safe = true;

    for (int i = 0; i < 64; i++) {
        identifier_make(ids[i]);
        are_safe = are_safe &&
                   strspn(ids[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-_") == IDENTIFIER_SIZE - 1 &&
                   ids[i][IDENTIFIER_SIZE - 1] == '\0';
        for (int k = 0; k < i; k++)
            are_different = are_different && strcmp(ids[i], ids[k]) != 0;
    }
    ok(are_different, "ids are all different");
    ok(are_safe, "ids need no escaping");
}

int
main(void)
{
    test_names();
    test_identifiers();
    return done_testing();
}
