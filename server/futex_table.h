/* The kernel's table of the futexes on which this process's threads sleep. */
#ifndef SERVER_FUTEX_TABLE_H
#define SERVER_FUTEX_TABLE_H

/*
 * Makes room for so many sleeping threads: since Linux 6.16 each process has a table of its own, of
 * a few slots a core, and who is woken is found by going through all that sleep in a slot
 * (PR_FUTEX_HASH_SET_SLOTS(2const)). Before the first thread is started; does not block. Returns 0,
 * also where the kernel has no such table, or -ENOMEM, when everything works, but slowly.
 */
int futex_table_size(unsigned threads);

/* How many slots the table has; 0: this process has none of its own, or the kernel does not say. */
unsigned futex_table_slots(void);

#endif
