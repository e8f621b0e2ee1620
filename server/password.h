/*
 * Passwords: what one may be, and what is kept of it. Any thread. A copy of a password is cleared
 * once it is not needed any more, and never logged.
 */
#ifndef SERVER_PASSWORD_H
#define SERVER_PASSWORD_H

#include "repo/account.h"

#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_CHARACTERS_MIN 8
#define PASSWORD_BYTES_MAX      1024

/* Whether the text can be a password: UTF-8 of that length, without a NUL. Does not block. */
bool password_is_good(const char *text, size_t length);

/*
 * Makes what is kept of the password: Argon2id with its parameters and a salt
 * (libsodium, crypto_pwhash_str). Takes some 60 ms and 64 MiB. Returns 0 or -ENOMEM.
 */
int password_hash(const char *text, size_t length, char out[REPO_PASSWORD_SIZE]);

/*
 * Compares the password with what is kept. Returns 0 when it is the one, -EACCES when it is not, or
 * -ENOMEM. With `kept` NULL it is not, in the same time. *rehashed is empty, or, where the password
 * is right and was hashed with less than is usual today, what is to be kept instead.
 */
int password_verify(const char *kept, const char *text, size_t length,
                    char rehashed[REPO_PASSWORD_SIZE]);

#endif
