#include "server/password.h"

#include "rooms/utf8.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#define OPERATIONS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY     crypto_pwhash_MEMLIMIT_INTERACTIVE

static_assert(REPO_PASSWORD_SIZE == crypto_pwhash_STRBYTES, "the text of a hash");

bool
password_is_good(const char *text, size_t length)
{
    size_t characters = 0;

    if (length > PASSWORD_BYTES_MAX || memchr(text, '\0', length) != NULL ||
        !utf8_is_valid(text, length))
        return false;
    for (size_t i = 0; i < length; i++)
        characters += ((unsigned char)text[i] & 0xC0) != 0x80;
    return characters >= PASSWORD_CHARACTERS_MIN;
}

int
password_hash(const char *text, size_t length, char out[REPO_PASSWORD_SIZE])
{
    return crypto_pwhash_str(out, text, length, OPERATIONS, MEMORY) == 0 ? 0 : -ENOMEM;
}

/* Takes as long as looking at the password of somebody. */
static int
verify_nobody(const char *text, size_t length)
{
    unsigned char key[32], salt[crypto_pwhash_SALTBYTES];

    randombytes_buf(salt, sizeof(salt));
    int error = crypto_pwhash(key, sizeof(key), text, length, salt, OPERATIONS, MEMORY,
                              crypto_pwhash_ALG_DEFAULT);
    sodium_memzero(key, sizeof(key));
    return error == 0 ? -EACCES : -ENOMEM;
}

int
password_verify(const char *kept, const char *text, size_t length,
                char rehashed[REPO_PASSWORD_SIZE])
{
    rehashed[0] = '\0';
    if (kept == NULL)
        return verify_nobody(text, length);
    errno = 0;
    if (crypto_pwhash_str_verify(kept, text, length) != 0)
        return errno == ENOMEM ? -ENOMEM : -EACCES;
    /* What cannot be renewed now is good as it is. */
    if (crypto_pwhash_str_needs_rehash(kept, OPERATIONS, MEMORY) == 1 &&
        password_hash(text, length, rehashed) != 0)
        rehashed[0] = '\0';
    return 0;
}
