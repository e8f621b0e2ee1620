/*
 * What the tests of the repository share: a folder that goes away again, rooms and posts in one
 * line, and other processes. A process that uses SQLite must not be forked, so a test starts its
 * children first, and tells them through a pipe when to begin.
 */
#ifndef TEST_UNIT_REPO_FIXTURE_H
#define TEST_UNIT_REPO_FIXTURE_H

#include "repo/repo.h"
#include "repo/sqlite.h"
#include "test/unit/tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

/* Ends the test at once when what it needs to run does not work. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #condition);                       \
            fflush(stdout);                                                                        \
            _exit(2);                                                                              \
        }                                                                                          \
    } while (0)

static char fixture_folder[64];
static char fixture_path[128];

/* Makes a new folder, in which fixture_path is the database that the tests use. */
UNUSED static void
fixture_begin(void)
{
    /* No test waits for ever: a hang is a failure. */
    alarm(300);
    signal(SIGPIPE, SIG_IGN);
    snprintf(fixture_folder, sizeof(fixture_folder), "/tmp/chatd-repo-XXXXXX");
    require(mkdtemp(fixture_folder) != NULL);
    snprintf(fixture_path, sizeof(fixture_path), "%s/chat.db", fixture_folder);
}

/* Removes what is in the folder. */
UNUSED static void
fixture_clear(void)
{
    DIR *folder = opendir(fixture_folder);
    require(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            require(unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR) == 0);
    }
    require(closedir(folder) == 0);
}

UNUSED static int
fixture_end(void)
{
    fixture_clear();
    require(rmdir(fixture_folder) == 0);
    return done_testing();
}

/* Opens the test's database, or bails out. */
UNUSED static struct repo *
open_repo(int busy_timeout_ms)
{
    struct repo_options options = {.path = fixture_path, .busy_timeout_ms = busy_timeout_ms};
    struct repo *repo = NULL;
    char reason[256] = "";
    int error = repo_open(&options, &repo, reason, sizeof(reason));
    if (error != 0)
        printf("# repo_open: %s: %s\n", strerror(-error), reason);
    require(error == 0);
    return repo;
}

/* Adds a public room, and returns its number. */
UNUSED static int64_t
add_room(struct repo *repo, const char *name)
{
    struct repo_room room = {0};
    bool created;
    snprintf(room.id, sizeof(room.id), "id-%.30s", name);
    snprintf(room.name, sizeof(room.name), "%s", name);
    require(repo_room_add(repo, &room, &(struct repo_room_origin){0}, &created) == 0);
    return room.number;
}

UNUSED static struct repo_post
make_post(const char *sender, const char *client_id, const char *text)
{
    return (struct repo_post){
        .sender_id = sender,
        .sender_name = "a name",
        .client_id = client_id,
        .text = text,
        .text_length = strlen(text),
        .ts = 1000,
    };
}

/* Appends one message; its outcome, seq and ts are in *post. */
UNUSED static int
append_one(struct repo *repo, int64_t room, struct repo_post *post)
{
    return repo_append(repo, room, 0, post, 1);
}

UNUSED static uint64_t
last_seq(struct repo *repo, int64_t room)
{
    uint64_t seq = 0;
    require(repo_last_seqs(repo, &room, &seq, NULL, 1) == 0);
    return seq;
}

/* Counts the messages that it is called for, and sees whether their seqs follow on each other. */
struct sequence {
    uint64_t first, last, count;
    bool broken;
};

UNUSED static int
follow_sequence(void *argument, const struct repo_message *message)
{
    struct sequence *sequence = argument;
    if (sequence->count == 0)
        sequence->first = message->seq;
    else if (message->seq != sequence->last + 1)
        sequence->broken = true;
    sequence->last = message->seq;
    sequence->count++;
    return 0;
}

/* Whether the room holds exactly the messages 1 to `last`. */
UNUSED static bool
holds_exactly(struct repo *repo, int64_t room, uint64_t last)
{
    struct sequence all = {0};
    require(repo_read(repo, room, 0, UINT64_MAX, SIZE_MAX, false, follow_sequence, &all) == 0);
    if (all.broken || all.count != last || (last > 0 && all.first != 1))
        printf("# %lu messages, %lu to %lu, where 1 to %lu were expected\n",
               (unsigned long)all.count, (unsigned long)all.first, (unsigned long)all.last,
               (unsigned long)last);
    return !all.broken && all.count == last && (last == 0 || all.first == 1);
}

/* ---- cost --------------------------------------------------------------------------------- */

/* How many steps SQLite's machine has made for all statements since the last call. */
UNUSED static long
count_steps(struct repo *repo)
{
    long steps = 0;
    for (int i = 0; i <= REPO_READERS; i++) {
        struct connection *connection = i < REPO_READERS ? &repo->readers[i] : &repo->writer;
        for (int j = 0; j < STATEMENT_COUNT; j++)
            if (connection->statements[j] != NULL)
                steps +=
                    sqlite3_stmt_status(connection->statements[j], SQLITE_STMTSTATUS_VM_STEP, 1);
    }
    return steps;
}

/* ---- other processes ---------------------------------------------------------------------- */

struct child {
    pid_t pid;
    int to;   /* what we write, it reads */
    int from; /* what it writes, we read */
};

/* Starts a process that runs the function and exits with what that returns. */
UNUSED static struct child
child_start(int (*function)(int in, int out))
{
    int to[2], from[2];
    require(pipe(to) == 0 && pipe(from) == 0);
    fflush(stdout);
    struct child child = {.pid = fork(), .to = to[1], .from = from[0]};
    require(child.pid >= 0);
    if (child.pid == 0) {
        alarm(300);
        close(to[1]);
        close(from[0]);
        int status = function(to[0], from[1]);
        fflush(stdout);
        _exit(status);
    }
    close(to[0]);
    close(from[1]);
    return child;
}

/* Writes a byte, for which the other side waits in hear(). */
UNUSED static void
say(int descriptor)
{
    require(write(descriptor, "!", 1) == 1);
}

UNUSED static void
hear(int descriptor)
{
    char byte;
    require(read(descriptor, &byte, 1) == 1);
}

/* Reads a whole record; false when the other side has ended. */
UNUSED static bool
read_record(int descriptor, void *record, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(descriptor, (char *)record + done, size - done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

UNUSED static void
write_record(int descriptor, const void *record, size_t size)
{
    require(write(descriptor, record, size) == (ssize_t)size);
}

/* Waits for the process to end, and returns its exit status, or 128 and the signal. */
UNUSED static int
child_end(struct child *child)
{
    int status;
    require(waitpid(child->pid, &status, 0) == child->pid);
    close(child->to);
    close(child->from);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
