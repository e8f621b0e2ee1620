/* Several processes on one file: one room, one numbering, one owner, and what a crash leaves. */
#include "repo/repo.h"
#include "test/unit/repo_fixture.h"

#include <sqlite3.h>

static struct repo_room
pair_room(int child, int i)
{
    struct repo_room room = {.is_private = true, .name = "private"};
    snprintf(room.id, sizeof(room.id), "pair-%d-%d", child, i);
    snprintf(room.users[child], sizeof(room.users[child]), "ann");
    snprintf(room.users[1 - child], sizeof(room.users[1 - child]), "user%d", i);
    return room;
}

/* Runs the function in two processes at once on a file that does not exist before. */
static void
start_two(struct child children[2], int (*const functions[2])(int in, int out))
{
    fixture_clear();
    for (int i = 0; i < 2; i++)
        children[i] = child_start(functions[i]);
}

static bool
end_two(struct child children[2])
{
    int first = child_end(&children[0]);
    int second = child_end(&children[1]);
    if (first != 0 || second != 0)
        printf("# the processes ended with %d and %d\n", first, second);
    return first == 0 && second == 0;
}

/* ---- opening ------------------------------------------------------------------------------ */

static int
open_child(int in, int out)
{
    (void)out;
    hear(in);
    struct repo *repo = open_repo(30000);
    add_room(repo, "kitchen");
    repo_close(&repo);
    return 0;
}

static void
test_open(void)
{
    enum { ROUNDS = 30 };
    bool right = true;
    for (int i = 0; i < ROUNDS && right; i++) {
        struct child children[2];
        start_two(children, (int (*const[])(int, int)){open_child, open_child});
        say(children[0].to);
        say(children[1].to);
        right = end_two(children);
    }
    ok(right, "two processes may open and make one file at once, %d times", ROUNDS);
}

/* ---- rooms -------------------------------------------------------------------------------- */

enum { ROOMS = 40 };

static int
add_rooms(int in, int out, int child)
{
    struct repo *repo = open_repo(30000);
    hear(in);
    for (int i = 0; i < ROOMS; i++) {
        struct repo_room room = {0}, pair = pair_room(child, i);
        bool created;
        snprintf(room.id, sizeof(room.id), "room-%d-%d", child, i);
        snprintf(room.name, sizeof(room.name), "room %d", i);
        require(repo_room_add(repo, &room, &(struct repo_room_origin){0}, &created) == 0);
        require(repo_room_add(repo, &pair, &(struct repo_room_origin){0}, &created) == 0);
        write_record(out, &room, sizeof(room));
        write_record(out, &pair, sizeof(pair));
    }
    repo_close(&repo);
    return 0;
}

static int
first_adds_rooms(int in, int out)
{
    return add_rooms(in, out, 0);
}

static int
second_adds_rooms(int in, int out)
{
    return add_rooms(in, out, 1);
}

static void
test_rooms(void)
{
    struct child children[2];
    int same = 0;
    start_two(children, (int (*const[])(int, int)){first_adds_rooms, second_adds_rooms});
    say(children[0].to);
    say(children[1].to);
    for (int i = 0; i < 2 * ROOMS; i++) {
        struct repo_room rooms[2];
        require(read_record(children[0].from, &rooms[0], sizeof(rooms[0])) &&
                read_record(children[1].from, &rooms[1], sizeof(rooms[1])));
        same += strcmp(rooms[0].id, rooms[1].id) == 0 && rooms[0].number == rooms[1].number;
    }
    ok(end_two(children), "two processes add the same rooms at once");
    ok(same == 2 * ROOMS, "and get the same ones, public and private: %d of %d", same, 2 * ROOMS);
}

/* ---- messages ----------------------------------------------------------------------------- */

enum { APPENDS = 200, BATCH = 3 };

static int
append_child(int in, int out)
{
    struct repo *repo = open_repo(30000);
    int64_t room = add_room(repo, "kitchen");
    uint64_t last = 0;
    say(out);
    hear(in);
    for (int i = 0; i < APPENDS; i++) {
        struct repo_post posts[BATCH];
        for (int j = 0; j < BATCH; j++)
            posts[j] = make_post("ann", NULL, "text");
        require(repo_append(repo, room, 0, posts, BATCH) == 0);
        for (int j = 0; j < BATCH; j++) {
            require(posts[j].seq == posts[0].seq + (uint64_t)j && posts[j].seq > last);
            last = posts[j].seq;
        }
    }
    repo_close(&repo);
    return 0;
}

static void
test_append(void)
{
    struct child children[2];
    start_two(children, (int (*const[])(int, int)){append_child, append_child});
    hear(children[0].from);
    hear(children[1].from);
    say(children[0].to);
    say(children[1].to);
    ok(end_two(children), "two processes append to one room at once, each batch in one piece");
    struct repo *repo = open_repo(1000);
    ok(holds_exactly(repo, add_room(repo, "kitchen"), UINT64_C(2) * APPENDS * BATCH),
       "and the numbers have no hole and no repeat");
    repo_close(&repo);
}

/* ---- reading while another one writes ----------------------------------------------------- */

/* Holds a write transaction, in which it has added something, until it is told to end it. */
static int
hold_transaction(int in, int out)
{
    sqlite3 *database;
    hear(in);
    require(sqlite3_open(fixture_path, &database) == SQLITE_OK);
    require(sqlite3_exec(database,
                         "BEGIN IMMEDIATE;"
                         "INSERT INTO message (place, ts, sender_id, sender_name, text)"
                         " SELECT place + 1, 0, 'x', 'x', 'x'"
                         " FROM message ORDER BY seq DESC LIMIT 1;"
                         "INSERT INTO user VALUES ('x', 'x', 'x')",
                         NULL, NULL, NULL) == SQLITE_OK);
    say(out);
    hear(in);
    require(sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    require(sqlite3_close(database) == SQLITE_OK);
    return 0;
}

static int
no_user(void *argument, const struct repo_user *user)
{
    (void)argument;
    (void)user;
    return -1;
}

static void
test_read_while_written(void)
{
    fixture_clear();
    struct child child = child_start(hold_transaction);
    struct repo *repo = open_repo(50);
    int64_t room = add_room(repo, "kitchen");
    struct repo_post post = make_post("ann", NULL, "text");
    struct repo_room found;
    uint64_t before, version;
    require(append_one(repo, room, &post) == 0 && repo_users_version(repo, &before) == 0);
    say(child.to);
    hear(child.from);
    ok(append_one(repo, room, &post) == -EBUSY, "while another process holds a write transaction");
    ok(holds_exactly(repo, room, 1) && last_seq(repo, room) == 1, "messages are read as before it");
    ok(repo_users_all(repo, no_user, NULL) == 0 && repo_users_version(repo, &version) == 0 &&
           version == before && repo_room_find_by_name(repo, "kitchen", &found) == 0,
       "and so are users and rooms");
    say(child.to);
    ok(child_end(&child) == 0 && append_one(repo, room, &post) == 0 && post.seq == 2,
       "and when it ends, writing goes on");
    repo_close(&repo);
}

/* ---- leases ------------------------------------------------------------------------------- */

enum { USERS = 500 };

static int
report_user(void *argument, const struct repo_user *user)
{
    int number = (int)strtol(user->id, NULL, 10);
    write_record(*(int *)argument, &number, sizeof(number));
    return 0;
}

static int
expire_child(int in, int out)
{
    hear(in);
    struct repo *repo = open_repo(30000);
    say(out);
    hear(in);
    require(repo_leases_expire(repo, 200, report_user, &out) == 0);
    repo_close(&repo);
    return 0;
}

static void
test_leases(void)
{
    struct child children[2];
    static struct repo_user users[USERS];
    int seen[USERS] = {0}, total = 0;
    bool was_held, once = true;
    start_two(children, (int (*const[])(int, int)){expire_child, expire_child});
    struct repo *repo = open_repo(30000);
    for (int i = 0; i < USERS; i++) {
        users[i] = (struct repo_user){.name = "somebody", .instance = "dead"};
        snprintf(users[i].id, sizeof(users[i].id), "%d", i);
    }
    require(repo_lease_renew(repo, "dead", 100, &was_held) == 0);
    require(repo_users_add(repo, users, USERS) == 0);
    repo_close(&repo);
    for (int step = 0; step < 2; step++)
        for (int i = 0; i < 2; i++) {
            say(children[i].to);
            if (step == 0)
                hear(children[i].from);
        }
    for (int i = 0; i < 2; i++)
        for (int number; read_record(children[i].from, &number, sizeof(number)); total++)
            seen[number]++;
    for (int i = 0; i < USERS; i++)
        once = once && seen[i] == 1;
    ok(end_two(children) && total == USERS && once,
       "of two processes that end a lease at once, each user is given to exactly one");
}

/* ---- a crash ------------------------------------------------------------------------------ */

/* Appends and reports, until it is killed. */
static int
append_for_ever(int in, int out)
{
    (void)in;
    struct repo *repo = open_repo(30000);
    int64_t room = add_room(repo, "kitchen");
    for (;;) {
        struct repo_post posts[BATCH];
        for (int j = 0; j < BATCH; j++)
            posts[j] = make_post("ann", NULL, "a text that takes some room in the log");
        require(repo_append(repo, room, 0, posts, BATCH) == 0);
        write_record(out, &posts[BATCH - 1].seq, sizeof(posts[BATCH - 1].seq));
    }
}

static void
test_kill(void)
{
    enum { ROUNDS = 8 };
    bool killed = true, kept = true, whole = true;
    fixture_clear();
    for (int i = 0; i < ROUNDS; i++) {
        struct child child = child_start(append_for_ever);
        uint64_t reported = 0;
        for (int j = 0; j < 20 + 13 * i; j++)
            require(read_record(child.from, &reported, sizeof(reported)));
        require(kill(child.pid, SIGKILL) == 0);
        while (read_record(child.from, &reported, sizeof(reported))) {
        }
        killed = child_end(&child) == 128 + SIGKILL && killed;
        struct repo *repo = open_repo(1000);
        int64_t room = add_room(repo, "kitchen");
        uint64_t last = last_seq(repo, room);
        /* The last transaction may have been committed and not yet reported. */
        kept = (last == reported || last == reported + BATCH) && kept;
        whole = holds_exactly(repo, room, last) && whole;
        repo_close(&repo);
    }
    ok(killed, "a process was killed while it appended, %d times", ROUNDS);
    ok(kept, "what it reported as stored is there, and of the rest a whole batch or nothing");
    ok(whole, "and the numbers go on without a hole");
}

int
main(void)
{
    fixture_begin();
    test_open();
    test_rooms();
    test_append();
    test_read_while_written();
    test_leases();
    test_kill();
    return fixture_end();
}
