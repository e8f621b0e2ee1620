/*
 * Tokens: whoever has one comes back as the user that it was made for. A token is 256 random bits;
 * the repository has only its hash. Any thread; nothing here blocks.
 *
 * A copy of a token is cleared once it is not needed any more, and never logged.
 */
#ifndef SERVER_TOKEN_H
#define SERVER_TOKEN_H

#include "repo/repo.h"

#include <stdbool.h>

#define TOKEN_SIZE 44 /* 43 characters of base64url (RFC 4648, section 5), and the NUL */

/* Makes a new token. */
void token_make(char token[TOKEN_SIZE]);

/* Whether the text has exactly the form of a token that token_make makes. */
bool token_is_valid(const char *text);

/* The hash that stands for the token in the repository. */
void token_hash(const char token[TOKEN_SIZE], unsigned char hash[REPO_TOKEN_HASH_BYTES]);

#endif
