#include "rooms/clerk.h"

#include "rooms/lock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct clerk {
    struct mailbox mailbox; /* its own lock */
    pthread_t thread;       /* [I] */
};

static void *
clerk_main(void *argument)
{
    struct clerk *clerk = argument;
    struct mail *batch;

    /* NULL only once it is closed and empty. */
    while ((batch = mailbox_take(&clerk->mailbox, -1)) != NULL) {
        while (batch != NULL) {
            struct clerk_mail *mail = (struct clerk_mail *)batch;
            batch = batch->next;
            lock_assert_none();
            mail->run(mail);
        }
    }
    return NULL;
}

int
clerk_open(struct clerk **out)
{
    struct clerk *clerk = calloc(1, sizeof(*clerk));
    if (clerk == NULL)
        return -ENOMEM;
    mailbox_init(&clerk->mailbox);
    int error = -pthread_create(&clerk->thread, NULL, clerk_main, clerk);
    if (error != 0) {
        mailbox_destroy(&clerk->mailbox);
        free(clerk);
        return error;
    }
    *out = clerk;
    return 0;
}

void
clerk_close(struct clerk **pointer)
{
    struct clerk *clerk = *pointer;

    *pointer = NULL;
    mailbox_close(&clerk->mailbox);
    int error = pthread_join(clerk->thread, NULL);
    assert(error == 0);
    mailbox_destroy(&clerk->mailbox);
    free(clerk);
}

int
clerk_put(struct clerk *clerk, struct clerk_mail *mail)
{
    return mailbox_put(&clerk->mailbox, &mail->mail);
}
