/*
 * The historians: two threads that read from the repository what members ask for of the past, so
 * that no room waits for that. Members take turns, a piece of one of its jobs each, however many jobs
 * one has; who has enough that waits for it already is passed over. Within rooms/ only.
 */
#ifndef ROOMS_HISTORIAN_H
#define ROOMS_HISTORIAN_H

struct historian;
struct member;

/* How a job stands after a piece of it. */
enum reading {
    READING_MORE,   /* another piece, when the member's other jobs had their turn */
    READING_BEHIND, /* the member is to be waited for (is_behind) */
    READING_DONE,   /* the job is its owner's again, and may be freed already */
};

struct reading_job {
    struct reading_job *next;      /* [historian's lock] in the member's ring */
    struct reading_job *next_turn; /* [historian's lock] the job of the member whose turn is next */
    struct member *member;         /* [I] for whom; the owner holds it */
    enum reading (*read)(
        struct reading_job *job); /* [I] does a piece; may block on the repository */
};

/* Starts the threads. Returns 0 or a negative errno. */
int historian_open(struct historian **out);

/* Waits until every job is done, ends the threads and clears the pointer. */
void historian_close(struct historian **pointer);

/* Hands a job over until it is done. Any thread; does not block. */
void historian_add(struct historian *historian, struct reading_job *job);

/* Goes on with the member's jobs that rest. Any thread; does not block. */
void historian_wake(struct historian *historian, struct member *member);

#endif
