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
    pid_t pid;
    int socket;
};

/*
 * Starts it: it holds no descriptor but the standard ones, has a low priority, and ends with this
 * process. Returns 0 or a negative errno. The main thread, before any other starts (fork(2)).
 */
int hasher_process_start(struct hasher_process *process);

/*
 * Has it answer. One thread at a time; blocks as long as hashing takes. Returns 0, or -EPIPE, when
 * the process has ended.
 */
int hasher_process_ask(struct hasher_process *process, const struct hasher_question *question,
                       struct hasher_answer *answer);

/* Answers in this thread. Blocks as long as hashing takes. */
void hasher_process_answer(const struct hasher_question *question, struct hasher_answer *answer);

/* Ends it, when nobody asks any more. Blocks until it has gone. */
void hasher_process_end(struct hasher_process *process);

#endif
