/* What the storage does to us: files that are refused, and disks that are full. */
#include "repo/repo.h"
#include "test/unit/repo_fixture.h"

#include <grp.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum { NOT_POSSIBLE = 77, NOBODY = 65534 };

/* ---- files that are refused --------------------------------------------------------------- */

static char why[256];

/* Whether opening the path fails like this, with one line that names the file. */
static bool
refused(const char *path, int expected, const char *word)
{
    struct repo_options options = {.path = path, .busy_timeout_ms = 100};
    static char unset;
    struct repo *repo = (struct repo *)&unset;
    why[0] = '\0';
    int error = repo_open(&options, &repo, why, sizeof(why));
    bool right = error == expected && repo == NULL && strstr(why, path) != NULL &&
                 strstr(why, word) != NULL && strchr(why, '\n') == NULL;
    if (!right)
        printf("# %d where %d was expected: %s\n", error, expected, why);
    if (error == 0)
        repo_close(&repo);
    return right;
}

static void
execute(const char *sql)
{
    sqlite3 *database;
    require(sqlite3_open(fixture_path, &database) == SQLITE_OK);
    require(sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK);
    require(sqlite3_close(database) == SQLITE_OK);
}

static void
write_file(const char *text, int times)
{
    FILE *file = fopen(fixture_path, "w");
    require(file != NULL);
    for (int i = 0; i < times; i++)
        require(fputs(text, file) >= 0);
    require(fclose(file) == 0);
}

static long
file_size(void)
{
    struct stat status;
    require(stat(fixture_path, &status) == 0);
    return (long)status.st_size;
}

static int
version(void)
{
    sqlite3 *database;
    sqlite3_stmt *statement;
    require(sqlite3_open(fixture_path, &database) == SQLITE_OK);
    require(sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK);
    require(sqlite3_step(statement) == SQLITE_ROW);
    int version = sqlite3_column_int(statement, 0);
    require(sqlite3_finalize(statement) == SQLITE_OK && sqlite3_close(database) == SQLITE_OK);
    return version;
}

static void
test_versions(void)
{
    struct repo *repo = open_repo(1000);
    repo_close(&repo);
    char today[40];
    snprintf(today, sizeof(today), "PRAGMA user_version = %d", version());
    execute("PRAGMA user_version = 99");
    ok(refused(fixture_path, -ENOTSUP, "newer version"), "a file of a newer version is refused");
    execute(today);
    repo = open_repo(1000);
    ok(repo != NULL, "and one of this version is not");
    repo_close(&repo);
    execute("PRAGMA user_version = 0");
    ok(refused(fixture_path, -EINVAL, "unknown version"), "one without a version is refused");

    fixture_clear();
    execute("CREATE TABLE theirs (x); PRAGMA user_version = 1");
    ok(refused(fixture_path, -EINVAL, "another program"), "another program's database is refused");
    fixture_clear();
    execute("CREATE TABLE theirs (x)");
    long size = file_size();
    ok(refused(fixture_path, -EINVAL, "another program") && file_size() == size,
       "also one without a version, and it is left as it was");

    fixture_clear();
    write_file("", 0);
    repo = open_repo(1000);
    ok(add_room(repo, "kitchen") > 0, "an empty file is made a database");
    repo_close(&repo);
}

static void
test_no_place(void)
{
    struct repo_room room = {.id = "id-last", .name = "last"};
    struct repo_post posts[2] = {make_post("ann", "x", "text"), make_post("ann", "y", "text")};
    uint64_t seq = 0;
    bool created;
    fixture_clear();
    struct repo *repo = open_repo(1000);
    require(add_room(repo, "kitchen") == 1);
    execute("INSERT INTO message (place, ts, sender_id, sender_name, text)"
            " VALUES ((1 << 36) + 0xffffffffd, 0, 'ann', 'Ann', 'text')");
    ok(repo_append(repo, 1, 0, posts, 2) == -ENOSPC && last_seq(repo, 1) == 0xffffffffd,
       "what finds no place in its room is refused");
    ok(append_one(repo, 1, posts) == 0 && posts[0].seq == 0xffffffffe &&
           append_one(repo, 1, &posts[1]) == -ENOSPC,
       "the last place is taken");
    execute(
        "INSERT INTO room (number, id, name, private) VALUES (0x7ffffff, 'id-many', 'many', 0)");
    ok(append_one(repo, 0x7ffffff, posts) == 0 && posts[0].seq == 1 &&
           repo_last_seqs(repo, &(int64_t){0x7ffffff}, &seq, NULL, 1) == 0 && seq == 1,
       "the last room holds messages");
    ok(repo_room_add(repo, &room, &(struct repo_room_origin){0}, &created) == -ENOSPC &&
           repo_room_find_by_name(repo, "last", &room) == -ENOENT,
       "a room behind it is refused");
    repo_close(&repo);
}

static void
test_no_database(void)
{
    fixture_clear();
    write_file("Dear diary, today nothing has happened at all.\n", 200);
    long size = file_size();
    ok(refused(fixture_path, -EINVAL, "not a database") && file_size() == size,
       "a file that is not a database is refused and left alone");
    write_file("short", 1);
    ok(refused(fixture_path, -EINVAL, "not a database") && file_size() == 5, "also a short one");
    char path[160];
    snprintf(path, sizeof(path), "%s/inside.db", fixture_path);
    ok(refused(path, -EACCES, "Not a directory"), "a path below a file is refused");
    snprintf(path, sizeof(path), "%s/nowhere/chat.db", fixture_folder);
    ok(refused(path, -EACCES, "No such file"), "a path in a folder that is not there is refused");
    ok(refused(fixture_folder, -EACCES, ""), "a folder is refused");
    ok(refused(":memory:", -EINVAL, ""), "a database that others cannot share is refused");
    fixture_clear();
    sqlite3 *other;
    require(sqlite3_open(fixture_path, &other) == SQLITE_OK);
    require(sqlite3_exec(other, "BEGIN EXCLUSIVE; CREATE TABLE x (y)", NULL, NULL, NULL) == 0);
    ok(refused(fixture_path, -EBUSY, "locked"), "a file that another process keeps is -EBUSY");
    require(sqlite3_exec(other,
                         "COMMIT; DROP TABLE x;"
                         "BEGIN; SELECT * FROM sqlite_schema",
                         NULL, NULL, NULL) == SQLITE_OK);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    bool busy = refused(fixture_path, -EBUSY, "locked");
    clock_gettime(CLOCK_MONOTONIC, &after);
    ok(busy &&
           (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 99,
       "and when its journal cannot be switched, that is tried for as long as the time-out says");
    require(sqlite3_close(other) == SQLITE_OK);
}

/* Root may write everywhere, so this tries as somebody who may not. */
static int
open_as_nobody(int in, int out)
{
    (void)in;
    (void)out;
    if (getuid() == 0 && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        return NOT_POSSIBLE;
    char path[160];
    snprintf(path, sizeof(path), "%s/new.db", fixture_folder);
    int failed = 0;
    failed |= refused(path, -EACCES, "Permission denied") ? 0 : 1;
    failed |= refused(fixture_path, -EROFS, "cannot be written") ? 0 : 2;
    snprintf(path, sizeof(path), "%s/secret.db", fixture_folder);
    failed |= refused(path, -EACCES, "Permission denied") ? 0 : 4;
    return failed;
}

/* Reports what a child found; its exit status has a bit for each check that failed. */
static void
report(struct child *child, int count, const char *const names[])
{
    int status = child_end(child);
    for (int i = 0; i < count; i++)
        if (status == NOT_POSSIBLE)
            ok(true, "%s # SKIP not permitted here", names[i]);
        else
            ok(status < 64 && (status & (1 << i)) == 0, "%s", names[i]);
}

static void
test_permissions(void)
{
    fixture_clear();
    struct repo *repo = open_repo(1000);
    repo_close(&repo);
    char path[160];
    snprintf(path, sizeof(path), "%s/secret.db", fixture_folder);
    int secret = open(path, O_CREAT | O_WRONLY, 0);
    require(secret >= 0 && close(secret) == 0);
    require(chmod(fixture_path, 0444) == 0 && chmod(fixture_folder, 0555) == 0);
    struct child child = child_start(open_as_nobody);
    report(&child, 3,
           (const char *const[]){"a folder that may not be written is refused",
                                 "a file that may only be read is refused",
                                 "a file that may not even be read is refused"});
    require(chmod(fixture_folder, 0700) == 0);
}

/* ---- full disks --------------------------------------------------------------------------- */

/* Appends batches until one fails, and counts the messages that were stored. */
static int
append_until_failure(struct repo *repo, int64_t room, uint64_t *stored)
{
    enum { BATCH = 7, ENOUGH = 100000 };
    static char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    for (;;) {
        struct repo_post posts[BATCH];
        for (int i = 0; i < BATCH; i++)
            posts[i] = make_post("ann", NULL, text);
        int error = repo_append(repo, room, 0, posts, BATCH);
        if (error != 0)
            return error;
        *stored += BATCH;
        require(*stored < ENOUGH);
    }
}

/* Fills the disk twice, with room made in between by the function. */
static int
fill_disk(struct repo *repo, void (*make_room)(void), void (*take_room)(void))
{
    int failed = 0;
    int64_t room = add_room(repo, "kitchen");
    uint64_t stored = 0;
    struct repo_statistics before, after;
    take_room();
    repo_statistics(repo, &before);
    int error = append_until_failure(repo, room, &stored);
    repo_statistics(repo, &after);
    failed |= error == -ENOSPC && after.failures == before.failures + 1 && stored > 0 ? 0 : 1;
    failed |= holds_exactly(repo, room, stored) ? 0 : 2;
    /* It stays full, and stays usable. */
    struct repo_user user = {"a", "Ann", "here"};
    error = append_until_failure(repo, room, &stored);
    failed |= error == -ENOSPC && holds_exactly(repo, room, stored) &&
                      repo_user_find_by_id(repo, "a", &user) == -ENOENT
                  ? 0
                  : 4;
    make_room();
    struct repo_post post = make_post("ann", NULL, "text");
    failed |= append_one(repo, room, &post) == 0 && post.seq == stored + 1 &&
                      repo_users_add(repo, &user, 1) == 0
                  ? 0
                  : 8;
    repo_close(&repo);
    repo = open_repo(1000);
    failed |= holds_exactly(repo, room, stored + 1) ? 0 : 16;
    repo_close(&repo);
    return failed;
}

static const char *const disk_names[] = {
    "a write past it is -ENOSPC, and is rolled back",
    "what was stored before is whole, and nothing of the failure is there",
    "it goes on refusing, and reading goes on",
    "when there is room again, writing works by itself",
    "and all of it is there after a restart",
};

static void
set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    require(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    require(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void
limit_files(void)
{
    set_file_limit(300000);
}

static void
free_files(void)
{
    set_file_limit(RLIM_INFINITY);
}

static int
fill_quota(int in, int out)
{
    (void)in;
    (void)out;
    signal(SIGXFSZ, SIG_IGN);
    return fill_disk(open_repo(1000), free_files, limit_files);
}

static char ballast[160];

static void
take_ballast(void)
{
    static const char zeros[4096];
    int file = open(ballast, O_CREAT | O_WRONLY, 0600);
    require(file >= 0);
    for (int i = 0; i < 100; i++)
        write_record(file, zeros, sizeof(zeros));
    require(close(file) == 0);
}

static void
drop_ballast(void)
{
    require(unlink(ballast) == 0);
}

/* Mounts a small filesystem over the folder, which only this process sees. */
static int
fill_filesystem(int in, int out)
{
    (void)in;
    (void)out;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", fixture_folder, "tmpfs", 0, "size=1m") != 0)
        return NOT_POSSIBLE;
    snprintf(ballast, sizeof(ballast), "%s/ballast", fixture_folder);
    return fill_disk(open_repo(1000), drop_ballast, take_ballast);
}

/* A filesystem with no room at all: what does opening say? */
static int
open_on_full(int in, int out)
{
    (void)in;
    (void)out;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", fixture_folder, "tmpfs", 0, "size=408k") != 0)
        return NOT_POSSIBLE;
    snprintf(ballast, sizeof(ballast), "%s/ballast", fixture_folder);
    take_ballast();
    int failed = refused(fixture_path, -ENOSPC, "No space left") ? 0 : 1;
    drop_ballast();
    struct repo *repo = open_repo(1000);
    failed |= add_room(repo, "kitchen") > 0 ? 0 : 2;
    repo_close(&repo);
    char path[160];
    snprintf(path, sizeof(path), "%s/new.db", fixture_folder);
    if (mount("none", fixture_folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0)
        return NOT_POSSIBLE;
    failed |= refused(fixture_path, -EROFS, "cannot be written") ? 0 : 4;
    failed |= refused(path, -EROFS, "Read-only") ? 0 : 8;
    return failed;
}

static void
test_disks(void)
{
    fixture_clear();
    printf("# a limit on the size of files\n");
    struct child child = child_start(fill_quota);
    report(&child, 5, disk_names);
    fixture_clear();
    printf("# a filesystem of 1 MiB\n");
    child = child_start(fill_filesystem);
    report(&child, 5, disk_names);
    child = child_start(open_on_full);
    report(&child, 4,
           (const char *const[]){"opening on a full filesystem is -ENOSPC",
                                 "and works once there is room",
                                 "opening on a filesystem that is read-only is -EROFS",
                                 "and so is making a file there"});
}

int
main(void)
{
    fixture_begin();
    test_versions();
    test_no_place();
    test_no_database();
    test_permissions();
    test_disks();
    return fixture_end();
}
