/*
 * A bounded table of keys with a few numbers for each, for limits (rate_limit.c, failure_limit.c): it
 * never grows, and what matters least makes room. Not for anybody else.
 *
 * A key is kept as a hash of 64 bits under a secret of the process (SipHash): nobody can find two that
 * fall together, or keys that fill a part of the table.
 */
#ifndef SERVER_KEY_TABLE_H
#define SERVER_KEY_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct key_entry {
    uint64_t hash;   /* 0: free */
    int64_t until;   /* when the entry says nothing any more; the earliest makes room first */
    uint64_t number; /* the user's */
};

struct key_table;

/* An empty table. NULL: out of memory. */
struct key_table *key_table_open(void);

/* Frees it and clears the pointer, which may point to NULL. */
void key_table_close(struct key_table **pointer);

/*
 * The key's entry, zero but for its hash if it is new, or in the place of another one. It belongs to
 * the caller until key_table_return, for which a mutex is held: nothing else is to be called meanwhile.
 */
struct key_entry *key_table_borrow(struct key_table *table, const void *key, size_t length);

void key_table_return(struct key_table *table, struct key_entry *entry);

#endif
