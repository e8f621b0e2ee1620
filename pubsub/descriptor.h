/*
 * Where the descriptors of this folder are. Internal to pubsub/.
 */
#ifndef PUBSUB_DESCRIPTOR_H
#define PUBSUB_DESCRIPTOR_H

#include <fcntl.h>
#include <unistd.h>

#define DESCRIPTOR_BASE 1024 /* from here on, where the limit allows */

/*
 * Moves a new descriptor up and returns its number. There may be thousands of these, and the low
 * numbers are left for whoever has to find its own among them. Where it cannot be moved it stays.
 */
static inline int
descriptor_move_up(int descriptor)
{
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, DESCRIPTOR_BASE);
    if (moved < 0)
        return descriptor;
    (void)close(descriptor); /* another one for the same is open: nothing can be lost */
    return moved;
}

#endif
