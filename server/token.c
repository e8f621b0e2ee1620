#include "server/token.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <sys/random.h>

#define TOKEN_BYTES 32
#define VARIANT     sodium_base64_VARIANT_URLSAFE_NO_PADDING

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

_Static_assert(TOKEN_SIZE == sodium_base64_ENCODED_LEN(TOKEN_BYTES, VARIANT), "a token's text");

void
token_make(char token[TOKEN_SIZE])
{
    unsigned char bytes[TOKEN_BYTES];

    ssize_t got = getrandom(bytes, sizeof(bytes), 0);
    assert(got == (ssize_t)sizeof(bytes)); /* up to 256 bytes come at once (getrandom(2)) */
    sodium_bin2base64(token, TOKEN_SIZE, bytes, sizeof(bytes), VARIANT);
    explicit_bzero(bytes, sizeof(bytes));
}

bool
token_is_valid(const char *text)
{
    unsigned char bytes[TOKEN_BYTES];
    size_t length = 0;

    /* libsodium takes bytes over 0x7f for characters of its alphabet. */
    if (strlen(text) != TOKEN_SIZE - 1 || strspn(text, alphabet) != TOKEN_SIZE - 1)
        return false;
    /* It refuses bits that encode nothing: one token has one form. */
    bool is_valid = sodium_base642bin(bytes, sizeof(bytes), text, TOKEN_SIZE - 1, NULL, &length,
                                      NULL, VARIANT) == 0 &&
                    length == sizeof(bytes);
    explicit_bzero(bytes, sizeof(bytes));
    return is_valid;
}

void
token_hash(const char token[TOKEN_SIZE], unsigned char hash[REPO_TOKEN_HASH_BYTES])
{
    int error = crypto_generichash(hash, REPO_TOKEN_HASH_BYTES, (const unsigned char *)token,
                                   TOKEN_SIZE - 1, NULL, 0);
    assert(error == 0); /* of these lengths there is a hash */
}
