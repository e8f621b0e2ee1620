/* Tokens: how they look, what is taken for one, and what the repository knows them by. */
#include "server/token.h"

#include "test/unit/tap.h"

#include <sodium.h>
#include <string.h>

#define MADE 1000

static const struct {
    const char *what;
    const char *text;
    bool is_valid;
} texts[] = {
    {"zeroes", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true},
    {"all kinds of characters", "Zz09-_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA8", true},
    {"nothing", "", false},
    {"42 characters", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
    {"44 characters", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
    {"padding", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false},
    {"padding for a character", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false},
    {"bits that encode nothing", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", false},
    {"a plus sign", "+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
    {"a slash", "AAAAAAAAAAAAAAAAAAAA/AAAAAAAAAAAAAAAAAAAAAA", false},
    {"a space before", " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
    {"a space behind", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ", false},
    {"a line feed behind", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", false},
    {"UTF-8",
     "\xc3\xa4"
     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     false},
};

static void
test_forms(void)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        ok(token_is_valid(texts[i].text) == texts[i].is_valid, "%s: %s", texts[i].what,
           texts[i].is_valid ? "a token" : "no token");
}

static void
test_made(void)
{
    static char made[MADE][TOKEN_SIZE];
    bool all_valid = true;
    bool all_differ = true;

    for (size_t i = 0; i < MADE; i++) {
        token_make(made[i]);
        all_valid = all_valid && token_is_valid(made[i]);
        for (size_t j = 0; j < i; j++)
            all_differ = all_differ && strcmp(made[i], made[j]) != 0;
    }
    ok(all_valid, "what is made is a token");
    ok(all_differ, "%d of them are different", MADE);
}

static void
test_hashes(void)
{
    /* As b2sum -l 256 prints it. */
    static const char expected[] =
        "6342b384e5d6294c5df1110132b93b97b395a2ff4cca498af637b3e06b3095dd";
    char hex[sizeof(expected)];
    char token[TOKEN_SIZE] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    unsigned char one[REPO_TOKEN_HASH_BYTES];
    unsigned char other[REPO_TOKEN_HASH_BYTES];

    token_hash(token, one);
    sodium_bin2hex(hex, sizeof(hex), one, sizeof(one));
    ok(strcmp(hex, expected) == 0, "the hash is BLAKE2b of 256 bits, of the text");
    token_hash(token, other);
    ok(memcmp(one, other, sizeof(one)) == 0, "a token has one hash");
    token[0] = 'B';
    token_hash(token, other);
    ok(memcmp(one, other, sizeof(one)) != 0, "another token has another one");
}

int
main(void)
{
    test_forms();
    test_made();
    test_hashes();
    return done_testing();
}
