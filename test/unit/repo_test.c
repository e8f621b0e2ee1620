/* The repository within one process: rooms, users, messages, leases. */
#include "repo/repo.h"
#include "test/unit/repo_fixture.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- rooms -------------------------------------------------------------------------------- */

static struct repo_room
make_room(const char *id, const char *name, const char *user_a, const char *user_b)
{
    struct repo_room room = {.is_private = user_a != NULL};
    snprintf(room.id, sizeof(room.id), "%s", id);
    snprintf(room.name, sizeof(room.name), "%s", name);
    snprintf(room.users[0], sizeof(room.users[0]), "%s", user_a != NULL ? user_a : "");
    snprintf(room.users[1], sizeof(room.users[1]), "%s", user_b != NULL ? user_b : "");
    return room;
}

static void
test_public_rooms(struct repo *repo)
{
    struct repo_room room = make_room("one", "kitchen", NULL, NULL);
    struct repo_room again = make_room("two", "kitchen", NULL, NULL);
    struct repo_room same_id = make_room("one", "cellar", NULL, NULL);
    struct repo_room found = {0};
    bool created = false;
    ok(repo_room_add(repo, &room, &(struct repo_room_origin){0}, &created) == 0 && created,
       "a room is added");
    ok(repo_room_add(repo, &again, &(struct repo_room_origin){0}, &created) == 0 && !created &&
           again.number == room.number && strcmp(again.id, "one") == 0,
       "a room of the same name is the one that was there");
    ok(repo_room_add(repo, &same_id, &(struct repo_room_origin){0}, &created) == -EEXIST,
       "an id is not given to two rooms");
    ok(repo_room_find_by_name(repo, "cellar", &found) == -ENOENT, "and the second is not stored");
    ok(repo_room_find_by_name(repo, "kitchen", &found) == 0 && strcmp(found.id, "one") == 0 &&
           found.number == room.number && !found.is_private && found.users[0][0] == '\0',
       "a room is found by its name");
    memset(&found, 0, sizeof(found));
    ok(repo_room_find_by_id(repo, "one", &found) == 0 && strcmp(found.name, "kitchen") == 0,
       "a room is found by its id");
    ok(repo_room_find_by_name(repo, "Kitchen", &found) == -ENOENT &&
           repo_room_find_by_id(repo, "two", &found) == -ENOENT,
       "a room that is not there is -ENOENT");
    char name[REPO_ROOM_NAME_SIZE];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct repo_room longest = make_room("123456789012345678901234567890123456", name, NULL, NULL);
    ok(repo_room_add(repo, &longest, &(struct repo_room_origin){0}, &created) == 0 && created &&
           repo_room_find_by_id(repo, longest.id, &found) == 0 && strcmp(found.name, name) == 0,
       "the longest name and id are kept whole");
}

static void
test_private_rooms(struct repo *repo)
{
    struct repo_room room = make_room("pair", "ann & bob", "bob", "ann");
    struct repo_room other_way = make_room("pair2", "bob & ann", "ann", "bob");
    struct repo_room other_pair = make_room("pair3", "ann & bob", "ann", "cid");
    struct repo_room public = make_room("public", "ann & bob", NULL, NULL);
    struct repo_room found = {0};
    bool created = false;
    ok(repo_room_add(repo, &room, &(struct repo_room_origin){0}, &created) == 0 && created &&
           strcmp(room.users[0], "ann") == 0 && strcmp(room.users[1], "bob") == 0,
       "a private room is added, its pair in order");
    ok(repo_room_add(repo, &other_way, &(struct repo_room_origin){0}, &created) == 0 && !created &&
           other_way.number == room.number && strcmp(other_way.id, "pair") == 0 &&
           strcmp(other_way.name, "ann & bob") == 0,
       "the pair in the other order has the same room");
    ok(repo_room_add(repo, &other_pair, &(struct repo_room_origin){0}, &created) == 0 && created &&
           other_pair.number != room.number,
       "another pair has another room, though its name is the same");
    ok(repo_room_find_by_name(repo, "ann & bob", &found) == -ENOENT,
       "a private room is not found by name");
    ok(repo_room_add(repo, &public, &(struct repo_room_origin){0}, &created) == 0 && created &&
           public.number != room.number,
       "a public room may have a private room's name");
    ok(repo_room_find_by_name(repo, "ann & bob", &found) == 0 && strcmp(found.id, "public") == 0,
       "and is the one found by it");
    ok(repo_room_find_by_id(repo, "pair", &found) == 0 && found.is_private &&
           strcmp(found.users[0], "ann") == 0 && strcmp(found.users[1], "bob") == 0,
       "a private room is found by its id");
}

/* ---- users -------------------------------------------------------------------------------- */

struct user_list {
    struct repo_user users[64];
    size_t count;
    int answer;
};

static int
list_user(void *argument, const struct repo_user *user)
{
    struct user_list *list = argument;
    require(list->count < LENGTH(list->users));
    list->users[list->count++] = *user;
    return list->answer;
}

static uint64_t
users_version(struct repo *repo)
{
    uint64_t version = 0;
    require(repo_users_version(repo, &version) == 0);
    return version;
}

static void
test_users(struct repo *repo)
{
    struct repo_user users[] = {{"b", "Bob", "here"}, {"a", "Ann", "here"}, {"c", "Cid", "there"}};
    struct repo_user found;
    struct user_list list = {0};
    uint64_t version = users_version(repo);
    ok(repo_users_add(repo, users, 3) == 0, "users are added");
    ok(users_version(repo) != version, "which changes the version");
    version = users_version(repo);
    ok(repo_users_all(repo, list_user, &list) == 0 && list.count == 3 &&
           strcmp(list.users[0].id, "a") == 0 && strcmp(list.users[1].name, "Bob") == 0 &&
           strcmp(list.users[2].instance, "there") == 0,
       "all users are read in the order of their ids");
    list = (struct user_list){.answer = -7};
    ok(repo_users_all(repo, list_user, &list) == -7 && list.count == 1,
       "the read ends with the answer of the caller");
    ok(repo_user_find_by_id(repo, "b", &found) == 0 && strcmp(found.name, "Bob") == 0 &&
           repo_user_find_by_id(repo, "z", &found) == -ENOENT,
       "a user is found by id, or is -ENOENT");
    ok(users_version(repo) == version, "reading does not change the version");
    ok(repo_users_add(repo, users, 3) == 0 && users_version(repo) == version,
       "nor does adding what is there already");

    struct repo_user renamed = {"b", "Bobby", "here"};
    struct repo_user elsewhere = {"b", "Bobby", "there"};
    ok(repo_users_add(repo, &renamed, 1) == 0 && repo_user_find_by_id(repo, "b", &found) == 0 &&
           strcmp(found.name, "Bobby") == 0 && users_version(repo) != version,
       "a user who is there gets the new name");
    list = (struct user_list){0};
    ok(repo_users_add(repo, &elsewhere, 1) == 0 && repo_users_all(repo, list_user, &list) == 0 &&
           list.count == 4 && strcmp(list.users[1].instance, "here") == 0 &&
           strcmp(list.users[2].id, "b") == 0 && strcmp(list.users[2].instance, "there") == 0,
       "two instances may hold one user, who is read once for each");
    version = users_version(repo);
    ok(repo_users_remove(repo, &users[0], 1) == 0 && repo_user_find_by_id(repo, "b", &found) == 0 &&
           strcmp(found.instance, "there") == 0 && users_version(repo) != version,
       "and one of them does not remove what the other one holds");
    version = users_version(repo);
    ok(repo_users_remove(repo, &users[0], 1) == 0 && users_version(repo) == version,
       "one who is gone may be removed again");
    ok(repo_users_remove(repo, &users[1], 2) == 0 && repo_users_remove(repo, &elsewhere, 1) == 0 &&
           repo_user_find_by_id(repo, "a", &found) == -ENOENT &&
           repo_user_find_by_id(repo, "b", &found) == -ENOENT &&
           repo_user_find_by_id(repo, "c", &found) == -ENOENT && users_version(repo) != version,
       "users are removed, which changes the version");
}

/* ---- messages ----------------------------------------------------------------------------- */

struct copy {
    uint64_t seq;
    int64_t ts;
    char sender_id[8], sender_name[8], client_id[8], text[16];
    size_t text_length;
};

struct copies {
    struct copy message[32];
    size_t count, stop_after;
};

static int
copy_message(void *argument, const struct repo_message *message)
{
    struct copies *copies = argument;
    require(copies->count < LENGTH(copies->message));
    struct copy *copy = &copies->message[copies->count++];
    copy->seq = message->seq;
    copy->ts = message->ts;
    copy->text_length = message->text_length;
    snprintf(copy->sender_id, sizeof(copy->sender_id), "%s", message->sender_id);
    snprintf(copy->sender_name, sizeof(copy->sender_name), "%s", message->sender_name);
    snprintf(copy->client_id, sizeof(copy->client_id), "%s",
             message->client_id != NULL ? message->client_id : "NULL");
    snprintf(copy->text, sizeof(copy->text), "%s", message->text);
    return copies->count == copies->stop_after ? -9 : 0;
}

static void
test_append(struct repo *repo)
{
    int64_t room = add_room(repo, "append");
    int64_t other = add_room(repo, "append other");
    struct repo_post posts[3] = {make_post("ann", "1", "hello"), make_post("bob", NULL, "there!"),
                                 make_post("ann", NULL, "")};
    posts[1].text_length = 5; /* the text is not terminated there */
    posts[1].ts = 2000;
    ok(repo_append(repo, room, 0, posts, 3) == 0 && posts[0].seq == 1 && posts[1].seq == 2 &&
           posts[2].seq == 3 && posts[0].outcome == REPO_STORED && posts[1].ts == 2000,
       "messages are numbered from 1");
    struct repo_post post = make_post("ann", "1", "hello");
    ok(append_one(repo, other, &post) == 0 && post.seq == 1 && post.outcome == REPO_STORED,
       "each room by itself, and its clients' ids too");
    post = make_post("bob", "1", "hello");
    ok(append_one(repo, room, &post) == 0 && post.seq == 4 && post.outcome == REPO_STORED,
       "and each sender's ids");
    ok(repo_append(repo, room, 0, NULL, 0) == 0 && last_seq(repo, room) == 4,
       "no message at all is no failure");
    struct copies got = {0};
    ok(repo_read(repo, room, 0, UINT64_MAX, 100, false, copy_message, &got) == 0 &&
           got.count == 4 && strcmp(got.message[0].text, "hello") == 0 &&
           strcmp(got.message[0].client_id, "1") == 0 &&
           strcmp(got.message[0].sender_id, "ann") == 0 &&
           strcmp(got.message[0].sender_name, "a name") == 0 && got.message[0].ts == 1000 &&
           strcmp(got.message[1].text, "there") == 0 && got.message[1].text_length == 5 &&
           strcmp(got.message[1].client_id, "NULL") == 0 && got.message[1].ts == 2000 &&
           got.message[2].text_length == 0,
       "messages are read as they were given");
    post = make_post("ann", NULL, "lost");
    ok(append_one(repo, 4711, &post) == -ENOENT && last_seq(repo, 4711) == 0,
       "a room that is not there is -ENOENT");
}

static void
test_repeats(struct repo *repo)
{
    int64_t room = add_room(repo, "repeats");
    struct repo_post posts[5] = {
        make_post("ann", "x", "first"),  make_post("ann", "y", "second"),
        make_post("ann", "x", "first"),  make_post("ann", "x", "firsT"),
        make_post("ann", NULL, "third"),
    };
    posts[2].ts = 3000;
    ok(repo_append(repo, room, 0, posts, 5) == 0 && posts[0].seq == 1 && posts[1].seq == 2 &&
           posts[2].outcome == REPO_REPEATED && posts[2].seq == 1 && posts[2].ts == 1000,
       "a repeat in one batch has the seq and the time of the first");
    ok(posts[3].outcome == REPO_CONFLICT, "another text with the same id is a conflict");
    ok(posts[4].outcome == REPO_STORED && posts[4].seq == 3 && holds_exactly(repo, room, 3),
       "neither takes a number");
    struct repo_post post = make_post("ann", "y", "second");
    post.ts = 4000;
    ok(append_one(repo, room, &post) == 0 && post.outcome == REPO_REPEATED && post.seq == 2 &&
           post.ts == 1000,
       "a repeat in a later call is found");
    post = make_post("ann", "y", "second, longer");
    ok(append_one(repo, room, &post) == 0 && post.outcome == REPO_CONFLICT,
       "a longer text with the same id is a conflict");
    post = make_post("ann", NULL, "third");
    ok(append_one(repo, room, &post) == 0 && post.outcome == REPO_STORED && post.seq == 4,
       "without an id nothing is a repeat");
}

static bool
reads(struct repo *repo, int64_t room, uint64_t after, uint64_t before, size_t limit, bool newest,
      uint64_t first, uint64_t count)
{
    struct sequence got = {0};
    require(repo_read(repo, room, after, before, limit, newest, follow_sequence, &got) == 0);
    return !got.broken && got.count == count && (count == 0 || got.first == first);
}

static void
test_ranges(struct repo *repo)
{
    int64_t room = add_room(repo, "ranges");
    for (int i = 0; i < 20; i++) {
        struct repo_post post = make_post("ann", NULL, "text");
        require(append_one(repo, room, &post) == 0);
    }
    ok(reads(repo, room, 0, UINT64_MAX, SIZE_MAX, false, 1, 20) &&
           reads(repo, room, 0, UINT64_MAX, SIZE_MAX, true, 1, 20),
       "the whole room");
    ok(reads(repo, room, 5, 10, 100, false, 6, 4) && reads(repo, room, 5, 10, 100, true, 6, 4),
       "both ends of a range are left out");
    ok(reads(repo, room, 5, 15, 3, false, 6, 3), "the first of a range");
    ok(reads(repo, room, 5, 15, 3, true, 12, 3), "the last of a range, ascending");
    ok(reads(repo, room, 0, UINT64_MAX, 7, true, 14, 7), "the newest of the room");
    ok(reads(repo, room, 17, UINT64_MAX, 7, true, 18, 3), "fewer than the limit");
    ok(reads(repo, room, 20, UINT64_MAX, 7, false, 0, 0) &&
           reads(repo, room, 5, 6, 7, true, 0, 0) && reads(repo, room, 9, 3, 7, false, 0, 0) &&
           reads(repo, room, UINT64_MAX, UINT64_MAX, 7, true, 0, 0) &&
           reads(repo, room, 0, 0, 7, true, 0, 0) && reads(repo, room, 0, 9, 0, true, 0, 0) &&
           reads(repo, 4711, 0, UINT64_MAX, 7, true, 0, 0),
       "an empty range");
    struct copies got = {.stop_after = 2};
    ok(repo_read(repo, room, 0, UINT64_MAX, 20, false, copy_message, &got) == -9 && got.count == 2,
       "the read ends with the answer of the caller");
    ok(reads(repo, room, 0, UINT64_MAX, 20, false, 1, 20), "and the next one is whole");
}

static void
test_last_seqs(struct repo *repo)
{
    enum { COUNT = 300 };
    int64_t rooms[COUNT];
    uint64_t seqs[COUNT];
    bool right = true;
    for (int i = 0; i < COUNT; i++) {
        char name[32];
        snprintf(name, sizeof(name), "last %d", i);
        rooms[i] = add_room(repo, name);
        struct repo_post posts[3] = {make_post("ann", NULL, "1"), make_post("ann", NULL, "2"),
                                     make_post("ann", NULL, "3")};
        require(repo_append(repo, rooms[i], 0, posts, (size_t)(i % 4)) == 0);
        seqs[i] = 99;
    }
    require(repo_last_seqs(repo, rooms, seqs, NULL, COUNT) == 0);
    for (int i = 0; i < COUNT; i++)
        right = right && seqs[i] == (uint64_t)(i % 4);
    ok(right, "the last numbers of %d rooms, 0 where there is no message", COUNT);
    int64_t odd[] = {rooms[3], INT64_MIN, rooms[3], INT64_MAX, rooms[2]};
    ok(repo_last_seqs(repo, odd, seqs, NULL, 5) == 0 && seqs[0] == 3 && seqs[1] == 0 &&
           seqs[2] == 3 && seqs[3] == 0 && seqs[4] == 2,
       "rooms in any order, twice, or not there");
    ok(repo_last_seqs(repo, NULL, NULL, NULL, 0) == 0, "and none at all");
}

/* ---- cost --------------------------------------------------------------------------------- */

struct costs {
    long append, repeat, newest, first, last, expire;
};

static struct costs
measure(struct repo *repo, int64_t room)
{
    struct costs costs;
    uint64_t seq = 0;
    struct repo_post post = make_post("ann", NULL, "text");
    struct repo_post repeat = make_post("ann", "known", "text");
    struct sequence got = {0};
    struct user_list list = {0};
    count_steps(repo);
    require(append_one(repo, room, &post) == 0);
    costs.append = count_steps(repo);
    require(append_one(repo, room, &repeat) == 0 && repeat.outcome == REPO_REPEATED);
    costs.repeat = count_steps(repo);
    require(repo_read(repo, room, 0, UINT64_MAX, 5, true, follow_sequence, &got) == 0);
    costs.newest = count_steps(repo);
    require(repo_read(repo, room, 1, UINT64_MAX, 5, false, follow_sequence, &got) == 0);
    costs.first = count_steps(repo);
    require(repo_last_seqs(repo, &room, &seq, NULL, 1) == 0);
    costs.last = count_steps(repo);
    require(repo_leases_expire(repo, 5, list_user, &list) == 0 && list.count == 0);
    costs.expire = count_steps(repo);
    return costs;
}

static void
test_cost(struct repo *repo)
{
    int64_t room = add_room(repo, "cost");
    bool was_held;
    require(repo_lease_renew(repo, "cost", 10, &was_held) == 0);
    char id[24];
    struct costs small, large;
    for (int i = 0; i < 2000; i++) {
        snprintf(id, sizeof(id), "%d", i);
        struct repo_post post = make_post("ann", i == 0 ? "known" : id, "text");
        struct repo_user user = {.name = "somebody", .instance = "cost"};
        snprintf(user.id, sizeof(user.id), "%s", id);
        require(append_one(repo, room, &post) == 0 && repo_users_add(repo, &user, 1) == 0);
        if (i == 20)
            measure(repo, room); /* prepares the statements */
        if (i == 21)
            small = measure(repo, room);
    }
    large = measure(repo, room);
    ok(large.append == small.append, "an append costs the same in a large room: %ld steps",
       large.append);
    ok(large.repeat == small.repeat, "so does a repeat: %ld", large.repeat);
    ok(large.newest == small.newest, "so does reading the newest: %ld", large.newest);
    ok(large.first == small.first, "so does reading from a number on: %ld", large.first);
    ok(large.last == small.last, "so does the last number: %ld", large.last);
    ok(large.expire == small.expire, "and looking for lost users, of however many: %ld",
       large.expire);
    require(repo_lease_release(repo, "cost", 0) == 0);
}

/* ---- leases ------------------------------------------------------------------------------- */

static void
test_leases(struct repo *repo)
{
    struct repo_user users[] = {{"a", "Ann", "one"}, {"b", "Bob", "two"}, {"c", "Cid", "lost"}};
    struct user_list list = {0};
    struct repo_user found;
    bool was_held = true;
    ok(repo_lease_renew(repo, "one", 100, &was_held) == 0 && !was_held, "a lease is taken");
    ok(repo_lease_renew(repo, "one", 200, &was_held) == 0 && was_held, "and renewed");
    require(repo_lease_renew(repo, "two", 300, &was_held) == 0);
    require(repo_users_add(repo, users, 2) == 0);
    struct repo_statistics before, after;
    repo_statistics(repo, &before);
    ok(repo_leases_expire(repo, 200, list_user, &list) == 0 && list.count == 0,
       "nothing ends before its time");
    repo_statistics(repo, &after);
    ok(before.commits == after.commits, "and then nothing is written");
    uint64_t version = users_version(repo);
    ok(repo_leases_expire(repo, 201, list_user, &list) == 0 && list.count == 1 &&
           strcmp(list.users[0].id, "a") == 0 && strcmp(list.users[0].name, "Ann") == 0,
       "a lease that ran out gives its users");
    ok(repo_user_find_by_id(repo, "a", &found) == -ENOENT &&
           repo_user_find_by_id(repo, "b", &found) == 0 && users_version(repo) != version,
       "who are removed, and only they");
    ok(repo_lease_renew(repo, "one", 400, &was_held) == 0 && !was_held,
       "its instance finds out when it renews");
    list = (struct user_list){0};
    require(repo_users_add(repo, &users[2], 1) == 0);
    ok(repo_leases_expire(repo, 0, list_user, &list) == 0 && list.count == 1 &&
           strcmp(list.users[0].id, "c") == 0,
       "a user of an instance without a lease is removed");
    version = users_version(repo);
    ok(repo_lease_release(repo, "two", 0) == 0 && users_version(repo) != version &&
           repo_user_find_by_id(repo, "b", &found) == -ENOENT,
       "a lease that is given back takes its users along");
    version = users_version(repo);
    ok(repo_lease_release(repo, "two", 0) == 0 && users_version(repo) == version,
       "giving it back twice does nothing");
    require(repo_lease_renew(repo, "two", 401, &was_held) == 0);
    ok(repo_leases_expire(repo, 401, list_user, &list) == 0 && list.count == 1,
       "a lease without users ends too");
    require(repo_lease_renew(repo, "one", 400, &was_held) == 0);
    ok(!was_held, "and is gone then");
    require(repo_lease_renew(repo, "two", 500, &was_held) == 0);
    ok(was_held, "but not one whose time is not over");
}

static void
test_leases_of_one_user(struct repo *repo)
{
    struct repo_user users[] = {{"x", "Xia", "i1"}, {"x", "Xia", "i2"}, {"x", "Xia", "i3"}};
    struct user_list list = {0};
    bool was_held;
    require(repo_lease_renew(repo, "i1", 100, &was_held) == 0);
    require(repo_lease_renew(repo, "i2", 100, &was_held) == 0);
    require(repo_lease_renew(repo, "i3", 200, &was_held) == 0);
    require(repo_users_add(repo, users, 3) == 0);
    uint64_t version = users_version(repo);
    ok(repo_leases_expire(repo, 101, list_user, &list) == 0 && list.count == 0 &&
           users_version(repo) != version,
       "a user whom another instance still holds is not given, though rows of it are removed");
    require(repo_lease_renew(repo, "i1", 200, &was_held) == 0 && !was_held);
    require(repo_users_add(repo, users, 1) == 0);
    ok(repo_leases_expire(repo, 201, list_user, &list) == 0 && list.count == 1 &&
           strcmp(list.users[0].id, "x") == 0,
       "and is given once when the last two leases end together");
}

static void
test_release_later(struct repo *repo)
{
    struct repo_user user = {"y", "Yan", "going"};
    struct repo_user back = {"y", "Yan", "next"};
    struct user_list list = {0};
    struct repo_user found;
    bool was_held;
    require(repo_lease_renew(repo, "going", 100, &was_held) == 0);
    require(repo_lease_release(repo, "going", 500) == 0);
    ok(repo_lease_renew(repo, "going", 100, &was_held) == 0 && !was_held,
       "without users, a lease is given back at once");
    require(repo_users_add(repo, &user, 1) == 0);
    uint64_t version = users_version(repo);
    ok(repo_lease_release(repo, "going", 500) == 0 && users_version(repo) == version &&
           repo_user_find_by_id(repo, "y", &found) == 0,
       "with some, they stay for a while");
    ok(repo_leases_expire(repo, 500, list_user, &list) == 0 && list.count == 0 &&
           repo_leases_expire(repo, 501, list_user, &list) == 0 && list.count == 1,
       "and are gone when that is over");
    require(repo_users_add(repo, &user, 1) == 0 && repo_lease_release(repo, "going", 600) == 0);
    ok(repo_leases_expire(repo, 600, list_user, &list) == 0 && list.count == 1,
       "also when the lease had been ended already");
    require(repo_lease_renew(repo, "next", 900, &was_held) == 0 &&
            repo_users_add(repo, &back, 1) == 0);
    ok(repo_leases_expire(repo, 601, list_user, &list) == 0 && list.count == 1 &&
           repo_user_find_by_id(repo, "y", &found) == 0 && strcmp(found.instance, "next") == 0,
       "who has come back to another instance in time was never gone");
    require(repo_lease_release(repo, "next", 0) == 0);
}

static void
test_reopen(void)
{
    struct repo *repo = open_repo(1000);
    int64_t room = add_room(repo, "append");
    struct repo_statistics statistics;
    struct repo_post post = make_post("ann", "1", "hello");
    ok(append_one(repo, room, &post) == 0 && post.outcome == REPO_REPEATED && post.seq == 1,
       "rooms, numbers and ids are there after a restart");
    repo_statistics(repo, &statistics);
    ok(statistics.messages == 0 && statistics.commits == 2 && statistics.writes == 2 &&
           statistics.failures == 0,
       "the statistics begin anew");
    repo_close(&repo);
    ok(repo == NULL, "closing clears the pointer");
    repo_close(&repo);
}

static void
test_secret(struct repo *repo)
{
    struct repo *other = open_repo(1000);
    unsigned char one[REPO_SECRET_BYTES] = {0};
    unsigned char two[REPO_SECRET_BYTES] = {0};
    static const unsigned char zero[REPO_SECRET_BYTES];

    ok(repo_secret(repo, one) == 0 && memcmp(one, zero, sizeof(one)) != 0, "a secret is made");
    ok(repo_secret(other, two) == 0 && memcmp(one, two, sizeof(one)) == 0,
       "everybody who shares the database has the same one");
    repo_close(&other);
}

static void
test_find_by_users(struct repo *repo)
{
    struct repo_room room = {
        .id = "pair of x and y", .name = "X, Y", .is_private = true, .users = {"user x", "user y"}};
    struct repo_room found;
    bool created;

    ok(repo_room_find_by_users(repo, "user x", "user y", &found) == -ENOENT, "no room of the two");
    require(repo_room_add(repo, &room, &(struct repo_room_origin){0}, &created) == 0);
    ok(repo_room_find_by_users(repo, "user y", "user x", &found) == 0 &&
           found.number == room.number,
       "it is found in any order of the two");
}

int
main(void)
{
    fixture_begin();
    struct repo *repo = open_repo(1000);
    test_public_rooms(repo);
    test_private_rooms(repo);
    test_users(repo);
    test_append(repo);
    test_repeats(repo);
    test_ranges(repo);
    test_last_seqs(repo);
    test_cost(repo);
    test_leases(repo);
    test_leases_of_one_user(repo);
    test_release_later(repo);
    test_secret(repo);
    test_find_by_users(repo);
    repo_close(&repo);
    test_reopen();
    return fixture_end();
}
