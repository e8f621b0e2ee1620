/* A thread's own stack: what a deep call has touched is given back before a long sleep. */
#ifndef ROOMS_STACK_H
#define ROOMS_STACK_H

#include <stddef.h>

struct stack {
    char *end;   /* its lowest address that may be used, or NULL where it is not known */
    size_t page; /* bytes of a page */
};

/* Finds the calling thread's. Does not block. */
struct stack stack_own(void);

/*
 * Gives back to the kernel what lies below the caller's frame of its own stack; it reads as zero when
 * it is used again. Costs a system call, and a page fault for each page that is. Does not block.
 */
void stack_trim(const struct stack *stack);

#endif
