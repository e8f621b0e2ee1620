/* Passwords are hashed and compared by processes of their own, for which few may wait. */
#include "rooms/log.h"
#include "server/hasher.h"
#include "test/unit/tap.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

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

static void
test_many(void)
{
    struct caller callers[HASHER_WAITING_MAX];
    char out[REPO_PASSWORD_SIZE];
    struct hasher *hasher;
    if (hasher_open(1, &hasher) != 0)
        abort();
    start(hasher, callers, HASHER_WAITING_MAX);
    while (hasher_waiting(hasher) < HASHER_WAITING_MAX)
        sched_yield();
    ok(hasher_hash(hasher, PASSWORD, LENGTH, out) == -EBUSY, "who comes when many wait is refused");
    hasher_stop(hasher);
    unsigned refused = count_results(callers, HASHER_WAITING_MAX, -ESHUTDOWN);
    ok(refused >= HASHER_WAITING_MAX - 1, "who waits at the end is refused");
    ok(hasher_hash(hasher, PASSWORD, LENGTH, out) == -ESHUTDOWN, "and so is who comes then");
    hasher_close(&hasher);
    ok(hasher == NULL, "then it is closed");
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
    return done_testing();
}
