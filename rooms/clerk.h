/*
 * The clerk: a thread that carries out what members decide about rooms and about each other, one after
 * the other, in the order in which it was asked for. No room and no I/O loop waits for that.
 */
#ifndef ROOMS_CLERK_H
#define ROOMS_CLERK_H

#include "rooms/mailbox.h"

struct clerk;

/* First in whatever the clerk is to do. */
struct clerk_mail {
    struct mail mail;
    void (*run)(struct clerk_mail *mail); /* owns it then; on the clerk's thread; may block */
};

/* Starts the thread. Returns 0 or a negative errno. */
int clerk_open(struct clerk **out);

/* Carries out what was asked for, ends the thread and clears the pointer. Blocks. */
void clerk_close(struct clerk **pointer);

/* Has it done. Any thread; does not block. -ESHUTDOWN: too late, and it is still the caller's. */
int clerk_put(struct clerk *clerk, struct clerk_mail *mail);

#endif
