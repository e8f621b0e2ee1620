#include "server/rate_limit.h"

#include "server/key_table.h"

#include <errno.h>
#include <stdlib.h>

/*
 * An entry's `number` is how many failures there were, and its `until` when they are forgotten, which
 * is `forget_ms` after the end of the pause that they brought.
 */
struct failure_limit {
    struct key_table *table;  /* NULL: there is no limit */
    struct failure_rate rate; /* [I] */
};

int
failure_limit_open(const struct failure_rate *rate, struct failure_limit **out)
{
    struct failure_limit *limit = calloc(1, sizeof(*limit));

    if (limit == NULL)
        return -ENOMEM;
    limit->rate = *rate;
    if (rate->free > 0) {
        limit->table = key_table_open();
        if (limit->table == NULL) {
            free(limit);
            return -ENOMEM;
        }
    }
    *out = limit;
    return 0;
}

void
failure_limit_close(struct failure_limit **pointer)
{
    struct failure_limit *limit = *pointer;

    *pointer = NULL;
    if (limit != NULL)
        key_table_close(&limit->table);
    free(limit);
}

/* How long the pause after so many failures is. */
static int64_t
pause_after(const struct failure_rate *rate, uint64_t failures)
{
    int64_t pause = rate->first_ms;

    if (failures < rate->free)
        return 0;
    for (uint64_t i = rate->free; i < failures && pause < rate->last_ms; i++)
        pause *= 2;
    return pause < rate->last_ms ? pause : rate->last_ms;
}

bool
failure_limit_take(struct failure_limit *limit, const void *key, size_t length, int64_t now_ms,
                   int64_t *retry_after_ms)
{
    *retry_after_ms = 0;
    if (limit->table == NULL)
        return true;
    struct key_entry *entry = key_table_borrow(limit->table, key, length);
    if (entry->until <= now_ms)
        entry->number = 0;
    int64_t wait = entry->number == 0 ? 0 : entry->until - limit->rate.forget_ms - now_ms;
    bool may = entry->number < limit->rate.free || wait <= 0;
    if (may) {
        entry->number++;
        entry->until = now_ms + pause_after(&limit->rate, entry->number) + limit->rate.forget_ms;
    }
    key_table_return(limit->table, entry);
    if (!may)
        *retry_after_ms = wait;
    return may;
}

void
failure_limit_give_back(struct failure_limit *limit, const void *key, size_t length)
{
    if (limit->table == NULL)
        return;
    struct key_entry *entry = key_table_borrow(limit->table, key, length);
    if (entry->number > 0) {
        /* Who was let in need not wait for the pause that it would have brought. */
        entry->until -= pause_after(&limit->rate, entry->number);
        entry->number--;
    }
    key_table_return(limit->table, entry);
}

void
failure_limit_forget(struct failure_limit *limit, const void *key, size_t length)
{
    if (limit->table == NULL)
        return;
    struct key_entry *entry = key_table_borrow(limit->table, key, length);
    entry->number = 0;
    entry->until = 0;
    key_table_return(limit->table, entry);
}
