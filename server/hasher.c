#include "server/hasher.h"

#include "rooms/lock.h"
#include "rooms/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MAX 2
#define NICE        10
#define OPERATIONS  crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY      crypto_pwhash_MEMLIMIT_INTERACTIVE

static_assert(REPO_PASSWORD_SIZE == crypto_pwhash_STRBYTES, "the text of a hash");

/* What one caller waits for; on its stack. */
struct job {
    const char *password;
    size_t length;
    const char *kept; /* or NULL */
    bool verifies;
    char *out;
    int result;
    bool done;           /* [m] */
    TAILQ_ENTRY(job) at; /* [m] */
};

struct hasher {
    struct lock lock;               /* rank LOCK_HASHER: the fields marked [m] */
    pthread_cond_t work;            /* there is a job, or an end */
    pthread_cond_t finished;        /* a job is done */
    TAILQ_HEAD(, job) jobs;         /* [m] not begun yet */
    unsigned waiting;               /* [m] callers */
    bool stopping;                  /* [m] */
    pthread_t threads[THREADS_MAX]; /* [I] */
    unsigned thread_count;          /* [T] of who opens and closes */
};

static int
hash(const struct job *job, char *out)
{
    return crypto_pwhash_str(out, job->password, job->length, OPERATIONS, MEMORY) == 0 ? 0
                                                                                       : -ENOMEM;
}

/* Takes as long as looking at the password of somebody. */
static int
verify_nobody(const struct job *job)
{
    unsigned char key[32], salt[crypto_pwhash_SALTBYTES];

    randombytes_buf(salt, sizeof(salt));
    int error = crypto_pwhash(key, sizeof(key), job->password, job->length, salt, OPERATIONS,
                              MEMORY, crypto_pwhash_ALG_DEFAULT);
    sodium_memzero(key, sizeof(key));
    return error == 0 ? -EACCES : -ENOMEM;
}

static int
verify(const struct job *job)
{
    job->out[0] = '\0';
    if (job->kept == NULL)
        return verify_nobody(job);
    errno = 0;
    if (crypto_pwhash_str_verify(job->kept, job->password, job->length) != 0)
        return errno == ENOMEM ? -ENOMEM : -EACCES;
    /* What cannot be renewed now is good as it is. */
    if (crypto_pwhash_str_needs_rehash(job->kept, OPERATIONS, MEMORY) == 1 &&
        hash(job, job->out) != 0)
        job->out[0] = '\0';
    return 0;
}

static void *
hasher_main(void *argument)
{
    struct hasher *hasher = argument;

    /* Of this thread alone (setpriority(2), "C library/kernel differences"). */
    if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE) < 0)
        log_warn(errno, "hasher-not-niced");
    lock_take(&hasher->lock);
    for (;;) {
        struct job *job = TAILQ_FIRST(&hasher->jobs);
        if (job == NULL && hasher->stopping)
            break;
        if (job == NULL) {
            lock_wait(&hasher->lock, &hasher->work);
            continue;
        }
        TAILQ_REMOVE(&hasher->jobs, job, at);
        bool is_late = hasher->stopping;
        lock_drop(&hasher->lock);
        job->result = is_late ? -ESHUTDOWN : job->verifies ? verify(job) : hash(job, job->out);
        lock_take(&hasher->lock);
        job->done = true;
        lock_condition_broadcast(&hasher->finished);
    }
    lock_drop(&hasher->lock);
    return NULL;
}

static int
run(struct hasher *hasher, struct job *job)
{
    lock_assert_none();
    lock_take(&hasher->lock);
    int error = hasher->stopping ? -ESHUTDOWN : hasher->waiting >= HASHER_WAITING_MAX ? -EBUSY : 0;
    if (error == 0) {
        hasher->waiting++;
        TAILQ_INSERT_TAIL(&hasher->jobs, job, at);
        lock_condition_signal(&hasher->work);
        while (!job->done)
            lock_wait(&hasher->lock, &hasher->finished);
        hasher->waiting--;
        error = job->result;
    }
    lock_drop(&hasher->lock);
    return error;
}

int
hasher_hash(struct hasher *hasher, const char *password, size_t length,
            char out[REPO_PASSWORD_SIZE])
{
    struct job job = {.password = password, .length = length, .out = out};

    return run(hasher, &job);
}

int
hasher_verify(struct hasher *hasher, const char *kept, const char *password, size_t length,
              char rehashed[REPO_PASSWORD_SIZE])
{
    struct job job = {
        .password = password, .length = length, .kept = kept, .verifies = true, .out = rehashed};

    return run(hasher, &job);
}

unsigned
hasher_waiting(struct hasher *hasher)
{
    lock_take(&hasher->lock);
    unsigned waiting = hasher->waiting;
    lock_drop(&hasher->lock);
    return waiting;
}

int
hasher_open(unsigned threads, struct hasher **out)
{
    struct hasher *hasher = calloc(1, sizeof(*hasher));
    int error = 0;

    if (hasher == NULL)
        return -ENOMEM;
    lock_init(&hasher->lock, LOCK_HASHER);
    lock_condition_init(&hasher->work);
    lock_condition_init(&hasher->finished);
    TAILQ_INIT(&hasher->jobs);
    unsigned count = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
    while (hasher->thread_count < count && error == 0) {
        error = -pthread_create(&hasher->threads[hasher->thread_count], NULL, hasher_main, hasher);
        hasher->thread_count += error == 0;
    }
    if (error != 0)
        hasher_close(&hasher);
    *out = hasher;
    return error;
}

void
hasher_stop(struct hasher *hasher)
{
    lock_take(&hasher->lock);
    hasher->stopping = true;
    lock_condition_broadcast(&hasher->work);
    lock_drop(&hasher->lock);
}

void
hasher_close(struct hasher **pointer)
{
    struct hasher *hasher = *pointer;

    *pointer = NULL;
    if (hasher == NULL)
        return;
    hasher_stop(hasher);
    for (unsigned i = 0; i < hasher->thread_count; i++) {
        int error = pthread_join(hasher->threads[i], NULL);
        assert(error == 0);
    }
    assert(hasher->waiting == 0);
    lock_condition_destroy(&hasher->finished);
    lock_condition_destroy(&hasher->work);
    lock_destroy(&hasher->lock);
    free(hasher);
}
