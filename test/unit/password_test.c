/* What a password may be, and that what is kept of it is no copy. */
#include "server/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/unit/tap.h"

static bool
is_good(const char *text)
{
    return password_is_good(text, strlen(text));
}

static void
test_form(void)
{
    char text[PASSWORD_BYTES_MAX + 1];

    ok(!is_good("") && !is_good("1234567"), "7 characters are too few");
    ok(is_good("12345678") && is_good("        "), "8 suffice, whatever they are");
    ok(!is_good("\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F"), "8 bytes of 4 characters do not");
    ok(is_good("\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F"), "8 of 16 do");
    ok(!is_good("1234567890\xFF"), "what is no UTF-8 is none");
    ok(!password_is_good("12345678\0x", 10), "nor what has a NUL in it");
    memset(text, 'x', sizeof(text));
    ok(password_is_good(text, PASSWORD_BYTES_MAX), "1,024 bytes");
    ok(!password_is_good(text, PASSWORD_BYTES_MAX + 1), "not 1,025");
}

static void
test_hash(void)
{
    static const char password[] = "correct horse";
    char one[REPO_PASSWORD_SIZE];
    char other[REPO_PASSWORD_SIZE];

    ok(password_hash(password, strlen(password), one) == 0 &&
           password_hash(password, strlen(password), other) == 0,
       "it is hashed");
    ok(strncmp(one, "$argon2id$", 10) == 0 && strstr(one, password) == NULL, "by Argon2id");
    ok(strcmp(one, other) != 0, "with a salt");
    ok(crypto_pwhash_str_verify(one, password, strlen(password)) == 0, "it is found right");
    ok(crypto_pwhash_str_verify(one, "correct hors", 12) != 0, "another one is not");
    ok(crypto_pwhash_str_needs_rehash(one, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                      crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0,
       "with the parameters of today");
}

/* By the processor's time, which other processes do not change much. */
static void
test_same_time(void)
{
    char kept[REPO_PASSWORD_SIZE], rehashed[REPO_PASSWORD_SIZE];
    clock_t somebody = 3600 * CLOCKS_PER_SEC, nobody = somebody;
    if (password_hash("correct horse", 13, kept) != 0)
        abort();
    for (int i = 0; i < 3; i++) {
        clock_t begun = clock();
        (void)password_verify(kept, "wrong", 5, rehashed);
        clock_t between = clock();
        (void)password_verify(NULL, "wrong", 5, rehashed);
        clock_t end = clock();
        somebody = between - begun < somebody ? between - begun : somebody;
        nobody = end - between < nobody ? end - between : nobody;
    }
    ok(nobody > somebody / 2 && nobody < somebody * 2,
       "a wrong password takes as long as nobody's (%ld and %ld us)", (long)somebody, (long)nobody);
}

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    test_form();
    test_hash();
    test_same_time();
    return done_testing();
}
