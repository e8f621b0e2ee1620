/* Passwords are hashed by a process that holds nothing, and that may be lost. */
#include "server/hasher_process.h"
#include "test/unit/tap.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

int
main(void)
{
    struct hasher_process process, other;
    struct hasher_answer answer;
    char kept[REPO_PASSWORD_SIZE];

    if (sodium_init() < 0)
        return 1;
    int opened = dup(STDERR_FILENO);
    ok(opened >= 0 && hasher_process_start(&process) == 0 && hasher_process_start(&other) == 0,
       "two are started");
    test_answers(&process, kept);
    ok(count_descriptors(process.pid) <= 4,
       "it holds no descriptor of its parent's but the standard ones");

    struct hasher_question question = verifying(kept, "correct horse");
    ok(kill(process.pid, SIGKILL) == 0 &&
           hasher_process_ask(&process, &question, &answer) == -EPIPE,
       "one that was killed is missed");
    hasher_process_answer(&question, &answer);
    ok(answer.result == 0, "then whoever asks can find out alone");
    ok(hasher_process_ask(&other, &question, &answer) == 0 && answer.result == 0,
       "the other one goes on");
    hasher_process_end(&process);
    hasher_process_end(&other);
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "both are gone");
    (void)close(opened);
    return done_testing();
}
