/* Who is in a room, small or large: what the others are told of it, and of whose connections. */
#include "rooms/rooms.h"

#include "test/unit/fake_member.h"
#include "test/unit/tap.h"

#include "rooms/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CROWD    60
#define POSTS    300
#define TOLD_MAX (HINTED_MEMBERS_MAX + 2)

static struct fake_rooms rooms;
static struct fake_member *crowd[TOLD_MAX];

/* Makes members and has them join, one after the other. */
static void
join_crowd(size_t count, const char *name, char *room_id)
{
    for (size_t i = 0; i < count; i++) {
        crowd[i] = fake_member_new("Crowd");
        if (fake_join(crowd[i], &rooms, name, room_id) < 0)
            abort();
    }
}

static void
leave_crowd(size_t count)
{
    for (size_t i = 0; i < count; i++)
        fake_member_free(crowd[i]);
}

static void
post_from(struct fake_member *fake, const char *room_id, const char *text)
{
    atomic_fetch_add(&fake->under_way, 1);
    if (member_post(&fake->member, room_id, text, strlen(text), NULL) != 0)
        abort();
}

static void
leave(struct fake_member *fake, const char *room_id)
{
    if (member_leave(&fake->member, room_id) != 0)
        abort();
}

/* A second connection of a user is told of neither when it comes nor when it goes. */
static void
test_connections(void)
{
    char id[IDENTIFIER_SIZE];
    struct fake_member *ann = fake_member_new("Ann");
    struct fake_member *again[CROWD];

    (void)fake_join(ann, &rooms, "connections", id);
    join_crowd(CROWD, "connections", id);
    for (size_t i = 0; i < CROWD; i++) {
        again[i] = fake_member_again(crowd[i]);
        if (fake_join(again[i], &rooms, "connections", NULL) < 0)
            abort();
    }
    post_from(ann, id, "all are in");
    (void)fake_expect(ann, "all are in", NULL);
    ok(fake_count(ann, "joined the room") == 1 + CROWD, "each user is told of once");
    for (size_t i = 0; i < CROWD; i++)
        leave(crowd[i], id);
    post_from(ann, id, "half have left");
    (void)fake_expect(ann, "half have left", NULL);
    ok(fake_count(ann, "left the room") == 0, "who has another connection has not left");
    for (size_t i = 0; i < CROWD; i++)
        leave(again[i], id);
    post_from(ann, id, "all have left");
    (void)fake_expect(ann, "all have left", NULL);
    ok(fake_count(ann, "left the room") == CROWD, "who had none has");
    for (size_t i = 0; i < CROWD; i++)
        fake_member_free(again[i]);
    leave_crowd(CROWD);
    fake_member_free(ann);
}

/* While the room waits for one of its members, as none really does, others join. */
static void
test_batch(void)
{
    char id[IDENTIFIER_SIZE];
    struct fake_member *ann = fake_member_new("Ann");

    (void)fake_join(ann, &rooms, "batch", id);
    (void)fake_expect(ann, "Ann joined the room", NULL);
    size_t before = fake_pieces(ann);
    pthread_mutex_lock(&ann->mutex);
    post_from(ann, id, "wait");
    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = fake_member_new("Crowd");
        atomic_fetch_add(&crowd[i]->under_way, 1);
        if (member_join(&crowd[i]->member, &rooms.rooms, "batch", 5,
                        &(struct joining){.since = MEMBER_SINCE_NONE, .makes = true}) != 0)
            abort();
    }
    pthread_mutex_unlock(&ann->mutex);
    for (size_t i = 0; i < CROWD; i++)
        (void)fake_expect(ann, "joined the room", NULL);
    ok(fake_count(ann, "Crowd joined the room") == CROWD, "every one is told of");
    ok(fake_pieces(ann) - before <= 3, "those who came meanwhile in one go, after the message");
    for (size_t i = 0; i < CROWD; i++)
        fake_wait_answered(crowd[i]);
    post_from(crowd[0], id, "after the notices");
    ok(fake_expect(ann, "after the notices", NULL) != NULL && fake_count(ann, "\"seq\":") == 2,
       "and nothing else is missing");
    leave_crowd(CROWD);
    fake_member_free(ann);
}

/* Whoever is in a small room is sent the answer and the message at once, the answer first. */
static void
test_answer_together(void)
{
    char id[IDENTIFIER_SIZE];
    struct fake_member *ann = fake_member_new("Ann"), *bob = fake_member_new("Bob");
    bool is_together = true;

    (void)fake_join(ann, &rooms, "together", id);
    (void)fake_join(bob, &rooms, "together", id);
    (void)fake_expect(bob, "Bob joined the room", NULL);
    for (int i = 0; i < 5; i++) {
        char client_id[16];
        size_t pieces = fake_pieces(bob);
        (void)snprintf(client_id, sizeof(client_id), "id-%d", i);
        atomic_fetch_add(&bob->under_way, 1);
        if (member_post(&bob->member, id, "hello", 5, client_id) != 0)
            abort();
        fake_wait_answered(bob);
        is_together = fake_expect(bob, "message-ack", client_id) != NULL &&
                      fake_expect(bob, "send-message", client_id) != NULL &&
                      fake_pieces(bob) == pieces + 1 && is_together;
    }
    ok(is_together, "in a small room the answer comes with the message, and before it");
    fake_member_free(bob);
    fake_member_free(ann);
}

/* In a large room nobody is told of who comes, goes and types; once it is small again, they are. */
static void
test_large(void)
{
    char id[IDENTIFIER_SIZE];

    join_crowd(TOLD_MAX, "large", id);
    struct fake_member *first = crowd[0];
    struct fake_member *last = crowd[TOLD_MAX - 1];
    if (member_type(&last->member, id) != 0)
        abort();
    post_from(last, id, "all are in");
    (void)fake_expect(first, "all are in", NULL);
    ok(fake_count(first, "joined the room") == HINTED_MEMBERS_MAX, "who joins is told of up to %d",
       HINTED_MEMBERS_MAX);
    ok(fake_count(first, "\"typing\"") == 0, "and who types not above that");
    leave(crowd[1], id);
    leave(crowd[2], id);
    post_from(last, id, "two have left");
    (void)fake_expect(first, "two have left", NULL);
    ok(fake_count(first, "left the room") == 1, "who leaves is told of from there on");
    if (member_type(&last->member, id) != 0)
        abort();
    ok(fake_expect(first, "\"typing\"", NULL) != NULL, "and who types as well");
    leave_crowd(TOLD_MAX);
}

/* Whether the member was given the numbers 1 to `count`, in order, and nothing else with a number. */
static bool
has_all(struct fake_member *fake, long long count)
{
    long long next = 1;

    (void)fake_expect(fake, "\"the last\"", NULL);
    for (size_t i = 0; i < fake->count; i++) {
        if (strstr(fake->documents[i], "\"seq\":") != NULL &&
            fake_number(fake->documents[i], "seq") != next++)
            return false;
    }
    return next == count + 1;
}

/* Each member of a room in which cores share is given everything, in the room's order. */
static void
test_order(void)
{
    char id[IDENTIFIER_SIZE];
    bool have_all = true;

    join_crowd(TOLD_MAX, "order", id);
    for (size_t i = 0; i < POSTS - 1; i++)
        post_from(crowd[i % 7 * 100], id, "another one");
    for (size_t i = 0; i < 7; i++)
        fake_wait_answered(crowd[i * 100]);
    post_from(crowd[0], id, "the last");
    for (size_t i = 0; i < TOLD_MAX; i++)
        have_all = has_all(crowd[i], POSTS) && have_all;
    ok(have_all, "each of %d members is given everything in order", TOLD_MAX);
    leave_crowd(TOLD_MAX);
}

int
main(void)
{
    fake_rooms_open(&rooms, 0, 100);
    test_connections();
    test_batch();
    test_answer_together();
    test_large();
    test_order();
    fake_rooms_close(&rooms);
    return done_testing();
}
