/* Rooms that start, stop, and do both while somebody joins. */
#include "rooms/registry.h"

#include "test/unit/fake_member.h"
#include "test/unit/tap.h"

#include "repo/repo.h"
#include "rooms/lobby.h"

#include <errno.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define ROUNDS  150

static struct fake_rooms rooms;

struct joiner {
    pthread_t thread;
    int number;
    char room_id[IDENTIFIER_SIZE];
    bool is_good;
};

static void *
join_once(void *argument)
{
    struct joiner *joiner = argument;
    struct fake_member *member = fake_member_new("joiner");

    joiner->is_good = fake_join(member, &rooms, "the same room", joiner->room_id) >= 0;
    fake_member_free(member);
    return NULL;
}

static void
run(struct joiner *joiners, void *(*function)(void *))
{
    for (int i = 0; i < THREADS; i++) {
        joiners[i] = (struct joiner){.number = i};
        if (pthread_create(&joiners[i].thread, NULL, function, &joiners[i]) != 0)
            abort();
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(joiners[i].thread, NULL);
}

static void
test_concurrent_create(void)
{
    struct joiner joiners[THREADS];
    bool are_same = true;

    fake_rooms_open(&rooms, 60000, 100);
    run(joiners, join_once);
    for (int i = 0; i < THREADS; i++)
        are_same =
            are_same && joiners[i].is_good && strcmp(joiners[i].room_id, joiners[0].room_id) == 0;
    ok(are_same, "%d who create one room at once get the same room", THREADS);
    ok(registry_count(rooms.rooms.registry) == 1, "and one room runs");
    fake_rooms_close(&rooms);
}

/* Each round, all may have left, so that the room retires just as somebody joins it. */
static void *
come_and_go(void *argument)
{
    struct joiner *joiner = argument;
    char name[32];

    joiner->is_good = true;
    for (int i = 0; i < ROUNDS && joiner->is_good; i++) {
        snprintf(name, sizeof(name), "door %d", i % 2);
        struct fake_member *member = fake_member_new("guest");
        long long last = fake_join(member, &rooms, name, joiner->room_id);
        atomic_fetch_add(&member->under_way, 1);
        int error = member_post(&member->member, joiner->room_id, "x", 1, NULL);
        const char *document = fake_expect(member, "\"seq\":", NULL);
        joiner->is_good = last >= 0 && error == 0 && fake_number(document, "seq") == last + 1;
        fake_wait_answered(member);
        if (i % 3 == 0)
            joiner->is_good =
                member_leave(&member->member, joiner->room_id) == 0 && joiner->is_good;
        fake_member_free(member);
    }
    return NULL;
}

static void
test_join_while_stopping(void)
{
    struct joiner joiners[THREADS];
    bool are_good = true;

    fake_rooms_open(&rooms, 0, 100);
    run(joiners, come_and_go);
    for (int i = 0; i < THREADS; i++)
        are_good = are_good && joiners[i].is_good;
    ok(are_good, "who joins a room that is about to stop is in it, and is told what comes next");
    struct repo_room room;
    uint64_t last = 0;
    uint64_t total = 0;
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof(name), "door %d", i);
        if (repo_room_find_by_name(rooms.rooms.repo, name, &room) == 0 &&
            repo_last_seqs(rooms.rooms.repo, &room.number, &last, NULL, 1) == 0)
            total += last;
    }
    ok(total == (uint64_t)THREADS * ROUNDS, "every one of %d posts was stored", THREADS * ROUNDS);
    fake_rooms_close(&rooms);
}

static void
test_stops(void)
{
    struct fake_member *member = fake_member_new("last");
    char id[IDENTIFIER_SIZE];
    char again[IDENTIFIER_SIZE];

    fake_rooms_open(&rooms, 0, 100);
    ok(fake_join(member, &rooms, "short", id) == 0, "a room is joined");
    ok(member_leave(&member->member, id) == 0, "and left");
    ok(member_leave(&member->member, id) == -ENOENT, "which is possible once");
    ok(member_post(&member->member, id, "x", 1, NULL) == -ENOENT, "who left cannot post");
    /* It stops by itself; a later join starts it again, with the id that it had. */
    ok(fake_join(member, &rooms, "short", again) == 0 && strcmp(id, again) == 0,
       "a room that stopped comes back with its id");
    fake_member_free(member);
    registry_drain(rooms.rooms.registry);
    registry_wait_empty(rooms.rooms.registry);
    ok(registry_count(rooms.rooms.registry) == 0, "no room is left once all have left");
    fake_rooms_close(&rooms);
}

static void
test_limits(void)
{
    struct fake_member *member = fake_member_new("many");
    char name[32];
    bool are_good = true;

    fake_rooms_open(&rooms, 60000, 9);
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "room %d", i);
        are_good = are_good && fake_join(member, &rooms, name, NULL) == 0;
    }
    ok(are_good, "a member may be in as many rooms as the limit says");
    ok(member_join(&member->member, &rooms.rooms, "one more", 8,
                   &(struct joining){.since = MEMBER_SINCE_NONE, .makes = true}) == -EMFILE,
       "and in no more");
    ok(registry_count(rooms.rooms.registry) == 8, "and none is started for that");
    ok(fake_join(member, &rooms, "room 3", NULL) == 0, "one that it is in answers again");
    struct fake_member *other = fake_member_new("other");
    ok(fake_join(other, &rooms, "ninth", NULL) == 0, "another member starts one more");
    ok(member_join(&other->member, &rooms.rooms, "tenth", 5,
                   &(struct joining){.since = MEMBER_SINCE_NONE, .makes = true}) == -ENFILE,
       "as many rooms run as the limit says");
    ok(fake_join(other, &rooms, "room 0", NULL) == 0, "those that run can still be joined");
    fake_member_free(other);
    fake_member_free(member);
    registry_drain(rooms.rooms.registry);
    struct fake_member *late = fake_member_new("late");
    ok(member_join(&late->member, &rooms.rooms, "late", 4,
                   &(struct joining){.since = MEMBER_SINCE_NONE, .makes = true}) == -ESHUTDOWN,
       "none is started while draining");
    fake_member_free(late);
    fake_rooms_close(&rooms);
}

static bool
ask(struct fake_member *member, const char *name, bool makes)
{
    atomic_fetch_add(&member->under_way, 1);
    int error = member_join(&member->member, &rooms.rooms, name, strlen(name),
                            &(struct joining){.since = MEMBER_SINCE_NONE, .makes = makes});
    if (error != 0)
        atomic_fetch_sub(&member->under_way, 1);
    return error == 0;
}

/* A room that cannot be made, since another process has the database locked. */
static void
test_failed_open(void)
{
    struct fake_member *member = fake_member_new("unlucky");
    sqlite3 *other;

    fake_rooms_open(&rooms, 0, 100);
    if (sqlite3_open(rooms.database, &other) != SQLITE_OK ||
        sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        abort();
    ok(ask(member, "locked", true), "the request is taken");
    const char *error = fake_expect(member, "\"error\"", NULL);
    ok(error != NULL && strstr(error, "\"unavailable\"") != NULL &&
           strstr(error, "\"retry\":true") != NULL && strstr(error, "\"join-room\"") != NULL,
       "and refused, as something to try again");
    fake_wait_answered(member);
    if (sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        abort();
    sqlite3_close(other);
    ok(fake_join(member, &rooms, "locked", NULL) == 0, "trying again works");
    fake_member_free(member);
    fake_rooms_close(&rooms);
}

/* The second time a little later, each round, so that it comes at any time of a room's end. */
static void *
ask_in_vain(void *argument)
{
    struct joiner *joiner = argument;
    struct fake_member *member = fake_member_new("asker");

    joiner->is_good = true;
    for (int i = 0; i < ROUNDS; i++) {
        joiner->is_good = ask(member, "nowhere", false) && joiner->is_good;
        for (int k = 0; k < i; k++)
            sched_yield();
        joiner->is_good = ask(member, "nowhere", false) && joiner->is_good;
        fake_wait_answered(member);
    }
    const size_t asked = (size_t)2 * ROUNDS;
    joiner->is_good = joiner->is_good && fake_count(member, "\"no-such-room\"") == asked &&
                      fake_count(member, "\"error\"") == asked;
    fake_member_free(member);
    return NULL;
}

static void
test_refused_at_any_time(void)
{
    struct joiner joiners[THREADS];
    bool are_good = true;

    fake_rooms_open(&rooms, 0, 10000);
    run(joiners, ask_in_vain);
    for (int i = 0; i < THREADS; i++)
        are_good = are_good && joiners[i].is_good;
    ok(are_good, "who asks for rooms that are not there is told so, each time once");
    struct fake_member *member = fake_member_new("maker");
    ok(ask(member, "here", false) && ask(member, "here", true), "who asks, and then makes one");
    fake_wait_answered(member);
    ok(fake_count(member, "\"no-such-room\"") == 1 && fake_count(member, "\"room-joined\"") == 1,
       "is told so, and is in it");
    fake_member_free(member);
    fake_rooms_close(&rooms);
}

/* No memory has a place for such a stack. */
static void
test_no_thread(void)
{
    struct fake_member *member = fake_member_new("unlucky");
    pthread_attr_t usual, large;

    fake_rooms_open(&rooms, 0, 100);
    if (pthread_getattr_default_np(&usual) != 0 || pthread_getattr_default_np(&large) != 0 ||
        pthread_attr_setstacksize(&large, (size_t)1 << 46) != 0 ||
        pthread_setattr_default_np(&large) != 0)
        abort();
    bool is_first_taken = ask(member, "stillborn", true);
    bool is_second_taken = ask(member, "stillborn", true);
    ok(is_first_taken && is_second_taken, "requests are taken");
    if (pthread_setattr_default_np(&usual) != 0)
        abort();
    fake_wait_answered(member);
    ok(fake_count(member, "\"unavailable\"") == 2 && fake_count(member, "\"retry\":true") == 2,
       "and refused, as something to try again, where no thread can be had");
    ok(registry_count(rooms.rooms.registry) == 0, "no room is left of it");
    ok(fake_join(member, &rooms, "stillborn", NULL) == 0, "trying again works");
    fake_member_free(member);
    fake_rooms_close(&rooms);
}

int
main(void)
{
    test_concurrent_create();
    test_join_while_stopping();
    test_stops();
    test_limits();
    test_failed_open();
    test_refused_at_any_time();
    test_no_thread();
    return done_testing();
}
