/*
 * Waking rooms once for all that one thread has for them: a thread that reads many posts in one go
 * puts them all into the mailboxes first, so that a room finds them as one batch.
 */
#ifndef ROOMS_WAKE_H
#define ROOMS_WAKE_H

struct room;

/* From now on, what this thread posts does not wake its room, until wake_rooms. Does not block. */
void wake_defer(void);

/* Wakes the rooms that have mail of this thread, and ends the deferring. Does not block. */
void wake_rooms(void);

/*
 * The room has mail and waits: it is woken now, or by wake_rooms where that is deferred. Within
 * rooms/ only; may be called with the member's lock.
 */
void wake_room(struct room *room);

#endif
