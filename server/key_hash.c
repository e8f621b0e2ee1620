#include "server/key_hash.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "a hash is a number");

static unsigned char secret[crypto_shorthash_KEYBYTES];

static void
make_secret(void)
{
    int error = sodium_init();
    assert(error >= 0);
    crypto_shorthash_keygen(secret);
}

uint64_t
key_hash(const void *key, size_t length)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t hash;

    int error = pthread_once(&once, make_secret);
    assert(error == 0);
    error = crypto_shorthash((unsigned char *)&hash, key, length, secret);
    assert(error == 0);
    return hash != 0 ? hash : 1;
}
