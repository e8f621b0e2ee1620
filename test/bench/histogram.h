/*
 * Counts durations in buckets that are less than 1 % wide, in constant space and time.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS    8 /* significant bits of a value */
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

struct histogram {
    uint64_t count;
    uint64_t most; /* exact */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline void
histogram_add(struct histogram *histogram, uint64_t value)
{
    unsigned shift = 0;

    if (value >> HISTOGRAM_BITS != 0)
        shift = 63 - HISTOGRAM_BITS - (unsigned)__builtin_clzll(value) + 1;
    histogram->buckets[(shift << HISTOGRAM_BITS) + (value >> shift)]++;
    histogram->count++;
    if (value > histogram->most)
        histogram->most = value;
}

/* The value that `share` (0 to 1) of all are not above; 0 when there are none. */
double histogram_quantile(const struct histogram *, double share);

#endif
