/*
 * UTF-8 validation as RFC 3629 wants it: no overlong forms, no surrogates, nothing above U+10FFFF.
 * Any thread; nothing here blocks.
 */
#ifndef ROOMS_UTF8_H
#define ROOMS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_ACCEPT 0u /* the state between two characters: where to start, and where to end */
#define UTF8_REJECT 1u /* the state after an invalid byte; it stays there */

/*
 * Goes on from `state` over `length` bytes and returns the state after them: UTF8_ACCEPT,
 * UTF8_REJECT, or one that stands within a character.
 */
uint32_t utf8_check(uint32_t state, const char *text, size_t length);

/* Whether the text is valid and complete. */
bool utf8_is_valid(const char *text, size_t length);

#endif
