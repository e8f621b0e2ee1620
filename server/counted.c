#include "server/rate_limit.h"

#include "server/key_hash.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 4096 /* a power of two */

/* A key of which something is taken; its hash stands for it (key_table.h). */
struct counted_holder {
    struct counted_holder *next; /* [m] in its bucket */
    uint64_t hash;               /* [I] */
    unsigned references;         /* [m] takings that are not given back */
    unsigned count;              /* [m] */
};

/* What is counted is never forgotten, and so not in a bounded table: whoever takes bounds it. */
struct counted {
    pthread_mutex_t mutex;
    struct counted_holder *buckets[BUCKETS]; /* [m] */
};

int
counted_open(struct counted **out)
{
    struct counted *counted = calloc(1, sizeof(*counted));

    if (counted == NULL)
        return -ENOMEM;
    int error = pthread_mutex_init(&counted->mutex, NULL);
    assert(error == 0);
    *out = counted;
    return 0;
}

void
counted_close(struct counted **pointer)
{
    struct counted *counted = *pointer;

    *pointer = NULL;
    if (counted == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (counted->buckets[i] != NULL) {
            struct counted_holder *holder = counted->buckets[i];
            counted->buckets[i] = holder->next;
            free(holder);
        }
    }
    int error = pthread_mutex_destroy(&counted->mutex);
    assert(error == 0);
    free(counted);
}

static void
lock(struct counted *counted)
{
    int error = pthread_mutex_lock(&counted->mutex);
    assert(error == 0);
}

static void
unlock(struct counted *counted)
{
    int error = pthread_mutex_unlock(&counted->mutex);
    assert(error == 0);
}

/* Where the key's holder is linked, or would be. */
static struct counted_holder **
place_of(struct counted *counted, uint64_t hash)
{
    struct counted_holder **place = &counted->buckets[hash % BUCKETS];

    while (*place != NULL && (*place)->hash != hash)
        place = &(*place)->next;
    return place;
}

int
counted_take(struct counted *counted, const void *key, size_t length, unsigned count,
             unsigned maximum, struct counted_holder **out)
{
    uint64_t hash = key_hash(key, length);
    int error = 0;

    lock(counted);
    struct counted_holder **place = place_of(counted, hash);
    struct counted_holder *holder = *place;
    if (maximum > 0 && (holder != NULL ? holder->count : 0) + count > maximum) {
        error = -EAGAIN;
    } else if (holder == NULL) {
        holder = calloc(1, sizeof(*holder));
        error = holder != NULL ? 0 : -ENOMEM;
    }
    if (error == 0) {
        *place = holder;
        holder->hash = hash;
        holder->references++;
        holder->count += count;
        *out = holder;
    }
    unlock(counted);
    return error;
}

unsigned
counted_move(struct counted *counted, struct counted_holder *holder, unsigned from, unsigned to)
{
    lock(counted);
    assert(holder->count >= from);
    holder->count = holder->count - from + to;
    unsigned count = holder->count;
    unlock(counted);
    return count;
}

void
counted_give(struct counted *counted, struct counted_holder **pointer, unsigned count)
{
    struct counted_holder *holder = *pointer;

    *pointer = NULL;
    lock(counted);
    assert(holder->references > 0 && holder->count >= count);
    holder->count -= count;
    bool is_last = --holder->references == 0;
    if (is_last) {
        assert(holder->count == 0);
        *place_of(counted, holder->hash) = holder->next;
    }
    unlock(counted);
    if (is_last)
        free(holder);
}
