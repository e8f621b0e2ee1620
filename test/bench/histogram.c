#include "test/bench/histogram.h"

#include <math.h>

/* The middle of what goes into the bucket. */
static double
bucket_value(unsigned index)
{
    unsigned shift = index >> HISTOGRAM_BITS;
    uint64_t first = (uint64_t)(index & ((1u << HISTOGRAM_BITS) - 1)) << shift;

    return (double)first + (double)((1ull << shift) - 1) / 2;
}

double
histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t rank = (uint64_t)ceil(share * (double)histogram->count);
    uint64_t passed = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        passed += histogram->buckets[i];
        if (passed >= rank && passed > 0)
            return fmin(bucket_value(i), (double)histogram->most);
    }
    return 0;
}
