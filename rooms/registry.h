/*
 * The registry: which rooms run, by key (room.h). A room is in it from the first request on until
 * it retires; a lookup returns a held room.
 */
#ifndef ROOMS_REGISTRY_H
#define ROOMS_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct member;
struct registry;
struct room;
struct rooms;

/* Opens an empty registry. Errors: -ENOMEM. */
int registry_open(struct rooms *rooms, struct registry **out);

/* Ends the registry, in which no room is left (registry_wait_empty), and clears the pointer. */
void registry_close(struct registry **pointer);

/*
 * Finds the running room, or puts a new one in: where *is_new comes back true, the caller owes a
 * registry_start. `opener` is who asks, and owns a room that is new, if it `makes` one. Any thread;
 * does not block. Returns 0 and the room in *out, held for the caller, or -ESHUTDOWN, -ENFILE,
 * -ENOMEM as in member.h.
 */
int registry_find_or_add(struct registry *registry, const char *key, const struct member *opener,
                         bool makes, struct room **out, bool *is_new);

/*
 * Starts the new room, once the mail of who asked for it is in. Where no thread can be had it is given
 * up, here. Any thread, which holds no lock; does not wait for the room to open.
 */
void registry_start(struct registry *registry, struct room *room);

/*
 * Takes the room out and closes its mailbox, if that is empty. Returns whether it was. From then on
 * a request for the same key starts another one. Only the room's thread, or room_give_up.
 */
bool registry_retire(struct registry *registry, struct room *room);

/*
 * Takes the room out, if it is in it, as its name is free for another one: who has found it before
 * still puts mail. Only the room's thread, or room_give_up.
 */
void registry_unlist(struct registry *registry, struct room *room);

/* The running room of that key, held for the caller, or NULL. Any thread; does not block. */
struct room *registry_find(struct registry *registry, const char *key);

/* Hands the room over to be reaped, as the last thing that its thread does. */
void registry_bury(struct registry *registry, struct room *room);

/*
 * Waits until there is a room to reap, registry_wake is called, or `deadline` (clock_monotonic_ms)
 * passes, and joins the threads of those that are there. Only the auditor.
 */
void registry_reap(struct registry *registry, int64_t deadline);

/* Ends the wait of registry_reap. Any thread. */
void registry_wake(struct registry *registry);

/*
 * Returns the running rooms in a new array, each held, that the caller frees; NULL and 0 when there
 * are none, or memory is out. Any thread.
 */
struct room **registry_rooms(struct registry *registry, size_t *count);

/* How many rooms run. Any thread. */
size_t registry_count(struct registry *registry);

/* How many requests wait in the mailboxes of all rooms. Any thread. */
size_t registry_backlog(struct registry *registry);

/* Starts no room any more and tells each to stop once nobody is in it. Any thread. */
void registry_drain(struct registry *registry);

/* Waits until no room is left. Blocks; the auditor must be running to reap them. */
void registry_wait_empty(struct registry *registry);

#endif
