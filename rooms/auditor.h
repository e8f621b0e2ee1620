/*
 * The auditor: one thread that repairs what the bus may have lost. Once a second it compares, in
 * one query, each running room's last seq with what was delivered and has the subscriber read what
 * is missing, ends leases that ran out, and has the lobby compare who is online; every other second
 * it renews this instance's lease. In between it joins the threads of rooms that have ended.
 */
#ifndef ROOMS_AUDITOR_H
#define ROOMS_AUDITOR_H

struct auditor;
struct rooms;

/*
 * Takes this instance's lease, ends those that ran out, and starts the thread. Blocks. Returns 0 or
 * a negative errno. Before the lobby is opened.
 */
int auditor_open(struct rooms *rooms, struct auditor **out);

/* Starts the thread, once the lobby is open. Returns 0 or a negative errno. */
int auditor_start(struct auditor *auditor);

/* Ends the thread, which uses the lobby. Blocks. */
void auditor_stop(struct auditor *auditor);

/*
 * Gives the lease back, with this instance's users, frees the auditor, whose thread has ended, and
 * clears the pointer. After the last departure was stored.
 */
void auditor_close(struct auditor **pointer);

/* Has it look at once for what was revoked. Any thread, without a lock; does not block. */
void auditor_hurry(struct auditor *auditor);

#endif
