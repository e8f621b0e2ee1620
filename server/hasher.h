/*
 * Passwords are hashed here, by processes of their own, fewer than cores and of low priority: hashing
 * takes some 60 ms and 64 MiB each, and a storm of logins may not take that from the chat.
 *
 * The calls block until it is done. Any thread that may wait so long, of which at most
 * HASHER_WAITING_MAX do at a time; without a lock held.
 */
#ifndef SERVER_HASHER_H
#define SERVER_HASHER_H

#include "repo/account.h"

#include <stddef.h>

#define HASHER_WAITING_MAX 4 /* a quarter of those who serve HTTP */

struct hasher;

/*
 * Starts `processes`, but at least one and at most two. Returns 0 or a negative errno. The main
 * thread, before any other starts.
 */
int hasher_open(unsigned processes, struct hasher **out);

/* Ends the processes and frees it; nobody asks any more. Clears the pointer, which may be to NULL. */
void hasher_close(struct hasher **pointer);

/*
 * From now on whoever asks or waits is refused with -ESHUTDOWN. Any thread; does not block.
 */
void hasher_stop(struct hasher *hasher);

/*
 * Makes what is kept of the password. Returns 0, or
 *   -EBUSY      too many wait already
 *   -ESHUTDOWN  the server is about to stop
 *   -ENOMEM     out of memory
 */
int hasher_hash(struct hasher *hasher, const char *password, size_t length,
                char out[REPO_PASSWORD_SIZE]);

/*
 * Compares the password with what is kept. Returns 0 when it is the one, -EACCES when it is not, or
 * as above. With `kept` NULL it is not, in the same time. *rehashed is empty, or, where the password
 * is right and was hashed with less than is usual today, what is to be kept instead.
 */
int hasher_verify(struct hasher *hasher, const char *kept, const char *password, size_t length,
                  char rehashed[REPO_PASSWORD_SIZE]);

/* How many processes there are still; any thread. */
unsigned hasher_processes(struct hasher *hasher);

/* How many wait or are at work; any thread. */
unsigned hasher_waiting(struct hasher *hasher);

#endif
