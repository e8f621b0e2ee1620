/* Users: on several connections, with a grace in which they come back, and called back. */
#include "repo/repo.h"
#include "rooms/lobby.h"
#include "rooms/lock.h"
#include "test/unit/fake_member.h"
#include "test/unit/tap.h"

#include <errno.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_MS 300

static struct fake_rooms rooms;

static bool
is_listed(struct fake_member *fake, const struct fake_member *whom)
{
    return fake_expect(fake, "\"user-join\"", whom->member.id) != NULL;
}

static void
leave(struct fake_member *fake)
{
    lobby_depart(rooms.rooms.lobby, &fake->member);
    fake_member_free(fake);
}

static void
test_connections(struct fake_member *ann)
{
    struct fake_member *bob = fake_member_new("Bob");

    fake_arrive(bob, &rooms, 0);
    ok(is_listed(ann, bob), "Bob is announced");
    struct fake_member *again = fake_member_again(bob);
    fake_arrive(again, &rooms, 1);
    ok(is_listed(again, bob), "and on the list on another connection of his");
    ok(fake_count(ann, bob->member.id) == 1, "which nobody is told of");
    ok(lobby_online(rooms.rooms.lobby) == 2, "he counts once");
    leave(bob);
    lobby_flush(rooms.rooms.lobby);
    struct fake_member *third = fake_member_again(again);
    fake_arrive(third, &rooms, 1);
    ok(is_listed(third, again), "he is there as long as one connection is");
    int64_t before = clock_monotonic_ms();
    char id[IDENTIFIER_SIZE];
    snprintf(id, sizeof(id), "%s", again->member.id);
    leave(again);
    leave(third);
    ok(fake_expect(ann, "\"user-left\"", id) != NULL, "without any he is missed");
    ok(clock_monotonic_ms() - before >= GRACE_MS, "after the grace");
    ok(fake_count(ann, id) == 2, "once");
}

static void
test_grace(struct fake_member *ann)
{
    struct fake_member *bob = fake_member_new("Bob");
    struct fake_member *again = fake_member_again(bob);
    struct fake_member *cid = fake_member_new("Cid");
    char cid_id[IDENTIFIER_SIZE];

    snprintf(cid_id, sizeof(cid_id), "%s", cid->member.id);
    fake_arrive(bob, &rooms, 0);
    fake_arrive(cid, &rooms, 0);
    (void)is_listed(ann, bob);
    leave(bob);
    lobby_flush(rooms.rooms.lobby);
    struct repo_user row;
    ok(repo_user_find_by_id(rooms.rooms.repo, again->member.id, &row) == 0,
       "who has just lost the connection is still online");
    fake_arrive(again, &rooms, 1);
    leave(cid);
    /* Cid left later, so Bob's grace would be over before. */
    ok(fake_expect(ann, "\"user-left\"", cid_id) != NULL, "who does not come back is missed");
    ok(fake_count(ann, again->member.id) == 1, "who comes back in time never is");
    leave(again);
    ok(fake_expect(ann, "\"user-left\"", "Bob") != NULL, "but later he may be");
}

static int
is_ours(void *argument, const struct repo_user *user)
{
    return strcmp(user->id, argument) == 0 && strcmp(user->instance, rooms.rooms.instance) == 0;
}

/* The row of another instance, on which the user is as well. */
static void
test_elsewhere(struct fake_member *ann)
{
    struct fake_member *bob = fake_member_new("Bob");
    struct repo_departure there = {.user.name = "Bob"};
    bool was_held;
    char id[IDENTIFIER_SIZE];

    snprintf(id, sizeof(id), "%s", bob->member.id);
    snprintf(there.user.id, sizeof(there.user.id), "%s", id);
    identifier_make(there.user.instance);
    fake_arrive(bob, &rooms, 0);
    (void)is_listed(ann, bob);
    if (repo_lease_renew(rooms.rooms.repo, there.user.instance, INT64_MAX, &was_held) != 0 ||
        repo_users_add(rooms.rooms.repo, &there.user, 1) != 0)
        abort();
    leave(bob);
    while (repo_users_all(rooms.rooms.repo, is_ours, id) != 0) {
        if (poll(NULL, 0, 20) < 0)
            abort();
    }
    ok(fake_count(ann, id) == 1, "who is on another instance, too, is not missed");
    if (repo_users_depart(rooms.rooms.repo, &there, 1) != 0)
        abort();
    ok(there.is_last, "there it is the last one");
    ok(fake_expect(ann, "\"user-left\"", id) != NULL, "and then it is missed");
}

static void
post(struct fake_member *fake, const char *room_id, const char *text)
{
    atomic_fetch_add(&fake->under_way, 1);
    if (member_post(&fake->member, room_id, text, strlen(text), NULL) != 0)
        abort();
    fake_wait_answered(fake);
}

/* Called while Bob arrives: Cid invites him and Dan. */
static struct fake_member *cid;
static struct fake_member *dan;

static void
invite_both(struct fake_member *bob)
{
    lobby_invite(rooms.rooms.lobby, &cid->member, bob->member.id, 0);
    lobby_invite(rooms.rooms.lobby, &cid->member, dan->member.id, 0);
    /* The invitations are taken one after the other. */
    ok(fake_expect(dan, "\"room-joined\"", cid->member.id) != NULL, "who is there is brought in");
    ok(fake_count(bob, "\"room-joined\"") == 0, "who is not welcomed yet hears of no room");
}

static void
test_invitation_before_welcome(void)
{
    struct fake_member *bob = fake_member_new("Bob");

    cid = fake_member_new("Cid");
    dan = fake_member_new("Dan");
    fake_arrive(cid, &rooms, 0);
    fake_arrive(dan, &rooms, 0);
    if (!is_listed(cid, cid) || !is_listed(dan, dan))
        abort();
    bob->on_arrival = invite_both;
    fake_arrive(bob, &rooms, 0);
    ok(is_listed(bob, bob), "and is let in all the same");
    leave(bob);
    leave(cid);
    leave(dan);
}

static void
execute(sqlite3 *database, const char *sql)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        abort();
}

static void
wait_until(const atomic_bool *done)
{
    while (!atomic_load(done)) {
        if (poll(NULL, 0, 5) < 0)
            abort();
    }
}

static atomic_bool is_answered;

static void
note_answer(struct fake_member *bob)
{
    (void)bob;
    atomic_store(&is_answered, true);
}

/* Who cannot be stored is not put online later, as the auditor does with who is here. */
static void
test_turned_away(struct fake_member *ann)
{
    struct fake_member *bob = fake_member_new("Bob");
    struct repo_user row;
    char id[IDENTIFIER_SIZE];
    char sql[128];
    sqlite3 *database;

    snprintf(id, sizeof(id), "%s", bob->member.id);
    rooms.rooms.presence_grace_ms = 60000;
    if (sqlite3_open(rooms.database, &database) != SQLITE_OK)
        abort();
    execute(database, "BEGIN IMMEDIATE");
    bob->on_arrival = note_answer;
    fake_arrive(bob, &rooms, 0);
    wait_until(&is_answered);
    ok(bob->arrival_error != 0, "who cannot be stored is told so");
    execute(database, "ROLLBACK");
    leave(bob);
    lobby_flush(rooms.rooms.lobby);
    /* What the auditor mends in one go: Ann's row and, if he were held, his. */
    snprintf(sql, sizeof(sql), "DELETE FROM user WHERE id = '%s'", ann->member.id);
    execute(database, sql);
    lobby_restore(rooms.rooms.lobby);
    while (repo_user_find_by_id(rooms.rooms.repo, ann->member.id, &row) != 0) {
        if (poll(NULL, 0, 20) < 0)
            abort();
    }
    ok(repo_user_find_by_id(rooms.rooms.repo, id, &row) == -ENOENT,
       "and is not put online with who is here");
    sqlite3_close(database);
    rooms.rooms.presence_grace_ms = GRACE_MS;
}

static void
test_call_back(struct fake_member *ann)
{
    struct fake_member *bob = fake_member_new("Bob");
    struct fake_member *again = fake_member_again(bob);
    struct fake_member *tab = fake_member_again(bob);
    char bob_id[IDENTIFIER_SIZE];
    char id[IDENTIFIER_SIZE];

    snprintf(bob_id, sizeof(bob_id), "%s", bob->member.id);
    fake_arrive(bob, &rooms, 0);
    (void)is_listed(ann, bob);
    int64_t seen = clock_realtime_ms();
    leave(bob);
    (void)fake_expect(ann, "\"user-left\"", bob_id);
    atomic_fetch_add(&ann->under_way, 1);
    ok(member_join_private(&ann->member, &rooms.rooms, bob_id,
                           &(struct joining){.since = MEMBER_SINCE_NONE, .makes = true}) == 0,
       "Ann asks for Bob, who has gone");
    const char *joined = fake_expect(ann, "\"room-joined\"", bob_id);
    ok(joined != NULL && strstr(joined, "\"name\":\"Bob\"") != NULL, "and gets the room");
    if (joined == NULL)
        abort();
    snprintf(id, sizeof(id), "%s", strstr(joined, "\"id\":\"") + strlen("\"id\":\""));
    post(ann, id, "while you were away");
    /* Her invitation has gone by when somebody who comes after it is announced. */
    struct fake_member *eve = fake_member_new("Eve");
    fake_arrive(eve, &rooms, 0);
    (void)is_listed(ann, eve);
    leave(eve);
    fake_arrive(again, &rooms, seen);
    ok(is_listed(again, again), "Bob comes back");
    post(ann, id, "and now");
    joined = fake_expect(again, "\"room-joined\"", ann->member.id);
    ok(fake_number(joined, "since") == 0, "is brought into the room, from where he left off");
    ok(fake_expect(again, "while you were away", NULL) != NULL, "and gets what was said");
    ok(fake_expect(again, "and now", NULL) != NULL, "even what was said when he was back");

    ok(member_leave(&again->member, id) == 0, "he leaves it");
    fake_arrive(tab, &rooms, 0);
    ok(is_listed(tab, tab), "and has another connection");
    post(ann, id, "one more thing");
    joined = fake_expect(again, "\"room-joined\"", ann->member.id);
    ok(fake_number(joined, "since") == 2 && fake_expect(again, "one more thing", NULL) != NULL,
       "who is written to is brought in again");
    ok(fake_expect(tab, "\"room-joined\"", ann->member.id) != NULL &&
           fake_expect(tab, "one more thing", NULL) != NULL,
       "on every connection");
    leave(again);
    leave(tab);
}

int
main(void)
{
    rooms.rooms.presence_grace_ms = GRACE_MS;
    fake_rooms_open(&rooms, 0, 100);
    struct fake_member *ann = fake_member_new("Ann");
    fake_arrive(ann, &rooms, 0);
    if (!is_listed(ann, ann))
        abort();
    test_connections(ann);
    test_grace(ann);
    test_elsewhere(ann);
    test_turned_away(ann);
    test_invitation_before_welcome();
    test_call_back(ann);
    leave(ann);
    fake_rooms_close(&rooms);
    return done_testing();
}
