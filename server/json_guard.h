/*
 * A look at a JSON text before the JSON library gets it: what the library would accept but this
 * server must not. Any thread; does not block.
 */
#ifndef SERVER_JSON_GUARD_H
#define SERVER_JSON_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_GUARD_DEPTH     16 /* deepest nesting of objects and arrays, unless set */
#define JSON_GUARD_DEPTH_MAX 64

/* Sets it for all that is looked at from then on; 0: the maximum. Before any other thread starts. */
void json_guard_set_depth(unsigned depth);

extern const char json_guard_too_deep[]; /* the problem of a document that is nested deeper */

/*
 * Finds the first document in `length` bytes of `text`: several may follow each other, separated by
 * a newline or other white space (RFC 8259 white space). Sets *start and *end to where it begins
 * and one past its last byte, and *problem to NULL, or to a constant text for a person when it must
 * not be parsed: not an object, not ended, too deep, brackets that do not match, a NUL (raw or as
 * \u0000), a raw control character, a malformed number, or \u without its digits. After a problem
 * *end is behind the first newline after *start, or at the end: where to go on. Returns false when
 * only white space is left.
 */
bool json_guard_next(const char *text, size_t length, size_t *start, size_t *end,
                     const char **problem);

#endif
