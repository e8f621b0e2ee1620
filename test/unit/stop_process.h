#ifndef TEST_UNIT_STOP_PROCESS_H
#define TEST_UNIT_STOP_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/wait.h>

/* Stops a child and returns when it stands still, which a signal by itself does not say. */
static inline bool
stop_process(pid_t child)
{
    siginfo_t state;

    return kill(child, SIGSTOP) == 0 && waitid(P_PID, (id_t)child, &state, WSTOPPED | WNOWAIT) == 0;
}

#endif
