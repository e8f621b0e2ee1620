#include "rooms/auditor.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "repo/listing.h"
#include "repo/revocation.h"
#include "repo/rights.h"
#include "repo/session.h"
#include "rooms/lobby.h"
#include "rooms/log.h"
#include "rooms/registry.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define AUDIT_MS      1000 /* from one audit to the next */
#define SETTLE_MS     100  /* in which what is under way arrives without a repair */
#define RENEW_MS      1500 /* after this long the next audit renews the lease */
#define LEASE_MS      6000 /* how long a lease that is not renewed lasts */
#define TIDY_MS       60000
#define EXTEND_MS     3600000  /* after this long sessions in use are extended, or sooner */
#define REVOCATION_MS 86400000 /* how long revocations are kept */
#define REMOVED_MAX   500      /* rows of deleted rooms that are removed in one go */
#define REMOVALS_MAX  10
#define TIDY_MAX      1000 /* identities that are removed in one go */
#define EXPIRED_MAX   128  /* users that are told of in one go */

struct auditor {
    struct rooms *rooms;             /* [I] */
    pthread_t thread;                /* [I] */
    bool started;                    /* [T] of the main thread */
    atomic_bool stopping;            /* [a] */
    atomic_bool hurried;             /* [a] something was revoked */
    struct repo_room_online *online; /* [T] of the auditor: what was told of who is in rooms here */
    size_t online_count;             /* [T] of the auditor */
    int64_t renewed;  /* [T] of the auditor; clock_monotonic_ms, when it was renewed last */
    int64_t settled;  /* [T] of the auditor; the same, when what was missing is looked for again */
    int64_t tidied;   /* [T] of the auditor; the same, when expired identities were removed */
    int64_t extended; /* [T] of the auditor; the same, when sessions in use were extended */
};

/* Notes of every room what is stored and was not delivered, and whether it has changed otherwise. */
static int
audit_rooms(struct auditor *auditor)
{
    size_t count;
    int error = 0;
    struct room **rooms = registry_rooms(auditor->rooms->registry, &count);
    int64_t *numbers = malloc((count + 1) * sizeof(int64_t));
    uint64_t *seqs = malloc((count + 1) * sizeof(uint64_t));
    uint64_t *versions = malloc((count + 1) * sizeof(uint64_t));
    size_t opened = 0;

    for (size_t i = 0; i < count; i++) {
        struct room *room = rooms[i];
        if (numbers != NULL && atomic_load_explicit(&room->opened, memory_order_acquire)) {
            rooms[i] = rooms[opened];
            rooms[opened] = room;
            numbers[opened++] = room->stored.number;
        }
    }
    if (opened > 0)
        error = numbers != NULL && seqs != NULL && versions != NULL
                    ? repo_last_seqs(auditor->rooms->repo, numbers, seqs, versions, opened)
                    : -ENOMEM;
    for (size_t i = 0; i < opened && error == 0; i++) {
        rooms[i]->missing = seqs[i] > atomic_load(&rooms[i]->delivered) ? seqs[i] : 0;
        if (versions[i] != atomic_load(&rooms[i]->version))
            room_rights_ask(rooms[i], false);
        if (rooms[i]->missing != 0)
            auditor->settled = clock_monotonic_ms() + SETTLE_MS;
    }
    for (size_t i = 0; i < count; i++)
        room_rele(rooms[i]);
    free(numbers);
    free(seqs);
    free(versions);
    free(rooms);
    return error;
}

static int
compare_counts(const void *one, const void *other)
{
    int64_t a = ((const struct repo_room_online *)one)->room;
    int64_t b = ((const struct repo_room_online *)other)->room;

    return a < b ? -1 : a > b;
}

/* Who is in rooms here, by their numbers; *out is the caller's, who may free it. */
static int
count_online(struct auditor *auditor, struct repo_room_online **out, size_t *out_count)
{
    size_t count;
    struct room **rooms = registry_rooms(auditor->rooms->registry, &count);
    struct repo_room_online *counts = malloc((count + 1) * sizeof(struct repo_room_online));

    *out_count = 0;
    *out = counts;
    for (size_t i = 0; i < count; i++) {
        const struct room *room = rooms[i];
        uint64_t users = atomic_load_explicit(&room->online, memory_order_relaxed);
        bool counts_here = atomic_load_explicit(&room->opened, memory_order_acquire) &&
                           !room->stored.is_private && users > 0;
        if (counts != NULL && counts_here)
            counts[(*out_count)++] = (struct repo_room_online){room->stored.number, users};
        room_rele(rooms[i]);
    }
    free(rooms);
    if (counts == NULL)
        return -ENOMEM;
    qsort(counts, *out_count, sizeof(struct repo_room_online), compare_counts);
    return 0;
}

/* What differs between what was told and what is so now; `out` has place for both. */
static size_t
find_changed(const struct auditor *auditor, const struct repo_room_online *now, size_t now_count,
             struct repo_room_online *out)
{
    const struct repo_room_online *told = auditor->online;
    size_t count = 0;
    size_t i = 0;

    for (size_t k = 0; i < auditor->online_count || k < now_count;) {
        bool was = i < auditor->online_count && (k == now_count || told[i].room <= now[k].room);
        bool is = k < now_count && (i == auditor->online_count || now[k].room <= told[i].room);
        if (is && (!was || told[i].users != now[k].users))
            out[count++] = now[k];
        else if (!is)
            out[count++] = (struct repo_room_online){told[i].room, 0};
        i += was;
        k += is;
    }
    return count;
}

/* Tells how many are in which room here, for who lists rooms, wherever that has changed. */
static int
audit_online(struct auditor *auditor)
{
    struct rooms *rooms = auditor->rooms;
    struct repo_room_online *now;
    size_t count;

    int error = count_online(auditor, &now, &count);
    if (error != 0)
        return error;
    size_t most = count + auditor->online_count + 1;
    struct repo_room_online *changed = malloc(most * sizeof(struct repo_room_online));
    error = changed == NULL ? -ENOMEM
                            : repo_rooms_online(rooms->repo, rooms->instance, changed,
                                                find_changed(auditor, now, count, changed));
    free(changed);
    if (error != 0) {
        free(now);
        return error;
    }
    free(auditor->online);
    auditor->online = now;
    auditor->online_count = count;
    return 0;
}

/* Has the rooms read what has not arrived in the meantime either. */
static void
repair_rooms(struct auditor *auditor)
{
    size_t count;
    struct room **rooms = registry_rooms(auditor->rooms->registry, &count);

    for (size_t i = 0; i < count; i++) {
        if (rooms[i]->missing > atomic_load(&rooms[i]->delivered))
            subscriber_nudge(rooms[i], rooms[i]->missing);
        rooms[i]->missing = 0;
        room_rele(rooms[i]);
    }
    free(rooms);
    auditor->settled = INT64_MAX;
}

/* Users whose instance is gone, as they are found. */
struct expired {
    struct lobby *lobby;
    size_t count;
    struct repo_user users[EXPIRED_MAX];
};

static void
tell_expired(struct expired *expired)
{
    if (expired->count > 0)
        log_info("users-expired count=%zu instance=%s", expired->count, expired->users[0].instance);
    /* At the start there is no lobby yet, nor anybody to tell. */
    if (expired->count > 0 && expired->lobby != NULL)
        lobby_tell_left(expired->lobby, expired->users, expired->count);
    expired->count = 0;
}

static int
add_expired(void *argument, const struct repo_user *user)
{
    struct expired *expired = argument;

    expired->users[expired->count++] = *user;
    if (expired->count == EXPIRED_MAX)
        tell_expired(expired);
    return 0;
}

/* Whoever removes the users is the one to tell everybody. */
static int
expire_leases(struct auditor *auditor, int64_t now)
{
    struct expired *expired = calloc(1, sizeof(*expired));
    if (expired == NULL)
        return -ENOMEM;
    expired->lobby = auditor->rooms->lobby;
    int error = repo_leases_expire(auditor->rooms->repo, now, add_expired, expired);
    tell_expired(expired);
    free(expired);
    return error;
}

static int
renew_lease(struct auditor *auditor, int64_t now)
{
    struct rooms *rooms = auditor->rooms;
    bool was_held;

    int64_t begun = clock_monotonic_ms();
    int error = repo_lease_renew(rooms->repo, rooms->instance, now + LEASE_MS, &was_held);
    if (error == 0)
        auditor->renewed = begun;
    if (error == 0 && !was_held && auditor->started) {
        log_warnx("lease-lost instance=%s", rooms->instance);
        lobby_restore(rooms->lobby);
        auditor->online_count = 0; /* it may be gone */
    }
    return error;
}

/* Forgets users whose token nobody can use any more. */
static int
tidy(struct auditor *auditor, int64_t now)
{
    size_t removed;

    if (clock_monotonic_ms() - auditor->tidied < TIDY_MS)
        return 0;
    int error = repo_identities_expire(auditor->rooms->repo, now, TIDY_MAX, &removed);
    /* What is left of many is next. */
    if (error != 0 || removed < TIDY_MAX)
        auditor->tidied = clock_monotonic_ms();
    if (error == 0)
        error = repo_sessions_expire(auditor->rooms->repo, now, TIDY_MAX);
    if (error == 0)
        error = repo_revocations_expire(auditor->rooms->repo, now - REVOCATION_MS, TIDY_MAX);
    if (error == 0 && removed > 0)
        log_info("identities-expired count=%zu", removed);
    return error;
}

/* Before they end, if that is sooner. */
static int
extend_sessions(struct auditor *auditor)
{
    int64_t now = clock_monotonic_ms();
    int64_t quarter = auditor->rooms->token_lifetime_ms / 4;

    if (now - auditor->extended < (quarter < EXTEND_MS ? quarter : EXTEND_MS))
        return 0;
    auditor->extended = now;
    return lobby_extend_sessions(auditor->rooms->lobby);
}

/* Removes some of what is left of deleted rooms: no more in one go than others can wait for. */
static int
remove_deleted(struct auditor *auditor)
{
    size_t removed = REMOVED_MAX;
    int error = 0;

    for (int i = 0; i < REMOVALS_MAX && removed >= REMOVED_MAX && error == 0; i++)
        error = repo_deleted_remove(auditor->rooms->repo, REMOVED_MAX, &removed);
    return error;
}

static void
report(int error, const char *what)
{
    if (error != 0)
        log_warn(-error, "audit-failed what=%s", what);
}

static void
audit(struct auditor *auditor)
{
    lock_assert_none();
    report(audit_rooms(auditor), "rooms");
    int64_t now = clock_realtime_ms();
    /* By the clock: after a pause of the whole process nothing may be stored without a lease. */
    if (clock_monotonic_ms() - auditor->renewed >= RENEW_MS)
        report(renew_lease(auditor, now), "lease");
    report(expire_leases(auditor, now), "leases");
    report(lobby_apply_revocations(auditor->rooms->lobby), "revocations");
    report(lobby_reconcile(auditor->rooms->lobby), "presence");
    report(extend_sessions(auditor), "sessions");
    report(tidy(auditor, now), "identities");
    report(remove_deleted(auditor), "deleted-rooms");
    report(audit_online(auditor), "online");
}

static void *
auditor_main(void *argument)
{
    struct auditor *auditor = argument;
    int64_t next = clock_monotonic_ms() + AUDIT_MS;

    auditor->settled = INT64_MAX;
    while (!atomic_load(&auditor->stopping)) {
        registry_reap(auditor->rooms->registry, next < auditor->settled ? next : auditor->settled);
        int64_t now = clock_monotonic_ms();
        if (now >= auditor->settled)
            repair_rooms(auditor);
        if (atomic_exchange(&auditor->hurried, false))
            report(lobby_apply_revocations(auditor->rooms->lobby), "revocations");
        if (now < next)
            continue;
        audit(auditor);
        next = now + AUDIT_MS;
    }
    return NULL;
}

int
auditor_open(struct rooms *rooms, struct auditor **out)
{
    struct auditor *auditor = calloc(1, sizeof(*auditor));
    if (auditor == NULL)
        return -ENOMEM;
    auditor->rooms = rooms;
    int64_t now = clock_realtime_ms();
    int error = renew_lease(auditor, now);
    if (error == 0)
        error = expire_leases(auditor, now);
    if (error != 0) {
        free(auditor);
        return error;
    }
    *out = auditor;
    return 0;
}

int
auditor_start(struct auditor *auditor)
{
    auditor->started = true;
    int error = -pthread_create(&auditor->thread, NULL, auditor_main, auditor);
    auditor->started = error == 0;
    return error;
}

void
auditor_stop(struct auditor *auditor)
{
    if (!auditor->started)
        return;
    atomic_store(&auditor->stopping, true);
    registry_wake(auditor->rooms->registry);
    int error = pthread_join(auditor->thread, NULL);
    assert(error == 0);
    auditor->started = false;
}

void
auditor_hurry(struct auditor *auditor)
{
    atomic_store(&auditor->hurried, true);
    registry_wake(auditor->rooms->registry);
}

void
auditor_close(struct auditor **pointer)
{
    struct auditor *auditor = *pointer;
    struct rooms *rooms = auditor->rooms;

    *pointer = NULL;
    assert(!auditor->started);
    int64_t until =
        rooms->presence_grace_ms > 0 ? clock_realtime_ms() + rooms->presence_grace_ms : 0;
    int error = repo_lease_release(rooms->repo, rooms->instance, until);
    if (error != 0)
        log_warn(-error, "lease-not-released instance=%s", rooms->instance);
    free(auditor->online);
    free(auditor);
}
