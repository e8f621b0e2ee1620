#include "server/futex_table.h"

#include <errno.h>
#include <sys/prctl.h>

#define SLOTS_MIN 256
#define SLOTS_MAX (1ul << 16) /* of 64 bytes each, in the kernel */

#ifndef PR_FUTEX_HASH /* from linux/prctl.h of Linux 6.16 */
#define PR_FUTEX_HASH           78
#define PR_FUTEX_HASH_SET_SLOTS 1
#define PR_FUTEX_HASH_GET_SLOTS 2
#endif

int
futex_table_size(unsigned threads)
{
    unsigned long slots = SLOTS_MIN; /* a power of two */

    while (slots < threads && slots < SLOTS_MAX)
        slots *= 2;
    if (prctl(PR_FUTEX_HASH, PR_FUTEX_HASH_SET_SLOTS, slots, 0ul, 0ul) == 0)
        return 0;
    return errno == ENOMEM ? -ENOMEM : 0;
}

unsigned
futex_table_slots(void)
{
    int slots = prctl(PR_FUTEX_HASH, PR_FUTEX_HASH_GET_SLOTS, 0ul, 0ul, 0ul);

    return slots > 0 ? (unsigned)slots : 0;
}
