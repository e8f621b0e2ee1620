/* What the process may do at all: less than who started it. The main thread, before any other starts. */
#ifndef SERVER_CONFINE_H
#define SERVER_CONFINE_H

#include <stddef.h>

/*
 * Gives up for good what the process does not need. It gets no rights by what it runs; the files
 * that it makes are its user's only. With `user_name`, which may be NULL, it becomes that user, with its
 * groups, and of root's rights keeps the one to listen on ports below 1024. Returns 0, or a negative
 * errno with what is wrong in `why`.
 */
int confine_process(const char *user_name, char *why, size_t why_size);

#endif
