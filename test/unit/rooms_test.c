/* Order, repairs, presence and private rooms, with members that only listen. */
#include "rooms/rooms.h"

#include "test/unit/fake_member.h"
#include "test/unit/tap.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "repo/repo.h"
#include "rooms/lobby.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_rooms rooms;

static void
post(struct fake_member *member, const char *room_id, const char *text, const char *client_id)
{
    atomic_fetch_add(&member->under_way, 1);
    if (member_post(&member->member, room_id, text, strlen(text), client_id) != 0)
        abort();
}

/* Stores a message as another process does: nothing of it is published here. */
static uint64_t
store_behind(const char *room_id, const char *text)
{
    struct repo_room room;
    struct repo_post stored = {.sender_id = "elsewhere",
                               .sender_name = "Else",
                               .text = text,
                               .text_length = strlen(text),
                               .ts = 1};

    if (repo_room_find_by_id(rooms.rooms.repo, room_id, &room) != 0 ||
        repo_append(rooms.rooms.repo, room.number, 0, &stored, 1) != 0)
        abort();
    return stored.seq;
}

static void
test_posts(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct fake_member *bob = fake_member_new("Bob");
    char id[IDENTIFIER_SIZE];

    ok(fake_join(ann, &rooms, "posts", id) == 0, "the first one joins");
    post(ann, id, "one", "1");
    fake_wait_answered(ann);
    ok(fake_count(ann, "\"message-ack\"") == 1, "a post is answered");
    ann->looked_at = 0;
    const char *ack = fake_expect(ann, "\"message-ack\"", "\"id\":\"1\"");
    ok(fake_number(ack, "seq") == 1, "a post is acknowledged with its number");
    ann->looked_at = 0;
    (void)fake_expect(ann, "\"one\"", "\"seq\":1");
    ok(fake_join(bob, &rooms, "posts", id) == 1, "who joins later is told the last number");
    post(bob, id, "two", NULL);
    ok(fake_number(fake_expect(ann, "\"two\"", NULL), "seq") == 2, "the others get it");
    ok(fake_number(fake_expect(bob, "\"two\"", NULL), "seq") == 2, "the sender too");
    ok(fake_count(bob, "\"one\"") == 0, "and nothing from before its time");
    ok(fake_count(bob, "message-ack") == 0, "a post without an id has no ack");
    post(ann, id, "one", "1");
    ack = fake_expect(ann, "\"message-ack\"", "\"id\":\"1\"");
    ok(fake_number(ack, "seq") == 1, "a repeated one gets the first number again");
    post(ann, id, "other", "1");
    ok(fake_expect(ann, "\"id-conflict\"", "\"id\":\"1\"") != NULL,
       "another text with it does not");
    post(ann, id, "three", NULL);
    ok(fake_expect(bob, "\"three\"", NULL) != NULL && fake_count(bob, "\"other\"") == 0 &&
           fake_count(bob, "\"one\"") == 0,
       "neither of them reached anybody");
    fake_member_free(ann);
    fake_member_free(bob);
}

/* What is stored elsewhere, and what overtakes it on the bus. */
static void
test_gaps(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    char id[IDENTIFIER_SIZE];

    ok(fake_join(ann, &rooms, "gaps", id) == 0, "a room is joined");
    uint64_t first = store_behind(id, "hidden one");
    (void)store_behind(id, "hidden two");
    post(ann, id, "seen", NULL);
    const char *one = fake_expect(ann, "\"seq\":", NULL);
    const char *two = fake_expect(ann, "\"seq\":", NULL);
    const char *seen = fake_expect(ann, "\"seq\":", NULL);
    ok(one != NULL && strstr(one, "hidden one") != NULL && two != NULL &&
           strstr(two, "hidden two") != NULL && seen != NULL && strstr(seen, "\"seen\"") != NULL,
       "a gap before a message is filled from the repository, in order");
    (void)store_behind(id, "unpublished");
    const char *late = fake_expect(ann, "unpublished", NULL);
    ok(fake_number(late, "seq") == (long long)first + 3,
       "what was never published is found by the auditor");
    ok(fake_count(ann, "\"seq\":") == 4, "and everything came once");
    ok(atomic_load(&rooms.rooms.counters.repaired) >= 3, "the repairs are counted");
    fake_member_free(ann);
}

/* Old and repeated messages on the bus are not handed out again. */
static void
test_repeats(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    char id[IDENTIFIER_SIZE];
    char name[PUBSUB_CHANNEL_NAME_SIZE];
    struct channel *channel;

    (void)fake_join(ann, &rooms, "repeats", id);
    post(ann, id, "first", NULL);
    const char *first = fake_expect(ann, "\"first\"", NULL);
    snprintf(name, sizeof(name), "test:room:%s", id);
    if (first == NULL || pubsub_channel_open(rooms.rooms.pubsub, name, "test", &channel) != 0)
        abort();
    struct message *again = message_new(first, strlen(first), 1);
    channel_publish(channel, &again, 1);
    message_rele(again);
    channel_stop(channel);
    channel_close(&channel);
    post(ann, id, "second", NULL);
    ok(fake_number(fake_expect(ann, "\"second\"", NULL), "seq") == 2, "the next one comes");
    ok(fake_count(ann, "\"first\"") == 1, "the repeated one did not");
    fake_member_free(ann);
}

static void
test_presence(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct fake_member *bob = fake_member_new("Bob");
    char name[REPO_USER_NAME_SIZE];
    struct repo_user row;

    fake_arrive(ann, &rooms, 0);
    ok(fake_expect(ann, "\"user-join\"", ann->member.id) != NULL, "who arrives is on the list");
    fake_arrive(bob, &rooms, 0);
    ok(fake_expect(ann, "\"user-join\"", bob->member.id) != NULL, "who is there is told");
    const char *first = fake_expect(bob, "\"user-join\"", NULL);
    const char *second = fake_expect(bob, "\"user-join\"", NULL);
    ok(first != NULL && second != NULL && fake_count(bob, "user-join") == 2,
       "the new one gets the whole list, each once");
    ok(lobby_find_name(rooms.rooms.lobby, bob->member.id, name) == 0 && strcmp(name, "Bob") == 0,
       "a user is found by the id");
    ok(repo_user_find_by_id(rooms.rooms.repo, bob->member.id, &row) == 0 &&
           strcmp(row.instance, rooms.rooms.instance) == 0,
       "and stored with the instance");

    struct repo_user far = {.name = "Far"};
    bool was_held;
    identifier_make(far.id);
    identifier_make(far.instance);
    if (repo_lease_renew(rooms.rooms.repo, far.instance, INT64_MAX, &was_held) != 0 ||
        repo_users_add(rooms.rooms.repo, &far, 1) != 0)
        abort();
    ok(fake_expect(ann, "\"user-join\"", far.id) != NULL,
       "a user of another instance is found in the repository");
    if (repo_lease_release(rooms.rooms.repo, far.instance, 0) != 0)
        abort();
    ok(fake_expect(ann, "\"user-left\"", far.id) != NULL, "and missed once its instance is gone");

    if (repo_users_remove(rooms.rooms.repo, &row, 1) != 0)
        abort();
    lobby_depart(rooms.rooms.lobby, &bob->member);
    ok(fake_expect(ann, "\"user-left\"", bob->member.id) != NULL, "who leaves is missed");
    ok(fake_count(ann, bob->member.id) == 2, "and was announced and missed once");
    lobby_depart(rooms.rooms.lobby, &ann->member);
    fake_member_free(bob);
    fake_member_free(ann);
}

/* Whether the repository has the row of the user and the instance. */
struct row {
    struct repo_user user;
    bool found;
};

static int
find_row(void *argument, const struct repo_user *user)
{
    struct row *row = argument;

    if (strcmp(user->id, row->user.id) == 0 && strcmp(user->instance, row->user.instance) == 0)
        row->found = true;
    return 0;
}

/* Another instance that holds the user does not stand for the connection to this one. */
static void
test_held_twice(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct row ours = {.found = false};
    bool was_held;

    fake_arrive(ann, &rooms, 0);
    (void)fake_expect(ann, "\"user-join\"", ann->member.id);
    snprintf(ours.user.id, sizeof(ours.user.id), "%s", ann->member.id);
    snprintf(ours.user.instance, sizeof(ours.user.instance), "%s", rooms.rooms.instance);
    struct repo_user other = ours.user;
    identifier_make(other.instance);
    if (repo_lease_renew(rooms.rooms.repo, other.instance, INT64_MAX, &was_held) != 0 ||
        repo_users_add(rooms.rooms.repo, &other, 1) != 0 ||
        repo_users_remove(rooms.rooms.repo, &ours.user, 1) != 0)
        abort();
    for (int i = 0; i < 300 && !ours.found; i++) {
        if (repo_users_all(rooms.rooms.repo, find_row, &ours) != 0 ||
            (!ours.found && poll(NULL, 0, 100) < 0))
            abort();
    }
    ok(ours.found, "a user whom another instance holds as well is stored again for this one");
    ok(fake_count(ann, ann->member.id) == 1, "and was neither missed nor announced again");
    if (repo_lease_release(rooms.rooms.repo, other.instance, 0) != 0)
        abort();
    lobby_depart(rooms.rooms.lobby, &ann->member);
    fake_member_free(ann);
}

/* As others do to an instance that they take for dead. */
static void
test_lost_lease(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct repo_user row;

    fake_arrive(ann, &rooms, 0);
    (void)fake_expect(ann, "\"user-join\"", ann->member.id);
    if (repo_lease_release(rooms.rooms.repo, rooms.rooms.instance, 0) != 0)
        abort();
    bool is_back = false;
    for (int i = 0; i < 300 && !is_back; i++) {
        is_back = repo_user_find_by_id(rooms.rooms.repo, ann->member.id, &row) == 0;
        if (!is_back && poll(NULL, 0, 100) < 0)
            abort();
    }
    ok(is_back, "an instance that lost its lease takes a new one and stores its users again");
    ok(fake_count(ann, ann->member.id) == 1, "who is connected is not told that they left");
    lobby_depart(rooms.rooms.lobby, &ann->member);
    fake_member_free(ann);
}

/* Whether both are answers to a join of one room: the room's id comes first in them. */
static bool
same_room(const char *one, const char *other)
{
    static const char key[] = "\"id\":\"";
    const char *id = one != NULL ? strstr(one, key) : NULL;
    const char *other_id = other != NULL ? strstr(other, key) : NULL;

    return id != NULL && other_id != NULL &&
           strncmp(id + strlen(key), other_id + strlen(key), IDENTIFIER_SIZE - 1) == 0;
}

/* What is said at once, before the other one is in, reaches that one too. */
static void
test_first_words(void)
{
    char id[IDENTIFIER_SIZE];

    for (int i = 0; i < 20; i++) {
        struct fake_member *ann = fake_member_new("Ann");
        struct fake_member *bob = fake_member_new("Bob");
        fake_arrive(ann, &rooms, 0);
        fake_arrive(bob, &rooms, 0);
        (void)fake_expect(ann, "\"user-join\"", bob->member.id);
        atomic_fetch_add(&ann->under_way, 1);
        if (member_join_private(&ann->member, &rooms.rooms, bob->member.id,
                                &(struct joining){.since = MEMBER_SINCE_NONE, .makes = true}) != 0)
            abort();
        const char *joined = fake_expect(ann, "\"room-joined\"", NULL);
        if (joined == NULL)
            abort();
        snprintf(id, sizeof(id), "%s", strstr(joined, "\"id\":\"") + strlen("\"id\":\""));
        post(ann, id, "first words", NULL);
        post(ann, id, "second words", NULL);
        const char *other = fake_expect(bob, "\"room-joined\"", NULL);
        const char *first = fake_expect(bob, "\"seq\":", NULL);
        const char *second = fake_expect(bob, "\"seq\":", NULL);
        if (fake_number(other, "since") != 0 || fake_number(first, "seq") != 1 ||
            fake_number(second, "seq") != 2)
            ok(false, "what is said at once reaches who is brought in");
        fake_wait_answered(ann);
        lobby_depart(rooms.rooms.lobby, &ann->member);
        lobby_depart(rooms.rooms.lobby, &bob->member);
        fake_member_free(ann);
        fake_member_free(bob);
    }
    ok(true, "what is said before the other one is in reaches that one too");
}

static void
test_private(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct fake_member *bob = fake_member_new("Bob");

    fake_arrive(ann, &rooms, 0);
    fake_arrive(bob, &rooms, 0);
    (void)fake_expect(ann, "\"user-join\"", bob->member.id);
    atomic_fetch_add(&ann->under_way, 1);
    ok(member_join_private(&ann->member, &rooms.rooms, bob->member.id,
                           &(struct joining){.since = MEMBER_SINCE_NONE, .makes = true}) == 0,
       "Ann asks for Bob");
    const char *one = fake_expect(ann, "\"room-joined\"", "\"private\":true");
    const char *other = fake_expect(bob, "\"room-joined\"", "\"private\":true");
    ok(one != NULL && strstr(one, bob->member.id) != NULL, "Ann is told of Bob");
    ok(other != NULL && strstr(other, ann->member.id) != NULL,
       "Bob is brought in, and told of Ann");
    atomic_fetch_add(&bob->under_way, 1);
    ok(member_join_private(&bob->member, &rooms.rooms, ann->member.id,
                           &(struct joining){.since = MEMBER_SINCE_NONE, .makes = true}) == 0,
       "Bob asks for Ann");
    const char *again = fake_expect(bob, "\"room-joined\"", "\"private\":true");
    ok(same_room(again, other), "and gets the same room");
    atomic_fetch_add(&ann->under_way, 1);
    ok(member_join_private(&ann->member, &rooms.rooms, "nobody",
                           &(struct joining){.since = MEMBER_SINCE_NONE, .makes = true}) == 0,
       "Ann asks for nobody");
    ok(fake_expect(ann, "\"no-such-user\"", NULL) != NULL, "and is told so");
    lobby_depart(rooms.rooms.lobby, &ann->member);
    lobby_depart(rooms.rooms.lobby, &bob->member);
    fake_member_free(ann);
    fake_member_free(bob);
}

int
main(void)
{
    fake_rooms_open(&rooms, 0, 100);
    test_posts();
    test_gaps();
    test_repeats();
    test_presence();
    test_lost_lease();
    test_held_twice();
    test_private();
    test_first_words();
    fake_rooms_close(&rooms);
    return done_testing();
}
