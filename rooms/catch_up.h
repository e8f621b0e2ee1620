/*
 * Catching up: what a member missed between the seq that it has and what its room has handed out is
 * read by a historian and delivered to it, before the room's thread lets it in among those to whom
 * the room hands out. Within rooms/ only.
 */
#ifndef ROOMS_CATCH_UP_H
#define ROOMS_CATCH_UP_H

#include <stdbool.h>

struct membership;

/*
 * Has a historian deliver what comes after membership->last; the room is sent the membership's
 * `caught_up` mail when little or nothing is missing, the member left, or reading failed
 * (membership->failure). The room's thread; does not block.
 */
void catch_up_begin(struct membership *membership);

/*
 * Delivers what was handed out since; then nothing is missing, unless more was handed out
 * meanwhile. Returns 0, -EAGAIN when that is too much for the room's thread, or an error of the
 * repository. The room's thread; blocks on the repository.
 */
int catch_up_rest(struct membership *membership);

#endif
