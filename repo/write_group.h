/*
 * Group commit: callers that write at the same time share a transaction. The first one in leads: it
 * begins the transaction, takes everybody who waits by then, runs their functions, commits, and
 * wakes each of them. Whoever came meanwhile leads the next one.
 */
#ifndef REPO_WRITE_GROUP_H
#define REPO_WRITE_GROUP_H

#include <stddef.h>
#include <stdint.h>

struct checkpointer;
struct connection;
struct write_group;

/*
 * One caller's part of a transaction. It runs in the leader's thread while the caller waits, and
 * once more when the transaction of the whole group failed: so it puts its results in `argument`
 * afresh each time, and these count only when write_group_run returns 0. Not 0 undoes it.
 */
typedef int (*write_function)(struct connection *connection, void *argument);

/*
 * Makes a group around the connection, which is the group's alone from then on; the checkpointer
 * moves what it writes and is to be closed after it.
 */
int write_group_open(struct connection *connection, struct checkpointer *checkpointer,
                     int busy_timeout_ms, struct write_group **out);

/* Frees the group; nobody may be in it. The connection stays open. */
void write_group_close(struct write_group **group);

/*
 * Runs the function in a transaction and returns when this is committed, or with the negative errno
 * of why it is not: then nothing of it is stored.
 */
int write_group_run(struct write_group *group, write_function function, void *argument);

/* How many calls wait for a leader to take them. */
size_t write_group_waiting(struct write_group *group);

struct write_group_counters {
    uint64_t commits;  /* transactions committed */
    uint64_t writes;   /* calls that those served */
    uint64_t failures; /* transactions rolled back */
};

/* Copies the counters to *out. */
void write_group_count(struct write_group *group, struct write_group_counters *out);

#endif
