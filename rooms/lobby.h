/*
 * The lobby: who is online, on every instance. Its thread stores arrivals and departures and
 * publishes them on the `general` channel; its subscriber tells everybody, in small batches, since
 * each change goes to everybody, and gives who is new the whole list.
 */
#ifndef ROOMS_LOBBY_H
#define ROOMS_LOBBY_H

#include "repo/repo.h"

#include <stddef.h>

struct lobby;
struct member;
struct member_identity;
struct rooms;

/* Opens the lobby and starts its threads. Blocks. Returns 0 or a negative errno. */
int lobby_open(struct rooms *rooms, struct lobby **out);

/* Handles what was sent to it, ends its threads and frees it; clears the pointer. Blocks. */
void lobby_close(struct lobby **pointer);

/*
 * The member is online from now on: it is stored, told so (`arrived`), announced, and given the list;
 * it is held until it departs. The identity is copied. Once a member; any thread; does not block.
 * Errors: -ENOMEM, when nothing has happened.
 */
int lobby_arrive(struct lobby *lobby, struct member *member,
                 const struct member_identity *identity);

/* Waits until everybody who arrived or departed before is seen to. Blocks on the repository. */
void lobby_flush(struct lobby *lobby);

/* The member, which has arrived, is gone. Once a member; any thread; never blocks. */
void lobby_depart(struct lobby *lobby, struct member *member);

/*
 * Brings the user `to_id` into the private room with `from`, wherever it is connected; it gets what
 * comes after `last_seq`. Any thread; never blocks.
 */
void lobby_invite(struct lobby *lobby, const struct member *from, const char *to_id,
                  uint64_t last_seq);

/* The name of a user who is online, or -ENOENT. Any thread; waits for a round of announcements. */
int lobby_find_name(struct lobby *lobby, const char *id, char name[REPO_USER_NAME_SIZE]);

/* Tells everybody, on every instance, that the users have left. Any thread; never blocks. */
void lobby_tell_left(struct lobby *lobby, const struct repo_user *users, size_t count);

/*
 * This instance was taken for dead, and its users for gone: the next lobby_reconcile stores them
 * again and tells everybody that they are here. Any thread; never blocks.
 */
void lobby_restore(struct lobby *lobby);

/*
 * Repairs the list from the repository, and the repository's rows of this instance from who is
 * here. The auditor only; blocks. Returns 0 or a negative errno of the repository.
 */
int lobby_reconcile(struct lobby *lobby);

/* Something is on the list of revocations: has all instances read it. Any thread; never blocks. */
void lobby_tell_revoked(struct lobby *lobby);

/*
 * Reads what was revoked since it was called last, and has those dismissed whom it is about. The
 * auditor only; blocks. Returns 0 or a negative errno of the repository.
 */
int lobby_apply_revocations(struct lobby *lobby);

/*
 * Keeps the sessions that somebody is connected by from expiring. The auditor only; blocks. Returns 0
 * or a negative errno.
 */
int lobby_extend_sessions(struct lobby *lobby);

/* How many users are online, everywhere. Any thread. */
size_t lobby_online(struct lobby *lobby);

/* How many arrivals and departures wait to be handled. Any thread. */
size_t lobby_backlog(struct lobby *lobby);

#endif
