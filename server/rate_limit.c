#include "server/rate_limit.h"

#include "server/key_table.h"

#include <errno.h>
#include <stdlib.h>

/*
 * A token bucket that needs one number, the generic cell rate algorithm: until when what was taken is
 * paid for. Each taking moves that by the time for one; it may be ahead of now by that of a burst.
 */
struct rate_limit {
    struct key_table *table; /* entries' `until`: microseconds until the bucket is full again */
    int64_t one_us;          /* [I] the time for one */
    int64_t burst_us;        /* [I] that for a burst */
};

int
rate_limit_open(const struct rate *rate, struct rate_limit **out)
{
    struct rate_limit *limit = calloc(1, sizeof(*limit));

    if (limit == NULL)
        return -ENOMEM;
    if (rate->count > 0) {
        limit->one_us = rate->period_ms * 1000 / rate->count;
        limit->burst_us = limit->one_us * (rate->burst > 1 ? rate->burst : 1);
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
rate_limit_close(struct rate_limit **pointer)
{
    struct rate_limit *limit = *pointer;

    *pointer = NULL;
    if (limit != NULL)
        key_table_close(&limit->table);
    free(limit);
}

bool
rate_limit_take(struct rate_limit *limit, const void *key, size_t length, int64_t now_ms,
                int64_t *retry_after_ms)
{
    int64_t now_us = now_ms * 1000;

    *retry_after_ms = 0;
    if (limit->table == NULL)
        return true;
    struct key_entry *entry = key_table_borrow(limit->table, key, length);
    if (entry->until < now_us)
        entry->until = now_us;
    int64_t ahead_us = entry->until + limit->one_us - limit->burst_us - now_us;
    if (ahead_us <= 0)
        entry->until += limit->one_us;
    key_table_return(limit->table, entry);
    if (ahead_us > 0)
        *retry_after_ms = (ahead_us + 999) / 1000;
    return ahead_us <= 0;
}

void
rate_limit_give_back(struct rate_limit *limit, const void *key, size_t length, int64_t now_ms)
{
    if (limit->table == NULL)
        return;
    struct key_entry *entry = key_table_borrow(limit->table, key, length);
    if (entry->until > now_ms * 1000)
        entry->until -= limit->one_us;
    key_table_return(limit->table, entry);
}
