/*
 * Where the process may write: beside its database and nowhere else, and it may run nothing, whatever
 * a weakness in it makes it do. Landlock is Linux's (landlock(7)), from 5.13 on where it is built in.
 */
#ifndef SERVER_LANDLOCK_H
#define SERVER_LANDLOCK_H

#include <stddef.h>

/*
 * From now on this thread, and those that it starts, read files as before, change and make them only
 * in the folder of the database (whose file need not exist), and execute none; what is open stays
 * open. Does nothing where the kernel has no Landlock, where there is no such folder, and in builds
 * with a sanitizer, which writes reports of its own. Takes NO_NEW_PRIVS to be set. Returns 0, or a
 * negative errno with what is wrong in `why`. The main thread, before any other starts.
 */
int landlock_confine(const char *database, char *why, size_t why_size);

#endif
