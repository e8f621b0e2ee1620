/* Passwords are hashed and compared by processes of their own, for which few may wait. */
#include "rooms/lock.h"
#include "rooms/log.h"
#include "server/hasher.h"
#include "server/password.h"
#include "test/unit/stop_process.h"
#include "test/unit/tap.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PASSWORD "correct horse"
#define LENGTH   strlen(PASSWORD)

static void
test_verify(struct hasher *hasher)
{
    char kept[REPO_PASSWORD_SIZE], other[REPO_PASSWORD_SIZE], rehashed[REPO_PASSWORD_SIZE];
    ok(hasher_hash(hasher, PASSWORD, LENGTH, kept) == 0 &&
           hasher_hash(hasher, PASSWORD, LENGTH, other) == 0 &&
           strncmp(kept, "$argon2id$", 10) == 0 && strcmp(kept, other) != 0,
       "what is kept is Argon2id with a salt of its own");
    ok(hasher_verify(hasher, kept, PASSWORD, LENGTH, rehashed) == 0 && rehashed[0] == '\0',
       "the password is the one");
    ok(hasher_verify(hasher, kept, "Correct horse", LENGTH, rehashed) == -EACCES &&
           hasher_verify(hasher, "", PASSWORD, LENGTH, rehashed) == -EACCES,
       "another one is not, and nothing is one that is not a hash");
    ok(hasher_verify(hasher, NULL, PASSWORD, LENGTH, rehashed) == -EACCES, "nobody has none");
    if (crypto_pwhash_str(kept, PASSWORD, LENGTH, crypto_pwhash_OPSLIMIT_MIN,
                          crypto_pwhash_MEMLIMIT_MIN) != 0)
        abort();
    ok(hasher_verify(hasher, kept, PASSWORD, LENGTH, rehashed) == 0 && rehashed[0] != '\0' &&
           crypto_pwhash_str_verify(rehashed, PASSWORD, LENGTH) == 0 &&
           crypto_pwhash_str_needs_rehash(rehashed, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                          crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0,
       "what was hashed with less is hashed anew");
    ok(hasher_verify(hasher, kept, "wrong", 5, rehashed) == -EACCES && rehashed[0] == '\0',
       "but not for the wrong password");
}

struct caller {
    pthread_t thread;
    struct hasher *hasher;
    int result;
};

static void *
call(void *argument)
{
    struct caller *caller = argument;
    char out[REPO_PASSWORD_SIZE];
    caller->result = hasher_hash(caller->hasher, PASSWORD, LENGTH, out);
    return NULL;
}

/* Starts callers, and waits until as many wait. */
static void
start(struct hasher *hasher, struct caller *callers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        callers[i].hasher = hasher;
        if (pthread_create(&callers[i].thread, NULL, call, &callers[i]) != 0)
            abort();
    }
}

static unsigned
count_results(struct caller *callers, unsigned count, int result)
{
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        if (pthread_join(callers[i].thread, NULL) != 0)
            abort();
        found += callers[i].result == result;
    }
    return found;
}

/* A child of this process: there is one. */
static pid_t
find_child(void)
{
    char path[64], line[128];
    pid_t found = 0;
    DIR *folder = opendir("/proc");

    if (folder == NULL)
        abort();
    for (const struct dirent *entry; found == 0 && (entry = readdir(folder)) != NULL;) {
        long pid = strtol(entry->d_name, NULL, 10);
        snprintf(path, sizeof(path), "/proc/%ld/status", pid);
        FILE *file = pid > 0 ? fopen(path, "re") : NULL;
        while (file != NULL && fgets(line, sizeof(line), file) != NULL)
            if (strncmp(line, "PPid:", 5) == 0 && strtol(line + 5, NULL, 10) == getpid())
                found = (pid_t)pid;
        if (file != NULL)
            (void)fclose(file);
    }
    (void)closedir(folder);
    return found;
}

/* The process is stopped, so that nobody is served meanwhile. */
static void
test_many(void)
{
    struct caller callers[HASHER_WAITING_MAX];
    char out[REPO_PASSWORD_SIZE];
    struct hasher *hasher;
    if (hasher_open(1, &hasher) != 0)
        abort();
    pid_t child = find_child();
    ok(child > 0 && stop_process(child), "its process is stopped");
    start(hasher, callers, HASHER_WAITING_MAX);
    while (hasher_waiting(hasher) < HASHER_WAITING_MAX)
        sched_yield();
    ok(hasher_hash(hasher, PASSWORD, LENGTH, out) == -EBUSY, "who comes when many wait is refused");
    int64_t begun = clock_monotonic_ms();
    hasher_stop(hasher);
    ok(count_results(callers, HASHER_WAITING_MAX, -ESHUTDOWN) == HASHER_WAITING_MAX &&
           clock_monotonic_ms() - begun < 30000,
       "who waits at the end is refused at once, be it for an answer");
    ok(hasher_hash(hasher, PASSWORD, LENGTH, out) == -ESHUTDOWN, "and so is who comes then");
    hasher_close(&hasher);
    ok(hasher == NULL, "then it is closed");
}

static void
test_lost(void)
{
    char kept[REPO_PASSWORD_SIZE], rehashed[REPO_PASSWORD_SIZE];
    struct caller callers[2];
    unsigned hashed = 0, asked = 0;
    struct hasher *hasher;
    if (hasher_open(2, &hasher) != 0)
        abort();
    pid_t child = find_child();
    ok(hasher_processes(hasher) == 2 && child > 0 && kill(child, SIGKILL) == 0,
       "one of two is killed");
    while (hasher_processes(hasher) == 2)
        sched_yield();
    /* Whoever meets it waits for it, which frees its number. */
    for (; kill(child, 0) == 0; asked += 2) {
        start(hasher, callers, 2);
        hashed += count_results(callers, 2, 0);
    }
    ok(hashed == asked, "whoever meets it has the password hashed all the same");
    clock_t begun = clock();
    if (password_hash(PASSWORD, LENGTH, kept) != 0)
        abort();
    clock_t alone = clock() - begun;
    ok(hasher_verify(hasher, kept, PASSWORD, LENGTH, rehashed) == 0 &&
           clock() - begun - alone < alone / 2,
       "from then on by the other one");
    child = find_child();
    ok(child > 0 && kill(child, SIGKILL) == 0 && hasher_hash(hasher, PASSWORD, LENGTH, kept) == 0 &&
           hasher_processes(hasher) == 0,
       "without any it is done here");
    hasher_close(&hasher);
}

int
main(void)
{
    struct hasher *hasher;
    if (hasher_open(2, &hasher) != 0)
        abort();
    test_verify(hasher);
    hasher_close(&hasher);
    test_many();
    test_lost();
    return done_testing();
}
