/*
 * A password as who runs the server gives it. Used by the main thread only.
 */
#ifndef SERVER_ADMIN_PASSWORD_H
#define SERVER_ADMIN_PASSWORD_H

#include <stddef.h>

#define ADMIN_PASSWORD_SIZE 1026 /* a line of 1,024 bytes, one more to see that, and the NUL */

/*
 * Reads the first line of the file, or, where `path` is NULL, of standard input: from a terminal it
 * is asked for twice, and not shown. Blocks until the line is there. Returns 0 or a negative errno,
 * and then *why has one line; the caller clears `out` in any case.
 */
int admin_password_read(const char *path, char out[ADMIN_PASSWORD_SIZE], char *why,
                        size_t why_size);

#endif
