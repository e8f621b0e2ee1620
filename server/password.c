#include "server/password.h"

#include "rooms/utf8.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

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
    if (crypto_pwhash_str(out, text, length, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return -ENOMEM;
    return 0;
}
