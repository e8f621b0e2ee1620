/*
 * What a member missed between a seq that it knows of and what its room has handed out: read from
 * the repository before the member is let in. Within rooms/ only; the room's thread.
 */
#ifndef ROOMS_MISSED_H
#define ROOMS_MISSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;
struct room;

#define MISSED_MAX  256        /* messages that are read for one member */
#define MISSED_NONE UINT64_MAX /* in place of a seq: the member wants what comes from now on */

struct missed {
    uint64_t since; /* the last seq that the member knows of, or MISSED_NONE */
    uint64_t last;  /* the last seq that was read, at first `since` */
    size_t count;
    struct message *messages[MISSED_MAX];
};

void missed_init(struct missed *missed, uint64_t since);

/*
 * Reads what the room has handed out since the last read. Blocks on the repository. On failure, and
 * when it is too much, it forgets everything and becomes one that wants nothing.
 */
void missed_read(struct missed *missed, struct room *room);

/* Whether nothing that was handed out is missing; the room's lock is held. */
bool missed_is_complete(const struct missed *missed, const struct room *room);

/* Gives the messages' references back. */
void missed_clear(struct missed *missed);

#endif
