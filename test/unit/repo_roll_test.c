/* Who belongs to a room whether online or not, and what was said in private meanwhile. */
#include "repo/repo.h"
#include "test/unit/repo_fixture.h"

/* ---- the roll ----------------------------------------------------------------------------- */

static int
change_one(struct repo *repo, int64_t room, const char *user_id, bool joins)
{
    struct repo_roll_change change = {user_id, joins};
    return repo_roll_change(repo, room, 0, &change, 1);
}

static uint64_t
commits(struct repo *repo)
{
    struct repo_statistics statistics;
    repo_statistics(repo, &statistics);
    return statistics.commits;
}

static void
test_roll(struct repo *repo)
{
    int64_t room = add_room(repo, "roll");
    int64_t other = add_room(repo, "other roll");
    ok(repo_roll_find(repo, room, "ann") == -ENOENT, "who has not joined is not on the roll");
    ok(change_one(repo, room, "ann", true) == 0 && repo_roll_find(repo, room, "ann") == 0,
       "who joins is");
    ok(repo_roll_find(repo, other, "ann") == -ENOENT && repo_roll_find(repo, room, "an") == -ENOENT,
       "of that room, and nobody else");
    uint64_t before = commits(repo);
    ok(change_one(repo, room, "ann", true) == 0 && change_one(repo, room, "bob", false) == 0 &&
           commits(repo) == before,
       "nothing is written when the roll is like that already");
    ok(change_one(repo, room, "ann", false) == 0 && repo_roll_find(repo, room, "ann") == -ENOENT &&
           commits(repo) == before + 1,
       "who leaves is taken off");

    struct repo_roll_change several[] = {{"ann", true},  {"bob", true},  {"cid", true},
                                         {"bob", false}, {"ann", false}, {"ann", true}};
    before = commits(repo);
    ok(repo_roll_change(repo, room, 0, several, 6) == 0 && repo_roll_find(repo, room, "ann") == 0 &&
           repo_roll_find(repo, room, "bob") == -ENOENT && repo_roll_find(repo, room, "cid") == 0 &&
           commits(repo) == before + 1,
       "several changes are made in their order, in one transaction");
    struct repo_roll_change last_is_new[] = {{"ann", true}, {"cid", true}, {"dan", true}};
    ok(repo_roll_change(repo, room, 0, last_is_new, 3) == 0 &&
           repo_roll_find(repo, room, "dan") == 0,
       "also when only the last of them changes anything");
    ok(repo_roll_change(repo, room, 0, several, 0) == 0, "and none at all");
    ok(change_one(repo, other, "ann", true) == 0 && change_one(repo, room, "ann", false) == 0 &&
           repo_roll_find(repo, other, "ann") == 0,
       "who leaves one room stays on the roll of another");
}

/* ---- missed ------------------------------------------------------------------------------- */

struct missed_list {
    char ids[8][REPO_ID_SIZE];
    uint64_t since[8];
    size_t count;
    int answer;
    bool wrong;
};

static int
list_missed(void *argument, const struct repo_room *room, uint64_t since)
{
    struct missed_list *list = argument;
    require(list->count < 8);
    memcpy(list->ids[list->count], room->id, REPO_ID_SIZE);
    list->since[list->count++] = since;
    list->wrong = list->wrong || !room->is_private || room->number == 0 ||
                  strcmp(room->name, "private") != 0 || strcmp(room->users[0], room->users[1]) > 0;
    return list->answer;
}

static int64_t
add_pair(struct repo *repo, const char *id, const char *one, const char *other)
{
    struct repo_room room = {.is_private = true, .name = "private"};
    bool created;
    snprintf(room.id, sizeof(room.id), "%s", id);
    snprintf(room.users[0], sizeof(room.users[0]), "%s", one);
    snprintf(room.users[1], sizeof(room.users[1]), "%s", other);
    require(repo_room_add(repo, &room, &(struct repo_room_origin){0}, &created) == 0 && created);
    return room.number;
}

/* Stores a message at each of the times, which end with a 0. */
static void
say_at(struct repo *repo, int64_t room, const int64_t *times)
{
    for (; *times != 0; times++) {
        struct repo_post post = make_post("ann", NULL, "text");
        post.ts = *times;
        require(append_one(repo, room, &post) == 0);
    }
}

#define SAY_AT(repo, room, ...) say_at(repo, room, (const int64_t[]){__VA_ARGS__, 0})

/* Whether the only room that the user missed something in is this one, from this number on. */
static bool
misses_one(struct repo *repo, const char *user, int64_t seen, const char *id, uint64_t since)
{
    struct missed_list list = {0};
    require(repo_private_missed(repo, user, seen, 8, list_missed, &list) == 0);
    return list.count == 1 && strcmp(list.ids[0], id) == 0 && list.since[0] == since && !list.wrong;
}

static size_t
count_missed(struct repo *repo, const char *user, int64_t seen)
{
    struct missed_list list = {0};
    require(repo_private_missed(repo, user, seen, 8, list_missed, &list) == 0);
    return list.count;
}

static void
test_missed(struct repo *repo)
{
    int64_t first = add_pair(repo, "am", "m", "a");
    int64_t second = add_pair(repo, "mz", "m", "z");
    int64_t third = add_pair(repo, "mm", "m", "m");
    add_pair(repo, "empty", "m", "e");
    SAY_AT(repo, add_pair(repo, "az", "a", "z"), 50);
    SAY_AT(repo, add_room(repo, "public"), 50);
    SAY_AT(repo, first, 10, 20, 20, 30);
    ok(count_missed(repo, "m", 30) == 0, "nothing is missed when nothing is newer");
    ok(misses_one(repo, "m", 29, "am", 3) && misses_one(repo, "m", 20, "am", 3) &&
           misses_one(repo, "m", 19, "am", 1) && misses_one(repo, "m", 9, "am", 0),
       "what is newer is missed, after the last message that is not");
    ok(count_missed(repo, "e", 0) == 0 && count_missed(repo, "nobody", 0) == 0,
       "a room in which nothing was said has nothing to miss");
    SAY_AT(repo, second, 40);
    SAY_AT(repo, third, 25);
    struct missed_list list = {0};
    ok(repo_private_missed(repo, "m", 20, 8, list_missed, &list) == 0 && list.count == 3 &&
           strcmp(list.ids[0], "mz") == 0 && strcmp(list.ids[1], "am") == 0 &&
           strcmp(list.ids[2], "mm") == 0 && list.since[0] == 0 && list.since[1] == 3 &&
           list.since[2] == 0 && !list.wrong,
       "the rooms come with the newest first, whichever of the two the user is, or both");
    list = (struct missed_list){0};
    ok(repo_private_missed(repo, "m", 20, 2, list_missed, &list) == 0 && list.count == 2 &&
           strcmp(list.ids[0], "mz") == 0 && strcmp(list.ids[1], "am") == 0,
       "at most as many as are asked for");
    list = (struct missed_list){.answer = -8};
    ok(repo_private_missed(repo, "m", 20, 8, list_missed, &list) == -8 && list.count == 1,
       "the read ends with the answer of the caller");
    SAY_AT(repo, second, 35, 60);
    ok(misses_one(repo, "m", 35, "mz", 2) && misses_one(repo, "m", 45, "mz", 2),
       "where a clock went back, what follows the last old message is missed");
}

/* ---- cost --------------------------------------------------------------------------------- */

static long
missed_steps(struct repo *repo, const char *user, int64_t seen)
{
    count_steps(repo);
    count_missed(repo, user, seen);
    return count_steps(repo);
}

static void
test_missed_cost(struct repo *repo)
{
    int64_t busy = add_pair(repo, "busy", "c", "y");
    int64_t quiet = add_pair(repo, "quiet", "c", "q");
    char id[24], user[24];
    SAY_AT(repo, busy, 100, 101);
    SAY_AT(repo, quiet, 90);
    missed_steps(repo, "c", 100);
    long small = missed_steps(repo, "c", 100);
    for (int i = 0; i < 500; i++) {
        SAY_AT(repo, quiet, 90);
        SAY_AT(repo, busy, 100);
        snprintf(id, sizeof(id), "other %d", i);
        snprintf(user, sizeof(user), "p%d", i);
        SAY_AT(repo, add_pair(repo, id, "y", user), 100);
    }
    SAY_AT(repo, busy, 101);
    long large = missed_steps(repo, "c", 100);
    ok(small == large, "what is missed costs the same in large rooms, among many rooms: %ld, %ld",
       small, large);
    ok(misses_one(repo, "c", 100, "busy", 502), "and is right");
}

int
main(void)
{
    fixture_begin();
    struct repo *repo = open_repo(1000);
    test_roll(repo);
    test_missed(repo);
    test_missed_cost(repo);
    repo_close(&repo);
    return fixture_end();
}
