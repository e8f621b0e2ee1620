/* The hash of a key of a limit: SipHash-2-4 under a secret that the process makes when it first asks. */
#ifndef SERVER_KEY_HASH_H
#define SERVER_KEY_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Never 0. Any thread; does not block. */
uint64_t key_hash(const void *key, size_t length);

#endif
