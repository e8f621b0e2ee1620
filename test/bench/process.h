/*
 * What processes and the kernel use, from outside. Of processes that are gone nothing is counted.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#define PROCESS_MAX 8

struct process_set {
    int count;
    pid_t ids[PROCESS_MAX];
};

/* Reads "ID,ID,…"; -EINVAL where that is something else. */
int process_parse(const char *text, struct process_set *out);

/* All threads' time, also of those that have ended, in ns; finer than the ticks of /proc. */
uint64_t process_cpu(const struct process_set *);
uint64_t process_own_cpu(void);

/* What all cores of the machine were busy with since it started, in ns; in ticks of 10 ms. */
uint64_t process_machine_cpu(void);

/* KB. On loopback the kernel's are both ends' together, and everybody else's on the machine. */
struct process_memory {
    long resident;
    long peak;    /* the most that was resident at any time */
    long threads; /* not KB: how many */
    long sockets; /* buffers of TCP */
    long kernel;  /* slab, kernel stacks, page tables */
};

void process_measure(const struct process_set *, struct process_memory *out);

#endif
