/* The mailbox: order, waiting, closing, and many who put at once. */
#include "rooms/mailbox.h"

#include "test/unit/tap.h"

#include <errno.h>
#include <stdlib.h>

#define PUTTERS 4
#define EACH    5000

struct letter {
    struct mail mail;
    int from;
    int number;
};

static struct mailbox mailbox;

static struct letter *
letter_new(int from, int number)
{
    struct letter *letter = malloc(sizeof(*letter));
    if (letter == NULL)
        abort();
    letter->from = from;
    letter->number = number;
    return letter;
}

static void *
put_many(void *argument)
{
    int from = *(int *)argument;

    for (int i = 0; i < EACH; i++) {
        if (mailbox_put(&mailbox, &letter_new(from, i)->mail) != 0)
            abort();
    }
    return NULL;
}

static void
test_order(void)
{
    mailbox_init(&mailbox);
    ok(mailbox_take(&mailbox, 0) == NULL, "an empty mailbox gives nothing at once");
    ok(mailbox_take(&mailbox, 10) == NULL, "and nothing after a time-out");
    for (int i = 0; i < 3; i++)
        (void)mailbox_put(&mailbox, &letter_new(0, i)->mail);
    ok(mailbox_count(&mailbox) == 3, "three mails wait");
    struct mail *batch = mailbox_take(&mailbox, -1);
    bool in_order = true;
    for (int i = 0; i < 3; i++) {
        struct letter *letter = (struct letter *)batch;
        in_order = in_order && letter != NULL && letter->number == i;
        batch = batch != NULL ? batch->next : NULL;
        free(letter);
    }
    ok(in_order && batch == NULL, "they are taken at once, oldest first");
    ok(mailbox_count(&mailbox) == 0, "nothing waits after that");
    mailbox_destroy(&mailbox);
}

static void
test_closing(void)
{
    struct letter *letter = letter_new(0, 0);
    struct letter *late = letter_new(0, 1);

    mailbox_init(&mailbox);
    ok(mailbox_put(&mailbox, &letter->mail) == 0, "a mail gets in");
    ok(!mailbox_close_if_empty(&mailbox), "a mailbox with mail is not closed as an empty one");
    mailbox_close(&mailbox);
    ok(mailbox_put(&mailbox, &late->mail) == -ESHUTDOWN, "nothing gets in once it is closed");
    ok(mailbox_take(&mailbox, -1) == &letter->mail, "what was in it can still be taken");
    ok(mailbox_take(&mailbox, -1) == NULL, "a closed and empty one does not wait");
    mailbox_destroy(&mailbox);

    mailbox_init(&mailbox);
    ok(mailbox_close_if_empty(&mailbox), "an empty one is closed");
    ok(mailbox_put(&mailbox, &late->mail) == -ESHUTDOWN, "and takes nothing from then on");
    mailbox_destroy(&mailbox);
    free(letter);
    free(late);
}

static void *
close_it(void *argument)
{
    (void)argument;
    mailbox_close(&mailbox);
    return NULL;
}

static void
test_close_wakes(void)
{
    pthread_t thread;

    mailbox_init(&mailbox);
    if (pthread_create(&thread, NULL, close_it, NULL) != 0)
        abort();
    ok(mailbox_take(&mailbox, -1) == NULL, "closing ends the owner's wait");
    pthread_join(thread, NULL);
    mailbox_destroy(&mailbox);
}

static void
test_many(void)
{
    pthread_t threads[PUTTERS];
    int froms[PUTTERS];
    int next[PUTTERS] = {0};
    int taken = 0;
    bool in_order = true;

    mailbox_init(&mailbox);
    for (int i = 0; i < PUTTERS; i++) {
        froms[i] = i;
        if (pthread_create(&threads[i], NULL, put_many, &froms[i]) != 0)
            abort();
    }
    while (taken < PUTTERS * EACH) {
        struct mail *batch = mailbox_take(&mailbox, -1);
        while (batch != NULL) {
            struct letter *letter = (struct letter *)batch;
            batch = batch->next;
            in_order = in_order && letter->number == next[letter->from]++;
            taken++;
            free(letter);
        }
    }
    for (int i = 0; i < PUTTERS; i++)
        pthread_join(threads[i], NULL);
    ok(in_order, "%d mails of %d threads arrive, each thread's in its order", taken, PUTTERS);
    mailbox_destroy(&mailbox);
}

int
main(void)
{
    test_order();
    test_closing();
    test_close_wakes();
    test_many();
    return done_testing();
}
