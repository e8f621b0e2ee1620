/* Passwords are hashed by a process that holds nothing, and that may be lost. */
#include "server/hasher.h"
#include "server/hasher_process.h"
#include "test/unit/stop_process.h"
#include "test/unit/tap.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MS 60000

static struct hasher_question
verifying(const char *kept, const char *password)
{
    struct hasher_question question = {
        .verifies = true, .is_kept = kept != NULL, .length = strlen(password)};

    if (kept != NULL)
        snprintf(question.kept, sizeof(question.kept), "%s", kept);
    memcpy(question.password, password, question.length);
    return question;
}

static unsigned
count_descriptors(pid_t pid)
{
    char path[64];
    unsigned count = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

static void
test_answers(struct hasher_process *process, char kept[REPO_PASSWORD_SIZE])
{
    struct hasher_question question = {.length = 13, .password = "correct horse"};
    struct hasher_answer answer;

    ok(hasher_process_ask(process, &question, &answer) == 0 && answer.result == 0 &&
           crypto_pwhash_str_verify(answer.out, "correct horse", 13) == 0,
       "it hashes");
    memcpy(kept, answer.out, REPO_PASSWORD_SIZE);
    question = verifying(kept, "correct horse");
    ok(hasher_process_ask(process, &question, &answer) == 0 && answer.result == 0 &&
           answer.out[0] == '\0',
       "and verifies");
    question = verifying(kept, "wrong");
    ok(hasher_process_ask(process, &question, &answer) == 0 && answer.result == -EACCES,
       "what is wrong, too");
    question = verifying(NULL, "correct horse");
    ok(hasher_process_ask(process, &question, &answer) == 0 && answer.result == -EACCES,
       "and nobody's");
    memset(question.password, 'x', sizeof(question.password));
    question.length = sizeof(question.password);
    ok(hasher_process_ask(process, &question, &answer) == 0 && answer.result == -EACCES,
       "as long as a password may be");
}

static void
test_lost(struct hasher_process *process, const char *kept)
{
    struct hasher_question question = verifying(kept, "correct horse");
    struct hasher_answer answer;

    ok(kill(process->pid, SIGKILL) == 0 &&
           hasher_process_ask(process, &question, &answer) == -EPIPE,
       "one that was killed is missed");
    hasher_process_answer(&question, &answer);
    ok(answer.result == 0, "then whoever asks can find out alone");
    hasher_process_kill(process);
    ok(process->pid == 0 && hasher_process_ask(process, &question, &answer) == -EPIPE,
       "it is gone, which does not hurt");
    hasher_process_end(process);
}

static void
test_stopped(const char *kept)
{
    struct hasher_question question = verifying(kept, "correct horse");
    struct hasher_answer answer;
    struct hasher_process process;

    ok(hasher_process_start(&process, 50) == 0 && stop_process(process.pid) &&
           hasher_process_ask(&process, &question, &answer) == -ETIMEDOUT,
       "one that does not answer is not waited for for ever");
    hasher_process_end(&process);
    if (hasher_process_start(&process, LIMIT_MS) != 0)
        abort();
    hasher_process_interrupt(&process);
    ok(hasher_process_ask(&process, &question, &answer) == -EPIPE, "nor one that is interrupted");
    hasher_process_end(&process);
}

/* The descriptor of the parent's end is that of the standard input then. */
static void
test_without_input(const char *kept)
{
    struct hasher_question question = verifying(kept, "correct horse");
    struct hasher_answer answer;
    struct hasher_process process;

    int input = dup(STDIN_FILENO);
    if (input < 0 || close(STDIN_FILENO) != 0)
        abort();
    ok(hasher_process_start(&process, LIMIT_MS) == 0 && process.socket == STDIN_FILENO &&
           hasher_process_ask(&process, &question, &answer) == 0 && answer.result == 0,
       "it can do without a standard descriptor");
    hasher_process_end(&process);
    if (dup2(input, STDIN_FILENO) != STDIN_FILENO || close(input) != 0)
        abort();
}

static void
test_no_descriptors(void)
{
    struct rlimit usual, none = {0};
    struct hasher_process process;
    struct hasher *hasher;

    if (getrlimit(RLIMIT_NOFILE, &usual) != 0)
        abort();
    none.rlim_max = usual.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &none) != 0)
        abort();
    ok(hasher_process_start(&process, LIMIT_MS) == -EMFILE, "without a socket it is not started");
    ok(hasher_open(2, &hasher) == -EMFILE && hasher == NULL, "nor is a hasher then");
    if (setrlimit(RLIMIT_NOFILE, &usual) != 0)
        abort();
}

int
main(void)
{
    struct hasher_process process, other;
    char kept[REPO_PASSWORD_SIZE];

    if (sodium_init() < 0)
        return 1;
    int opened = dup(STDERR_FILENO);
    ok(opened >= 0 && hasher_process_start(&process, LIMIT_MS) == 0 &&
           hasher_process_start(&other, LIMIT_MS) == 0,
       "two are started");
    test_answers(&process, kept);
    unsigned descriptors = count_descriptors(process.pid);
    ok(descriptors > 0 && descriptors <= 4,
       "it holds no descriptor of its parent's but the standard ones");
    test_lost(&process, kept);
    test_answers(&other, kept);
    hasher_process_end(&other);
    test_stopped(kept);
    test_without_input(kept);
    test_no_descriptors();
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "all are gone");
    (void)close(opened);
    return done_testing();
}
