/*
 * Ids and names. Any thread; nothing here blocks.
 */
#ifndef ROOMS_IDENTIFIER_H
#define ROOMS_IDENTIFIER_H

#include <stdbool.h>
#include <stddef.h>

#define IDENTIFIER_SIZE 23 /* 22 characters and the NUL */

/*
 * Makes a new id: 128 random bits as 22 characters of base64url (RFC 4648, section 5), which need
 * no escaping in JSON or in a URL.
 */
void identifier_make(char out[IDENTIFIER_SIZE]);

/*
 * Trims white space from both ends of the name of `length` bytes, by moving *name and setting
 * *trimmed to what is left. Returns whether that is valid UTF-8 of 1 to `maximum` bytes without
 * control characters (C0, DEL, C1, line and paragraph separators, bidirectional controls).
 */
bool name_trim(const char **name, size_t length, size_t maximum, size_t *trimmed);

#endif
