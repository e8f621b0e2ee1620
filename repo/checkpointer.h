/*
 * Moves the log's pages to the database file in a thread and with a connection of its own, while
 * others go on writing: that takes tens of milliseconds, and the writer would be waited for. A log
 * that is written all the time has a tail that is not moved yet; so the writer itself moves what
 * little is left, and only then the log begins anew (https://www.sqlite.org/wal.html#ckpt).
 */
#ifndef REPO_CHECKPOINTER_H
#define REPO_CHECKPOINTER_H

#include <stdbool.h>

struct checkpointer;
struct connection;

/*
 * Starts the thread around the connection, which is its alone from then on and is not closed by it.
 * Returns 0 or a negative errno.
 */
int checkpointer_open(struct connection *connection, struct checkpointer **out);

/* Ends the thread, also in the middle of its work, which does no harm. Blocks until it has ended. */
void checkpointer_close(struct checkpointer **checkpointer);

/*
 * Tells it that the log has so many frames and that it should move them; what is asked while it is
 * at work is done by that. Any thread; does not block.
 */
void checkpointer_ask(struct checkpointer *checkpointer, int frames);

/*
 * Whether it has moved all but a few frames since this was true last: then the writer is to move
 * those. The writer's thread; does not block.
 */
bool checkpointer_is_near(struct checkpointer *checkpointer);

#endif
