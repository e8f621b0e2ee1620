#include "server/hasher_process.h"

#include "rooms/log.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NICE          10
#define SOCKET_NUMBER 3 /* the first after the standard ones */

void
hasher_process_answer(const struct hasher_question *question, struct hasher_answer *answer)
{
    assert(question->length <= sizeof(question->password));
    answer->out[0] = '\0';
    answer->result = question->verifies
                         ? password_verify(question->is_kept ? question->kept : NULL,
                                           question->password, question->length, answer->out)
                         : password_hash(question->password, question->length, answer->out);
}

/* What it holds of the parent's: the socket, as SOCKET_NUMBER, and the standard descriptors. */
static int
settle(int socket, pid_t parent)
{
    if (socket != SOCKET_NUMBER && dup2(socket, SOCKET_NUMBER) < 0)
        return -errno;
    if (close_range(SOCKET_NUMBER + 1, ~0U, 0) < 0 && errno != ENOSYS)
        return -errno;
    if (prctl(PR_SET_NAME, "chatd-hasher", 0, 0, 0) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return -errno;
    /* The parent may have ended before it could be told. */
    if (getppid() != parent)
        return -ESRCH;
    if (setpriority(PRIO_PROCESS, 0, NICE) < 0)
        log_warn(errno, "hasher-not-niced");
    return 0;
}

static _Noreturn void
serve(int socket, pid_t parent)
{
    static struct hasher_question question;
    static struct hasher_answer answer;

    bool goes_on = settle(socket, parent) == 0;
    while (goes_on) {
        ssize_t count = recv(SOCKET_NUMBER, &question, sizeof(question), 0);
        if (count < 0 && errno == EINTR)
            continue;
        goes_on = count == (ssize_t)sizeof(question);
        if (!goes_on)
            break;
        hasher_process_answer(&question, &answer);
        sodium_memzero(&question, sizeof(question));
        goes_on =
            send(SOCKET_NUMBER, &answer, sizeof(answer), MSG_NOSIGNAL) == (ssize_t)sizeof(answer);
        sodium_memzero(&answer, sizeof(answer));
    }
    _exit(EXIT_SUCCESS);
}

int
hasher_process_start(struct hasher_process *process)
{
    pid_t parent = getpid();
    int pair[2];

    /* A datagram is a question, or an answer; and there is an end, unlike with SOCK_DGRAM (unix(7)). */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        serve(pair[1], parent);
    int error = pid < 0 ? -errno : 0;
    (void)close(pair[1]);
    if (error != 0) {
        (void)close(pair[0]);
        return error;
    }
    *process = (struct hasher_process){.pid = pid, .socket = pair[0]};
    return 0;
}

int
hasher_process_ask(struct hasher_process *process, const struct hasher_question *question,
                   struct hasher_answer *answer)
{
    ssize_t count;

    do
        count = send(process->socket, question, sizeof(*question), MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    if (count != (ssize_t)sizeof(*question))
        return -EPIPE;
    do
        count = recv(process->socket, answer, sizeof(*answer), 0);
    while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof(*answer) ? 0 : -EPIPE;
}

void
hasher_process_end(struct hasher_process *process)
{
    (void)close(process->socket);
    /* Where whoever started the server ignores SIGCHLD, nothing is left to wait for: ECHILD. */
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
