/*
 * A process of its own for passwords. Hashing one takes 64 MiB that the kernel fills at once, and
 * meanwhile no thread of the same process gets memory: so it is not done where chats are served.
 */
#ifndef SERVER_HASHER_PROCESS_H
#define SERVER_HASHER_PROCESS_H

#include "repo/account.h"
#include "server/password.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hasher_question {
    bool verifies; /* or hashes */
    bool is_kept;  /* something is: `kept` */
    char kept[REPO_PASSWORD_SIZE];
    size_t length;
    char password[PASSWORD_BYTES_MAX];
};

struct hasher_answer {
    int result;                   /* as of password_hash, or of password_verify */
    char out[REPO_PASSWORD_SIZE]; /* empty where there is nothing to be kept */
};

struct hasher_process {
    pid_t pid; /* 0 once it was killed */
    int socket;
};

/*
 * Starts it, and waits until it is ready: it holds no descriptor but the standard ones, has a low
 * priority, and ends with this process. An answer may take `limit_ms`. Returns 0 or a negative errno.
 * The main thread, before any other starts (fork(2)).
 */
int hasher_process_start(struct hasher_process *process, int64_t limit_ms);

/*
 * Has it answer. One thread at a time; blocks as long as hashing takes. Returns 0, -ENOMEM, or
 *   -EPIPE      it has ended, or hasher_process_interrupt was called
 *   -ETIMEDOUT  that took too long
 * after which it is of no use any more.
 */
int hasher_process_ask(struct hasher_process *process, const struct hasher_question *question,
                       struct hasher_answer *answer);

/* Answers in this thread. Blocks as long as hashing takes. */
void hasher_process_answer(const struct hasher_question *question, struct hasher_answer *answer);

/* Whoever waits for an answer, or asks from now on, gets none. Any thread; does not block. */
void hasher_process_interrupt(const struct hasher_process *process);

/* Whether it has neither ended nor been interrupted. Any thread; does not block. */
bool hasher_process_is_there(const struct hasher_process *process);

/* Kills it, if that was not done. Blocks until it has gone. Who asks. */
void hasher_process_kill(struct hasher_process *process);

/* Kills it and frees what was needed to ask it; nobody does any more. */
void hasher_process_end(struct hasher_process *process);

#endif
