/* Several processes on one file: who comes, who goes, and who is told that it was the last. */
#include "repo/repo.h"
#include "test/unit/repo_fixture.h"

enum { USERS = 120, BATCH = 3 };

static const char *const instances[] = {"one", "two"};

static void
name_user(char *id, int i)
{
    snprintf(id, REPO_ID_SIZE, "%d", i);
}

static struct repo_arrival
make_arrival(int i, const char *instance)
{
    struct repo_arrival arrival = {.user = {.name = "somebody"}, .expires = 100, .seen = 1};
    name_user(arrival.user.id, i);
    snprintf((char *)arrival.token_hash, sizeof(arrival.token_hash), "%d", i);
    snprintf(arrival.user.instance, sizeof(arrival.user.instance), "%s", instance);
    return arrival;
}

/* Starts the function in two processes on a database that is there, and waits until both are ready. */
static struct repo *
start_two(struct child children[2], int (*first)(int in, int out), int (*second)(int in, int out))
{
    fixture_clear();
    children[0] = child_start(first);
    children[1] = child_start(second);
    struct repo *repo = open_repo(30000);
    for (int i = 0; i < 2; i++) {
        say(children[i].to);
        hear(children[i].from);
    }
    return repo;
}

/* What a child does first: opens the database when it may, and goes on when both are ready. */
static struct repo *
begin_child(int in, int out)
{
    hear(in);
    struct repo *repo = open_repo(30000);
    say(out);
    hear(in);
    return repo;
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

static int
count_user(void *argument, const struct repo_user *user)
{
    (void)user;
    ++*(int *)argument;
    return 0;
}

/* ---- coming and going --------------------------------------------------------------------- */

/* All users arrive, and then all depart; each departure that was the last is reported. */
static int
come_and_go(int in, int out, int child)
{
    struct repo *repo = begin_child(in, out);
    for (int i = 0; i < USERS; i += BATCH) {
        struct repo_arrival arrivals[BATCH];
        for (int j = 0; j < BATCH; j++)
            arrivals[j] = make_arrival(i + j, instances[child]);
        require(repo_users_arrive(repo, arrivals, BATCH) == 0);
    }
    say(out);
    hear(in);
    for (int i = 0; i < USERS; i += BATCH) {
        struct repo_departure departures[BATCH] = {0};
        for (int j = 0; j < BATCH; j++) {
            departures[j].user = make_arrival(i + j, instances[child]).user;
            departures[j].seen = 10 + child;
        }
        require(repo_users_depart(repo, departures, BATCH) == 0);
        for (int j = 0; j < BATCH; j++) {
            int number = i + j;
            if (departures[j].is_last)
                write_record(out, &number, sizeof(number));
        }
    }
    repo_close(&repo);
    return 0;
}

static int
first_comes(int in, int out)
{
    return come_and_go(in, out, 0);
}

static int
second_comes(int in, int out)
{
    return come_and_go(in, out, 1);
}

static void
test_come_and_go(void)
{
    struct child children[2];
    int told[USERS] = {0}, rows = 0;
    bool once = true, kept = true;
    struct repo *repo = start_two(children, first_comes, second_comes);
    for (int i = 0; i < 2; i++)
        say(children[i].to);
    for (int i = 0; i < 2; i++)
        hear(children[i].from);
    for (int i = 0; i < USERS; i++) {
        struct repo_arrival arrival = make_arrival(i, "");
        struct repo_identity found;
        kept = repo_identity_find(repo, arrival.token_hash, 100, &found) == 0 &&
               strcmp(found.id, arrival.user.id) == 0 && kept;
    }
    require(repo_users_all(repo, count_user, &rows) == 0);
    ok(kept && rows == 2 * USERS,
       "the same new users arrive in two processes at once: one identity, a row for each");

    for (int i = 0; i < 2; i++)
        say(children[i].to);
    for (int i = 0; i < 2; i++)
        for (int number; read_record(children[i].from, &number, sizeof(number));)
            told[number]++;
    for (int i = 0; i < USERS; i++) {
        struct repo_identity found;
        char id[REPO_ID_SIZE];
        name_user(id, i);
        once = once && told[i] == 1;
        kept = repo_identity_find_by_id(repo, id, &found) == 0 && found.seen == 11 && kept;
    }
    rows = 0;
    require(repo_users_all(repo, count_user, &rows) == 0);
    ok(end_two(children) && once && rows == 0,
       "and when they depart from both at once, exactly one is told that it was the last");
    ok(kept, "and the later time is kept, whoever came first");
    repo_close(&repo);
}

/* ---- a departure and a lease that runs out ------------------------------------------------ */

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
    struct repo *repo = begin_child(in, out);
    require(repo_leases_expire(repo, 200, report_user, &out) == 0);
    repo_close(&repo);
    return 0;
}

static int
depart_child(int in, int out)
{
    struct repo *repo = begin_child(in, out);
    for (int i = 0; i < USERS; i++) {
        struct repo_departure departure = {.user = make_arrival(i, "two").user};
        require(repo_users_depart(repo, &departure, 1) == 0);
        if (departure.is_last)
            write_record(out, &i, sizeof(i));
    }
    repo_close(&repo);
    return 0;
}

static void
test_depart_and_expire(void)
{
    struct child children[2];
    int told[USERS] = {0};
    bool once = true, was_held;
    struct repo *repo = start_two(children, depart_child, expire_child);
    require(repo_lease_renew(repo, "one", 100, &was_held) == 0);
    require(repo_lease_renew(repo, "two", 900, &was_held) == 0);
    for (int i = 0; i < USERS; i++)
        for (int j = 0; j < 2; j++) {
            struct repo_arrival arrival = make_arrival(i, instances[j]);
            require(repo_users_arrive(repo, &arrival, 1) == 0);
        }
    for (int i = 0; i < 2; i++)
        say(children[i].to);
    for (int i = 0; i < 2; i++)
        for (int number; read_record(children[i].from, &number, sizeof(number));)
            told[number]++;
    for (int i = 0; i < USERS; i++)
        once = once && told[i] == 1;
    ok(end_two(children) && once,
       "a user leaves one instance while another one's lease is ended: it is given once");
    repo_close(&repo);
}

/* ---- the end of identities ---------------------------------------------------------------- */

static int
remove_child(int in, int out)
{
    struct repo *repo = begin_child(in, out);
    int total = 0;
    for (size_t removed = 1; removed > 0; total += (int)removed)
        require(repo_identities_expire(repo, 101, 5, &removed) == 0 && removed <= 5);
    write_record(out, &total, sizeof(total));
    repo_close(&repo);
    return 0;
}

static void
test_expire(void)
{
    struct child children[2];
    int totals[2] = {0};
    struct repo *repo = start_two(children, remove_child, remove_child);
    for (int i = 0; i < USERS; i++) {
        struct repo_arrival arrival = make_arrival(i, "one");
        struct repo_departure departure = {.user = arrival.user};
        require(repo_users_arrive(repo, &arrival, 1) == 0 &&
                repo_users_depart(repo, &departure, 1) == 0);
    }
    for (int i = 0; i < 2; i++)
        say(children[i].to);
    for (int i = 0; i < 2; i++)
        require(read_record(children[i].from, &totals[i], sizeof(totals[i])));
    ok(end_two(children) && totals[0] + totals[1] == USERS,
       "of two processes that remove identities, each is removed by one: %d + %d", totals[0],
       totals[1]);
    repo_close(&repo);
}

/* ---- while another process writes --------------------------------------------------------- */

static int
hold_lock(int in, int out)
{
    sqlite3 *database;
    hear(in);
    require(sqlite3_open(fixture_path, &database) == SQLITE_OK);
    require(sqlite3_exec(database,
                         "BEGIN IMMEDIATE; DELETE FROM identity; DELETE FROM roll;"
                         "DELETE FROM message",
                         NULL, NULL, NULL) == SQLITE_OK);
    say(out);
    hear(in);
    require(sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    require(sqlite3_close(database) == SQLITE_OK);
    return 0;
}

static int
take_since(void *argument, const struct repo_room *room, uint64_t since)
{
    *(uint64_t *)argument = since + (uint64_t)room->number;
    return 0;
}

static void
test_while_written(void)
{
    fixture_clear();
    struct child child = child_start(hold_lock);
    struct repo *repo = open_repo(50);
    struct repo_room pair = {.id = "pair", .is_private = true, .users = {"0", "1"}};
    struct repo_arrival ann = make_arrival(0, "one"), bob = make_arrival(1, "one");
    struct repo_departure departure = {.user = ann.user};
    struct repo_post post = make_post("1", NULL, "text");
    struct repo_roll_change joins = {"0", true}, leaves = {"0", false};
    struct repo_identity found;
    uint64_t since = 0;
    size_t removed = 7;
    bool created;
    require(repo_room_add(repo, &pair, &(struct repo_room_origin){0}, &created) == 0 &&
            append_one(repo, pair.number, &post) == 0);
    require(repo_users_arrive(repo, &ann, 1) == 0);
    require(repo_roll_change(repo, pair.number, 0, &joins, 1) == 0);
    say(child.to);
    hear(child.from);
    ok(repo_users_arrive(repo, &bob, 1) == -EBUSY &&
           repo_users_depart(repo, &departure, 1) == -EBUSY &&
           repo_roll_change(repo, pair.number, 0, &leaves, 1) == -EBUSY &&
           repo_lease_release(repo, "one", 100) == -EBUSY,
       "while another process holds a write transaction, what is to be stored is -EBUSY");
    ok(repo_identity_find(repo, ann.token_hash, 100, &found) == 0 &&
           repo_identity_find_by_id(repo, "0", &found) == 0 &&
           repo_roll_find(repo, pair.number, "0") == 0 &&
           repo_private_missed(repo, "0", 0, 9, take_since, &since) == 0 &&
           since == (uint64_t)pair.number,
       "all is read as before it");
    ok(repo_roll_change(repo, pair.number, 0, &joins, 1) == 0 &&
           repo_identities_expire(repo, 100, 9, &removed) == 0 && removed == 0,
       "and what has nothing to write waits for nobody");
    say(child.to);
    ok(child_end(&child) == 0 && repo_users_depart(repo, &departure, 1) == 0 && departure.is_last,
       "and when it ends, writing goes on");
    repo_close(&repo);
}

int
main(void)
{
    fixture_begin();
    test_come_and_go();
    test_depart_and_expire();
    test_expire();
    test_while_written();
    return fixture_end();
}
