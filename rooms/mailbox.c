#include "rooms/mailbox.h"

#include <assert.h>
#include <errno.h>

void
mailbox_init(struct mailbox *mailbox)
{
    lock_init(&mailbox->lock, LOCK_MAILBOX);
    lock_condition_init(&mailbox->filled);
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    mailbox->count = 0;
    mailbox->waiting = false;
    mailbox->closed = false;
}

void
mailbox_destroy(struct mailbox *mailbox)
{
    assert(mailbox->first == NULL);
    lock_condition_destroy(&mailbox->filled);
    lock_destroy(&mailbox->lock);
}

/* Puts the mail in; the mailbox's lock is held. */
static int
append(struct mailbox *mailbox, struct mail *mail)
{
    if (mailbox->closed)
        return -ESHUTDOWN;
    mail->next = NULL;
    *mailbox->last = mail;
    mailbox->last = &mail->next;
    mailbox->count++;
    return 0;
}

/* With the mailbox's lock held: once it is dropped, the owner may end the mailbox. */
static void
wake(struct mailbox *mailbox)
{
    if (mailbox->waiting)
        lock_condition_signal(&mailbox->filled);
    mailbox->waiting = false;
}

int
mailbox_put(struct mailbox *mailbox, struct mail *mail)
{
    lock_take(&mailbox->lock);
    int error = append(mailbox, mail);
    if (error == 0)
        wake(mailbox);
    lock_drop(&mailbox->lock);
    return error;
}

int
mailbox_put_quietly(struct mailbox *mailbox, struct mail *mail, bool *must_wake)
{
    lock_take(&mailbox->lock);
    int error = append(mailbox, mail);
    *must_wake = error == 0 && mailbox->waiting;
    lock_drop(&mailbox->lock);
    return error;
}

void
mailbox_wake(struct mailbox *mailbox)
{
    lock_take(&mailbox->lock);
    bool waits = mailbox->waiting && mailbox->first != NULL;
    if (waits)
        mailbox->waiting = false;
    lock_drop(&mailbox->lock);
    /* Not under the lock, for which the owner would only wait again. */
    if (waits)
        lock_condition_signal(&mailbox->filled);
}

struct mail *
mailbox_take(struct mailbox *mailbox, int64_t timeout_ms)
{
    int64_t deadline = timeout_ms > 0 ? clock_monotonic_ms() + timeout_ms : 0;

    lock_take(&mailbox->lock);
    while (mailbox->first == NULL && !mailbox->closed && timeout_ms != 0) {
        mailbox->waiting = true;
        if (timeout_ms < 0)
            lock_wait(&mailbox->lock, &mailbox->filled);
        else if (!lock_wait_until(&mailbox->lock, &mailbox->filled, deadline))
            break;
    }
    mailbox->waiting = false;
    struct mail *first = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    mailbox->count = 0;
    lock_drop(&mailbox->lock);
    return first;
}

bool
mailbox_close_if_empty(struct mailbox *mailbox)
{
    lock_take(&mailbox->lock);
    if (mailbox->first == NULL)
        mailbox->closed = true;
    bool closed = mailbox->closed;
    lock_drop(&mailbox->lock);
    return closed;
}

void
mailbox_close(struct mailbox *mailbox)
{
    lock_take(&mailbox->lock);
    mailbox->closed = true;
    if (mailbox->waiting)
        lock_condition_signal(&mailbox->filled);
    mailbox->waiting = false;
    lock_drop(&mailbox->lock);
}

size_t
mailbox_count(struct mailbox *mailbox)
{
    lock_take(&mailbox->lock);
    size_t count = mailbox->count;
    lock_drop(&mailbox->lock);
    return count;
}
