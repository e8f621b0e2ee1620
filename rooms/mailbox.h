/*
 * A mailbox: any thread puts mail in, the one thread that owns it takes out everything at once.
 * It allocates nothing: a mail is the first member of whatever is sent, and belongs to the
 * mailbox from the put to the take.
 */
#ifndef ROOMS_MAILBOX_H
#define ROOMS_MAILBOX_H

#include "rooms/lock.h"

#include <stdbool.h>
#include <stddef.h>

struct mail {
    struct mail *next;
};

struct mailbox {
    struct lock lock;      /* rank LOCK_MAILBOX */
    pthread_cond_t filled; /* signalled when the owner waits and mail comes */
    struct mail *first;    /* [m] */
    struct mail **last;    /* [m] where the next one is linked */
    size_t count;          /* [m] */
    bool waiting;          /* [m] the owner waits */
    bool closed;           /* [m] */
};

void mailbox_init(struct mailbox *mailbox);

/* Ends a mailbox that is empty and that nobody uses. */
void mailbox_destroy(struct mailbox *mailbox);

/* Puts one mail in. Any thread; never blocks. Returns 0, or -ESHUTDOWN when it is closed. */
int mailbox_put(struct mailbox *mailbox, struct mail *mail);

/*
 * The same, but an owner that waits is not woken: where *must_wake comes back true, whoever put the
 * mail owes a mailbox_wake.
 */
int mailbox_put_quietly(struct mailbox *mailbox, struct mail *mail, bool *must_wake);

/*
 * Wakes an owner that waits although there is mail; the caller sees to it that the mailbox is not
 * ended meanwhile. Any thread; never blocks.
 */
void mailbox_wake(struct mailbox *mailbox);

/*
 * Takes everything, oldest first, waiting for the first one up to `timeout_ms` (-1: no limit).
 * NULL: nothing came, or the mailbox is closed and empty. Only the owner.
 */
struct mail *mailbox_take(struct mailbox *mailbox, int64_t timeout_ms);

/* Closes the mailbox if nothing is in it; returns whether it is closed. Any thread. */
bool mailbox_close_if_empty(struct mailbox *mailbox);

/* Closes the mailbox: what is in it can still be taken, nothing more gets in. Any thread. */
void mailbox_close(struct mailbox *mailbox);

/* How many mails are waiting. Any thread. */
size_t mailbox_count(struct mailbox *mailbox);

#endif
