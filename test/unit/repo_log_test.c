/* What a commit writes to SQLite's log, when it is synced, and what becomes of it if that fails. */
#include "repo/log_file.h"
#include "repo/repo.h"
#include "test/unit/repo_fixture.h"

#include <dlfcn.h>
#include <sqlite3.h>
#include <stdint.h>

/* ---- SQLite's system calls, which are ours here -------------------------------------------- */

static int writes;      /* to the log */
static int syncs;       /* of the log */
static bool unsynced;   /* whether something was written to the log since */
static int fails_after; /* so many writes to the log go well, then one does not; negative: all do */

/* Whether the descriptor is that of a log. */
static bool
is_log(int fd)
{
    char link[64], path[256];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    path[length > 0 ? length : 0] = '\0';
    return length > 4 && strcmp(path + length - 4, "-wal") == 0;
}

static void *
find_real(const char *name)
{
    void *real = dlsym(RTLD_NEXT, name);
    require(real != NULL);
    return real;
}

ssize_t
pwrite64(int fd, const void *buf, size_t n, off64_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL)
        *(void **)&real = find_real("pwrite64");
    if (is_log(fd)) {
        if (fails_after >= 0 && fails_after-- == 0) {
            errno = ENOSPC;
            return -1;
        }
        writes++;
        unsynced = true;
    }
    return real(fd, buf, n, offset);
}

static void
count_sync(int fd)
{
    if (is_log(fd)) {
        syncs++;
        unsynced = false;
    }
}

int
fdatasync(int fildes)
{
    static int (*real)(int);
    if (real == NULL)
        *(void **)&real = find_real("fdatasync");
    int result = real(fildes);
    count_sync(fildes);
    return result;
}

int
fsync(int fd)
{
    static int (*real)(int);
    if (real == NULL)
        *(void **)&real = find_real("fsync");
    int result = real(fd);
    count_sync(fd);
    return result;
}

static void
forget(void)
{
    writes = syncs = 0;
    unsynced = false;
    fails_after = -1;
}

/* ---- helpers ------------------------------------------------------------------------------ */

enum { LONG = 9000, MANY = 2000 };

static char long_text[LONG + 1];
static struct repo_post posts[MANY];

/* Appends as many long messages in one transaction. */
static int
append_long(struct repo *repo, int64_t room, size_t count)
{
    for (size_t i = 0; i < count; i++)
        posts[i] = make_post("ann", NULL, long_text);
    return repo_append(repo, room, 0, posts, count);
}

static struct repo *
open_with(enum repo_durability durability)
{
    struct repo_options options = {
        .path = fixture_path, .durability = durability, .busy_timeout_ms = 1000};
    struct repo *repo = NULL;
    char reason[256] = "";
    require(repo_open(&options, &repo, reason, sizeof(reason)) == 0);
    return repo;
}

/* A number that somebody else reads, who has the file open in the usual way. */
static int
ask(const char *path, const char *sql)
{
    sqlite3 *other;
    sqlite3_stmt *statement;
    require(sqlite3_open(path, &other) == SQLITE_OK);
    require(sqlite3_prepare_v2(other, sql, -1, &statement, NULL) == SQLITE_OK);
    require(sqlite3_step(statement) == SQLITE_ROW);
    int number = sqlite3_column_int(statement, 0);
    require(sqlite3_finalize(statement) == SQLITE_OK && sqlite3_close(other) == SQLITE_OK);
    return number;
}

static void
execute(const char *sql)
{
    sqlite3 *other;
    require(sqlite3_open(fixture_path, &other) == SQLITE_OK);
    require(sqlite3_exec(other, sql, NULL, NULL, NULL) == SQLITE_OK);
    require(sqlite3_close(other) == SQLITE_OK);
}

#define IS_WHOLE "SELECT integrity_check = 'ok' FROM pragma_integrity_check"
#define COUNT    "SELECT count(*) FROM message"

static void
copy_file(const char *suffix)
{
    char path[160], part[8192];
    snprintf(path, sizeof(path), "%s%s", fixture_path, suffix);
    FILE *from = fopen(path, "r");
    snprintf(path, sizeof(path), "%s/copy.db%s", fixture_folder, suffix);
    FILE *to = fopen(path, "w");
    require(from != NULL && to != NULL);
    for (size_t size; (size = fread(part, 1, sizeof(part), from)) > 0;)
        require(fwrite(part, 1, size, to) == size);
    require(!ferror(from) && fclose(from) == 0 && fclose(to) == 0);
}

/* The messages that are there after a crash: who opens the copy has but the log to go by. */
static int
count_after_crash(void)
{
    char path[160];
    copy_file("");
    copy_file("-wal");
    snprintf(path, sizeof(path), "%s/copy.db", fixture_folder);
    require(ask(path, IS_WHOLE));
    return ask(path, COUNT);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void
test_gathered(void)
{
    struct repo *repo = open_repo(1000);
    int64_t room = add_room(repo, "kitchen");
    struct repo_post post = make_post("ann", "1", "text");
    require(append_one(repo, room, &post) == 0);
    post = make_post("ann", "2", "text");
    forget();
    require(append_one(repo, room, &post) == 0);
    ok(writes == 1, "a commit of several pages is one write to the log (%d)", writes);
    ok(ask(fixture_path, COUNT) == 2 && count_after_crash() == 2,
       "after it, others find the message, and so does who comes after a crash");
    forget();
    require(append_long(repo, room, 50) == 0);
    ok(writes > 50 * LONG / 65536 && writes < 20, "a large one is a few (%d)", writes);
    ok(ask(fixture_path, COUNT) == 52 && count_after_crash() == 52 && holds_exactly(repo, room, 52),
       "and is found as well");
    /* More than SQLite keeps in memory: it writes to the log before the commit, too. */
    require(append_long(repo, room, MANY) == 0);
    ok(ask(fixture_path, COUNT) == MANY + 52 && count_after_crash() == MANY + 52,
       "one that is larger than the cache is found as well");
    repo_close(&repo);
    fixture_clear();
}

/* Fails the so many-th write of an append, and sees what is there then. */
static bool
fails_well(struct repo *repo, int64_t room, size_t count, int after)
{
    int before = ask(fixture_path, COUNT);
    forget();
    fails_after = after;
    int error = append_long(repo, room, count);
    bool failed = fails_after < 0;
    forget();
    if (!failed)
        return error == 0;
    /* Somebody else writes where that was to be, and then we do. */
    bool right = error == -ENOSPC && ask(fixture_path, COUNT) == before;
    execute("INSERT INTO message (place, ts, sender_id, sender_name, text)"
            " SELECT max(place) + 1, 0, 'x', 'x', 'x' FROM message");
    right = right && ask(fixture_path, COUNT) == before + 1 && count_after_crash() == before + 1;
    return right && append_long(repo, room, 1) == 0 && count_after_crash() == before + 2 &&
           holds_exactly(repo, room, (uint64_t)before + 2);
}

static void
test_failures(void)
{
    struct repo *repo = open_repo(1000);
    int64_t room = add_room(repo, "kitchen");
    bool right = append_long(repo, room, 1) == 0;
    ok(right && fails_well(repo, room, 1, 0), "nothing is left of a commit that is not written");
    right = true;
    for (int after = 0; after < 8; after++)
        right = fails_well(repo, room, 50, after) && right;
    ok(right, "nor of one of which a part is written");
    right = true;
    for (int after = 1; after < 4000; after = after * 3 + 1)
        right = fails_well(repo, room, MANY, after) && right;
    ok(right, "nor of one that is larger than the cache");
    repo_close(&repo);
    fixture_clear();
}

static void
test_durability(void)
{
    static const char *const names[] = {"of the process", "full"};
    for (int full = 0; full < 2; full++) {
        struct repo *repo = open_with(full ? REPO_DURABILITY_FULL : REPO_DURABILITY_PROCESS);
        int64_t room = add_room(repo, "kitchen");
        bool right = true;
        struct repo_post post = make_post("ann", NULL, "text");
        /* The first one may sync the log's own head. */
        require(append_one(repo, room, &post) == 0);
        forget();
        for (int i = 1; i <= 5; i++) {
            post = make_post("ann", NULL, i < 5 ? "text" : long_text);
            right = append_one(repo, room, &post) == 0 && writes >= i && right;
            right = unsynced == !full && syncs == (full ? i : 0) && right;
        }
        ok(right, "durability %s: %s", names[full],
           full ? "whoever is told that a message is stored knows it synced" : "nothing is synced");
        repo_close(&repo);
        fixture_clear();
    }
}

int
main(void)
{
    forget();
    memset(long_text, 'x', LONG);
    fixture_begin();
    test_gathered();
    test_failures();
    test_durability();
    return fixture_end();
}
