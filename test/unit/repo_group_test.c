/* Group commit: who writes at the same time shares a transaction, but not a failure. */
#include "repo/repo.h"
#include "repo/sqlite.h"
#include "repo/write_group.h"
#include "test/unit/repo_fixture.h"

#include <sched.h>

enum { WRITERS = 32 };

/* A connection of somebody else, which holds the write lock. */
static sqlite3 *
take_lock(void)
{
    sqlite3 *other;
    require(sqlite3_open(fixture_path, &other) == SQLITE_OK);
    if (sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK)
        return other;
    require(sqlite3_close(other) == SQLITE_OK);
    return NULL;
}

static void
drop_lock(sqlite3 *other)
{
    require(other != NULL);
    require(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    require(sqlite3_close(other) == SQLITE_OK);
}

struct writer {
    pthread_t thread;
    struct repo *repo;
    int64_t room;
    struct repo_post post;
    int result;
    int64_t waited;
};

static void *
write_one(void *argument)
{
    struct writer *writer = argument;
    int64_t begun = monotonic_ms();
    writer->result = append_one(writer->repo, writer->room, &writer->post);
    writer->waited = monotonic_ms() - begun;
    return NULL;
}

/* Starts the writers, and returns when all of them wait to be taken into a transaction. */
static void
start(struct writer *writers, int count, struct repo *repo)
{
    for (int i = 0; i < count; i++)
        require(pthread_create(&writers[i].thread, NULL, write_one, &writers[i]) == 0);
    while (write_group_waiting(repo->group) < (size_t)count)
        sched_yield();
}

static void
join(struct writer *writers, int count)
{
    for (int i = 0; i < count; i++)
        require(pthread_join(writers[i].thread, NULL) == 0);
}

static void
fill(struct writer *writers, struct repo *repo, int64_t room)
{
    for (int i = 0; i < WRITERS; i++)
        writers[i] =
            (struct writer){.repo = repo, .room = room, .post = make_post("ann", NULL, "text")};
}

static struct repo_statistics
statistics(struct repo *repo)
{
    struct repo_statistics out;
    repo_statistics(repo, &out);
    return out;
}

static void
test_one_commit(void)
{
    struct repo *repo = open_repo(60000);
    int64_t room = add_room(repo, "group");
    struct writer writers[WRITERS];
    fill(writers, repo, room);
    struct repo_statistics before = statistics(repo);
    sqlite3 *other = take_lock();
    start(writers, WRITERS, repo);
    drop_lock(other);
    join(writers, WRITERS);
    struct repo_statistics after = statistics(repo);
    bool all = true;
    uint64_t seqs = 0;
    for (int i = 0; i < WRITERS; i++) {
        all = all && writers[i].result == 0;
        seqs |= UINT64_C(1) << writers[i].post.seq;
    }
    ok(all, "%d writers who had to wait have written", WRITERS);
    ok(after.commits - before.commits == 1, "in one transaction");
    ok(after.writes - before.writes == WRITERS && after.messages - before.messages == WRITERS &&
           after.failures == before.failures,
       "which the statistics count as that many");
    ok(seqs == ((UINT64_C(1) << WRITERS) - 1) << 1 && holds_exactly(repo, room, WRITERS),
       "each with a number of its own");
    repo_close(&repo);
}

static void
test_one_bad(void)
{
    struct repo *repo = open_repo(60000);
    int64_t room = add_room(repo, "bad");
    struct writer writers[WRITERS];
    fill(writers, repo, room);
    writers[WRITERS / 2].room = 4711;
    /* These two are stored and repeated in the transaction that fails, and in one each after it. */
    writers[3].post = make_post("ann", "same", "text");
    writers[3].post.ts = 3;
    writers[4].post = make_post("ann", "same", "text");
    writers[4].post.ts = 4;
    struct repo_statistics before = statistics(repo);
    sqlite3 *other = take_lock();
    start(writers, WRITERS, repo);
    drop_lock(other);
    join(writers, WRITERS);
    struct repo_statistics after = statistics(repo);
    int good = 0;
    for (int i = 0; i < WRITERS; i++)
        good += writers[i].result == 0;
    ok(writers[WRITERS / 2].result == -ENOENT && good == WRITERS - 1,
       "one writer's failure is not the others'");
    ok(after.commits - before.commits == WRITERS - 1 && after.failures - before.failures == 2 &&
           after.writes - before.writes == WRITERS - 1 &&
           after.messages - before.messages == WRITERS - 2,
       "the group was rolled back, and each one written by itself");
    bool third_first = writers[3].post.outcome == REPO_STORED;
    ok(writers[3].post.outcome + writers[4].post.outcome == REPO_STORED + REPO_REPEATED &&
           writers[3].post.seq == writers[4].post.seq &&
           writers[3].post.ts == (third_first ? 3 : 4) && writers[4].post.ts == writers[3].post.ts,
       "and what the first attempt found is forgotten");
    ok(holds_exactly(repo, room, WRITERS - 2), "nothing is stored twice");
    struct repo_post post = make_post("ann", NULL, "text");
    require(append_one(repo, 4711, &post) == -ENOENT);
    other = take_lock();
    ok(other != NULL, "a write that failed leaves no lock behind");
    drop_lock(other);
    repo_close(&repo);
}

static void
test_busy(void)
{
    enum { TIMEOUT_MS = 300, LATE_MS = 3000 };
    struct repo *repo = open_repo(TIMEOUT_MS);
    int64_t room = add_room(repo, "busy");
    struct writer writers[WRITERS];
    fill(writers, repo, room);
    struct repo_statistics before = statistics(repo);
    sqlite3 *other = take_lock();
    for (int i = 0; i < WRITERS; i++)
        require(pthread_create(&writers[i].thread, NULL, write_one, &writers[i]) == 0);
    join(writers, WRITERS);
    int busy = 0;
    int64_t shortest = INT64_MAX, longest = 0;
    for (int i = 0; i < WRITERS; i++) {
        busy += writers[i].result == -EBUSY;
        shortest = writers[i].waited < shortest ? writers[i].waited : shortest;
        longest = writers[i].waited > longest ? writers[i].waited : longest;
    }
    ok(busy == WRITERS, "a database that stays locked is -EBUSY for each writer");
    ok(shortest >= TIMEOUT_MS - 1 && longest < LATE_MS,
       "each waits for the time-out once, not for that of those before it: %ld to %ld ms",
       (long)shortest, (long)longest);
    struct repo_user user = {"a", "Ann", "here"};
    bool was_held;
    ok(repo_users_add(repo, &user, 1) == -EBUSY &&
           repo_lease_renew(repo, "here", 1, &was_held) == -EBUSY,
       "so it is for users and leases");
    ok(holds_exactly(repo, room, 0), "reading goes on, and nothing is stored");
    drop_lock(other);
    struct repo_post post = make_post("ann", NULL, "text");
    ok(append_one(repo, room, &post) == 0 && post.seq == 1, "and afterwards it works again");
    ok(statistics(repo).commits - before.commits == 1, "with nothing left over from before");
    repo_close(&repo);
}

static void
test_hurry(void)
{
    enum { TIMEOUT_MS = 60000, LATE_MS = 30000 };
    struct repo *repo = open_repo(TIMEOUT_MS);
    int64_t room = add_room(repo, "hurry");
    struct writer writers[WRITERS];
    fill(writers, repo, room);
    sqlite3 *other = take_lock();
    start(writers, WRITERS, repo);
    repo_hurry(repo, 0);
    join(writers, WRITERS);
    int busy = 0;
    for (int i = 0; i < WRITERS; i++)
        busy += writers[i].result == -EBUSY && writers[i].waited < LATE_MS;
    ok(busy == WRITERS, "who waits for the database when there is no time any more is told -EBUSY");
    struct repo_post post = make_post("ann", NULL, "text");
    ok(append_one(repo, room, &post) == -EBUSY, "and so is who comes after that");
    drop_lock(other);
    ok(append_one(repo, room, &post) == 0 && post.seq == 1 && holds_exactly(repo, room, 1),
       "but what needs no waiting is stored");
    fill(writers, repo, room);
    other = take_lock();
    repo_hurry(repo, TIMEOUT_MS);
    start(writers, WRITERS, repo);
    drop_lock(other);
    join(writers, WRITERS);
    ok(holds_exactly(repo, room, 1 + WRITERS), "as is what may be waited for");
    repo_close(&repo);
}

/* ---- everything at once ------------------------------------------------------------------- */

enum { THREADS = 8, ROUNDS = 60, BATCH = 5 };

struct crowd {
    pthread_t thread;
    struct repo *repo;
    int number;
    bool right;
    char ids[10][REPO_ID_SIZE]; /* of the rooms that it got */
};

static void *
use_everything(void *argument)
{
    struct crowd *one = argument;
    struct repo_user user = {.name = "somebody", .instance = "crowd"};
    snprintf(user.id, sizeof(user.id), "%d", one->number);
    for (int i = 0; i < ROUNDS; i++) {
        struct repo_room room = {0};
        bool created;
        snprintf(room.id, sizeof(room.id), "crowd-%d-%d", one->number, i % 10);
        snprintf(room.name, sizeof(room.name), "crowd %d", i % 10);
        one->right =
            repo_room_add(one->repo, &room, &(struct repo_room_origin){0}, &created) == 0 &&
            one->right;
        snprintf(one->ids[i % 10], REPO_ID_SIZE, "%s", room.id);

        struct repo_post posts[BATCH];
        struct sequence got = {0};
        for (int j = 0; j < BATCH; j++)
            posts[j] = make_post(user.id, NULL, "text");
        one->right = repo_append(one->repo, room.number, 0, posts, BATCH) == 0 && one->right;
        uint64_t first = posts[0].seq;
        one->right = repo_read(one->repo, room.number, first - 1, first + BATCH, SIZE_MAX, i % 2,
                               follow_sequence, &got) == 0 &&
                     got.count == BATCH && !got.broken && got.last == posts[BATCH - 1].seq &&
                     one->right;
        one->right = repo_users_add(one->repo, &user, 1) == 0 &&
                     repo_user_find_by_id(one->repo, user.id, &user) == 0 &&
                     repo_users_remove(one->repo, &user, 1) == 0 && one->right;
    }
    return NULL;
}

static void
test_crowd(void)
{
    struct repo *repo = open_repo(60000);
    struct crowd crowd[THREADS];
    bool right = true, same = true, whole = true;
    for (int i = 0; i < THREADS; i++) {
        crowd[i] = (struct crowd){.repo = repo, .number = i, .right = true};
        require(pthread_create(&crowd[i].thread, NULL, use_everything, &crowd[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        require(pthread_join(crowd[i].thread, NULL) == 0);
        right = right && crowd[i].right;
        for (int j = 0; j < 10; j++)
            same = same && strcmp(crowd[i].ids[j], crowd[0].ids[j]) == 0;
    }
    ok(right, "%d threads that do everything at once all succeed", THREADS);
    ok(same, "and get the same room for the same name");
    for (int j = 0; j < 10; j++) {
        struct repo_room room;
        require(repo_room_find_by_id(repo, crowd[0].ids[j], &room) == 0);
        whole = holds_exactly(repo, room.number, THREADS * ROUNDS * BATCH / 10) && whole;
    }
    ok(whole, "and no number is missing or given twice");
    repo_close(&repo);
}

int
main(void)
{
    fixture_begin();
    test_one_commit();
    test_one_bad();
    test_busy();
    test_hurry();
    test_crowd();
    return fixture_end();
}
