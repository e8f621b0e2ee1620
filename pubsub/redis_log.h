/*
 * What is said about Redis, and how often: the troubles of thousands of connections to one Redis
 * are one trouble, told when it begins and when it is over. Internal to pubsub/. Any thread.
 */
#ifndef PUBSUB_REDIS_LOG_H
#define PUBSUB_REDIS_LOG_H

#include <pthread.h>
#include <stdint.h>

#include "pubsub/pubsub.h"
#include "pubsub/redis_url.h"

/* What keeps a connection from working; the later ones are more telling. */
enum redis_trouble { TROUBLE_NONE, TROUBLE_DOWN, TROUBLE_REFUSED, TROUBLE_FULL, TROUBLES };

/* What is told by itself: the first three at most once a second, the others once and for all. */
enum redis_note { NOTE_INVALID, NOTE_REPLAYED, NOTE_PUBLISH, NOTE_SELECT, NOTE_NAME, NOTES };

/* [I] immutable, [m] own mutex */
struct redis_log {
    pubsub_log_function function;   /* [I] */
    char url[REDIS_URL_PRINT_SIZE]; /* [I] without its password */
    pthread_mutex_t mutex;          /* [I] */
    unsigned troubled[TROUBLES];    /* [m] connections that have it */
    int64_t next_note[NOTES];       /* [m] when such a note may be told again */
};

void redis_log_init(struct redis_log *log, pubsub_log_function function,
                    const struct redis_url *url);
void redis_log_destroy(struct redis_log *log);

/* Tells something: "event url=URL detail". */
void redis_log_tell(struct redis_log *log, enum pubsub_level level, const char *event,
                    const char *detail);

/*
 * The connection whose trouble is *own has that one now, unless it has a more telling one; told if
 * no other connection has it.
 */
void redis_log_trouble(struct redis_log *log, enum redis_trouble *own, enum redis_trouble trouble,
                       const char *detail);

/* The connection has none any more; told if it was the last to have that one. */
void redis_log_recovered(struct redis_log *log, enum redis_trouble *own);

/* The connection is no more, whatever its trouble was. */
void redis_log_forget(struct redis_log *log, enum redis_trouble *own);

/* Tells the note, unless that was done too recently. */
void redis_log_note(struct redis_log *log, enum redis_note note, const char *detail);

#endif
