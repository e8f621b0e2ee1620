#include "server/key_table.h"

#include "server/key_hash.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define WAYS    8    /* entries that a key may have its place among */
#define SETS    2048 /* of that many; a power of two */
#define STRIPES 16   /* mutexes, each for every so-manieth set */

struct key_table {
    pthread_mutex_t mutexes[STRIPES];
    struct key_entry entries[SETS][WAYS]; /* under the mutex of its set */
};

struct key_table *
key_table_open(void)
{
    struct key_table *table = calloc(1, sizeof(*table));

    for (size_t i = 0; table != NULL && i < STRIPES; i++) {
        int error = pthread_mutex_init(&table->mutexes[i], NULL);
        assert(error == 0);
    }
    return table;
}

void
key_table_close(struct key_table **pointer)
{
    struct key_table *table = *pointer;

    *pointer = NULL;
    for (size_t i = 0; table != NULL && i < STRIPES; i++) {
        int error = pthread_mutex_destroy(&table->mutexes[i]);
        assert(error == 0);
    }
    free(table);
}

static pthread_mutex_t *
mutex_of(struct key_table *table, uint64_t hash)
{
    return &table->mutexes[hash % SETS % STRIPES];
}

struct key_entry *
key_table_borrow(struct key_table *table, const void *key, size_t length)
{
    uint64_t hash = key_hash(key, length);
    struct key_entry *set = table->entries[hash % SETS];
    struct key_entry *found = &set[0];

    int error = pthread_mutex_lock(mutex_of(table, hash));
    assert(error == 0);
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash == hash)
            return &set[i];
        /* One that is free has ended longer ago than any other. */
        if (set[i].until < found->until)
            found = &set[i];
    }
    *found = (struct key_entry){.hash = hash};
    return found;
}

void
key_table_return(struct key_table *table, struct key_entry *entry)
{
    int error = pthread_mutex_unlock(mutex_of(table, entry->hash));
    assert(error == 0);
}
