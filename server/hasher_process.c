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
#include <sys/time.h>
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

/* Keeps of what the parent has open the socket, as SOCKET_NUMBER, and the standard descriptors. */
static int
close_others(int socket)
{
    if (socket != SOCKET_NUMBER && dup2(socket, SOCKET_NUMBER) < 0)
        return -errno;
    if (close_range(SOCKET_NUMBER + 1, ~0U, 0) == 0)
        return 0;
    /* Not in Linux before 5.9, nor where a sandbox knows nothing of it; little is open yet. */
    for (int i = SOCKET_NUMBER + 1; i < 1024; i++)
        (void)close(i);
    return 0;
}

static int
settle(pid_t parent)
{
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

    int error = close_others(socket);
    if (error == 0)
        error = settle(parent);
    bool goes_on = send(error == 0 ? SOCKET_NUMBER : socket, &error, sizeof(error), MSG_NOSIGNAL) ==
                       (ssize_t)sizeof(error) &&
                   error == 0;
    while (goes_on) {
        ssize_t count = recv(SOCKET_NUMBER, &question, sizeof(question), 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count != (ssize_t)sizeof(question))
            break;
        hasher_process_answer(&question, &answer);
        sodium_memzero(&question, sizeof(question));
        goes_on =
            send(SOCKET_NUMBER, &answer, sizeof(answer), MSG_NOSIGNAL) == (ssize_t)sizeof(answer);
        sodium_memzero(&answer, sizeof(answer));
    }
    _exit(EXIT_SUCCESS);
}

/* One whole datagram; -EPIPE: there is none any more. */
static int
receive(int socket, void *out, size_t size)
{
    ssize_t count;

    do
        count = recv(socket, out, size, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN)
        return -ETIMEDOUT;
    return count == (ssize_t)size ? 0 : -EPIPE;
}

/* Waits until the process is ready. */
static int
await(struct hasher_process *process, int64_t limit_ms)
{
    struct timeval limit = {.tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000};
    int theirs;

    int error = receive(process->socket, &theirs, sizeof(theirs));
    if (error == 0)
        error = theirs;
    if (error == 0 &&
        setsockopt(process->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
        error = -errno;
    return error;
}

int
hasher_process_start(struct hasher_process *process, int64_t limit_ms)
{
    pid_t parent = getpid();
    int pair[2];

    /* A datagram is a question, or an answer; SOCK_DGRAM would not tell of an end (unix(7)). */
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
    error = await(process, limit_ms);
    if (error != 0)
        hasher_process_end(process);
    return error;
}

int
hasher_process_ask(struct hasher_process *process, const struct hasher_question *question,
                   struct hasher_answer *answer)
{
    ssize_t count;

    do
        count = send(process->socket, question, sizeof(*question), MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    if (count < 0 && (errno == ENOBUFS || errno == ENOMEM))
        return -ENOMEM;
    if (count != (ssize_t)sizeof(*question))
        return -EPIPE;
    return receive(process->socket, answer, sizeof(*answer));
}

void
hasher_process_interrupt(const struct hasher_process *process)
{
    /* It fails where the other end has gone already. */
    (void)shutdown(process->socket, SHUT_RDWR);
}

bool
hasher_process_is_there(const struct hasher_process *process)
{
    ssize_t count;
    char byte;

    do
        count = recv(process->socket, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return count > 0 || (count < 0 && errno == EAGAIN);
}

void
hasher_process_kill(struct hasher_process *process)
{
    pid_t ended;

    if (process->pid == 0)
        return;
    int error = kill(process->pid, SIGKILL);
    assert(error == 0); /* it may have ended, but its number is its own until it is waited for */
    do
        ended = waitpid(process->pid, NULL, 0);
    while (ended < 0 && errno == EINTR);
    assert(ended == process->pid);
    process->pid = 0;
}

void
hasher_process_end(struct hasher_process *process)
{
    hasher_process_kill(process);
    (void)close(process->socket);
}
