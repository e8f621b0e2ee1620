/* The kernel's table of futexes: a power of two, as many slots as threads, within bounds. */
#include "server/futex_table.h"

#include "test/unit/tap.h"

static const struct {
    unsigned threads;
    unsigned slots;
} sizes[] = {{1, 256}, {256, 256}, {257, 512}, {10000, 16384}, {1000000, 65536}};

int
main(void)
{
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        int error = futex_table_size(sizes[i].threads);
        unsigned slots = futex_table_slots();
        if (slots == 0 && error == 0)
            ok(true, "%u threads # SKIP the kernel has no such table", sizes[i].threads);
        else
            ok(error == 0 && slots == sizes[i].slots, "%u threads: %u slots", sizes[i].threads,
               sizes[i].slots);
    }
    return done_testing();
}
