/*
 * Helpers for what goes to very many members: one thread less than there are cores, which sleep
 * until there is such work. Whoever has some does it itself, part by part, and each helper that has
 * woken up takes parts as well; so a helper that does not get a core is not waited for.
 */
#ifndef ROOMS_FAN_OUT_H
#define ROOMS_FAN_OUT_H

#include "rooms/lock.h"

#include <stddef.h>

struct fan_out;

/* Does the work for `from` to `to` - 1; may be called by several threads at once, and never blocks. */
typedef void fan_out_work(void *argument, size_t from, size_t to);

/* Starts so many helpers; 0: everybody works alone. Returns 0 or a negative errno. */
int fan_out_open(unsigned helpers, struct fan_out **out);

/* Ends the helpers, when nobody has work any more, and clears the pointer. */
void fan_out_close(struct fan_out **pointer);

/*
 * Has the work done for 0 to `count` - 1, and returns when all of it is. The caller holds `lock`, of
 * a rank below LOCK_MEMBER, which stands for the helpers as well: they may take what comes after it.
 * Any thread; waits for helpers that are at work only, who wait for nothing.
 */
void fan_out_run(struct fan_out *fan_out, const struct lock *lock, size_t count, fan_out_work *work,
                 void *argument);

#endif
