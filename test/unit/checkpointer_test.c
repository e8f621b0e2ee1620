/* How the log is moved to the database file while others write, and when it begins anew. */
#include "repo/checkpointer.h"
#include "repo/repo.h"
#include "test/unit/repo_fixture.h"

#include <dlfcn.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <sys/stat.h>

enum { PAGE = 4096, LONG = 9000, PAGES_MIN = 4000, MANY = 2000 };

/* ---- SQLite's checkpoints, which are counted here ------------------------------------------ */

static pthread_t writer; /* the thread that appends */
static atomic_int moved_by_writer;
static atomic_int insisted;
static sem_t moved; /* by the checkpointer */

int
sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *zDb, int eMode, int *pnLog, int *pnCkpt)
{
    static int (*real)(sqlite3 *, const char *, int, int *, int *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_wal_checkpoint_v2");
    require(real != NULL);
    int code = real(db, zDb, eMode, pnLog, pnCkpt);
    if (eMode != SQLITE_CHECKPOINT_PASSIVE)
        atomic_fetch_add(&insisted, 1);
    else if (pthread_equal(pthread_self(), writer))
        atomic_fetch_add(&moved_by_writer, 1);
    else
        require(sem_post(&moved) == 0);
    return code;
}

/* ---- helpers ------------------------------------------------------------------------------ */

static void
wait_moved(void)
{
    while (sem_wait(&moved) != 0)
        require(errno == EINTR);
}

static off_t
database_pages(void)
{
    struct stat about;
    require(stat(fixture_path, &about) == 0);
    return about.st_size / PAGE;
}

/* The salt of the log's header, another one each time that it begins anew. */
static uint64_t
log_salt(void)
{
    char path[160];
    uint64_t salt;
    snprintf(path, sizeof(path), "%s-wal", fixture_path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    require(fd >= 0 && pread(fd, &salt, sizeof(salt), 16) == (ssize_t)sizeof(salt));
    require(close(fd) == 0);
    return salt;
}

/* Appends so much in one transaction that the log is to be moved. */
static void
append_much(struct repo *repo, int64_t room)
{
    enum { COUNT = MANY };
    static char text[LONG + 1];
    static struct repo_post posts[COUNT];
    memset(text, 'x', LONG);
    for (size_t i = 0; i < COUNT; i++)
        posts[i] = make_post("ann", NULL, text);
    require(repo_append(repo, room, 0, posts, COUNT) == 0);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void
test_beside_the_writer(void)
{
    struct repo *repo = open_repo(1000);
    int64_t room = add_room(repo, "kitchen");
    uint64_t salt = log_salt();

    append_much(repo, room);
    ok(atomic_load(&moved_by_writer) == 0, "who writes much does not move it");
    wait_moved();
    ok(database_pages() >= PAGES_MIN, "what was written is moved meanwhile (%ld pages)",
       (long)database_pages());
    struct repo_post post = make_post("ann", NULL, "text");
    require(append_one(repo, room, &post) == 0);
    ok(log_salt() != salt, "and the log begins anew");
    ok(atomic_load(&insisted) == 0, "and nobody is kept out for it");
    ok(holds_exactly(repo, room, MANY + 1), "all is there");
    repo_close(&repo);
    fixture_clear();
}

/* Somebody reads what there was at first, so that what comes after it cannot be moved. */
static void
test_beside_a_reader(void)
{
    struct repo *repo = open_repo(1000);
    int64_t room = add_room(repo, "kitchen");
    uint64_t salt = log_salt();
    sqlite3 *reader;

    require(sqlite3_open(fixture_path, &reader) == SQLITE_OK);
    require(sqlite3_exec(reader, "BEGIN; SELECT * FROM room", NULL, NULL, NULL) == SQLITE_OK);
    append_much(repo, room);
    while (atomic_load(&moved_by_writer) == 0) {
        struct repo_post post = make_post("ann", NULL, "text");
        require(append_one(repo, room, &post) == 0);
        /* The checkpointer's thread is to have its turn. */
        require(usleep(200) == 0);
    }
    ok(log_salt() == salt && atomic_load(&insisted) == 0,
       "the writer tries to move what the checkpointer leaves, and does not wait for who reads");
    require(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    require(sqlite3_close(reader) == SQLITE_OK);
    append_much(repo, room);
    /* Not while the checkpointer is at it: then the next commit tries once more. */
    while (log_salt() == salt) {
        struct repo_post post = make_post("ann", NULL, "text");
        require(append_one(repo, room, &post) == 0);
    }
    ok(atomic_load(&insisted) > 0, "a log that has grown twice as long begins anew");
    repo_close(&repo);
    fixture_clear();
}

static void
test_alone(void)
{
    struct repo *repo = open_repo(1000);
    struct checkpointer *checkpointer;
    sqlite3 *other;
    struct connection connection = {0};

    require(sqlite3_open(fixture_path, &other) == SQLITE_OK);
    require(sqlite3_exec(other, "SELECT * FROM room", NULL, NULL, NULL) == SQLITE_OK);
    connection.database = other;
    require(checkpointer_open(&connection, &checkpointer) == 0);
    ok(!checkpointer_is_near(checkpointer), "a checkpointer that was not asked is not near");
    checkpointer_ask(checkpointer, 10);
    while (!checkpointer_is_near(checkpointer))
        require(sched_yield() == 0);
    ok(!checkpointer_is_near(checkpointer), "one that was asked says once that it is");
    checkpointer_ask(checkpointer, INT32_MAX);
    while (!checkpointer_is_near(checkpointer))
        require(sched_yield() == 0);
    ok(true, "one that cannot come near says so as well");
    checkpointer_ask(checkpointer, 10);
    checkpointer_close(&checkpointer);
    ok(checkpointer == NULL, "it ends, whatever it was asked");
    require(sqlite3_close(other) == SQLITE_OK);
    repo_close(&repo);
    fixture_clear();
}

int
main(void)
{
    writer = pthread_self();
    require(sem_init(&moved, 0, 0) == 0);
    fixture_begin();
    test_beside_the_writer();
    test_beside_a_reader();
    test_alone();
    require(sem_destroy(&moved) == 0);
    return fixture_end();
}
