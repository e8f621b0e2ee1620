#include "rooms/stack.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define RED_ZONE 1024 /* bytes below the frame: for what this function calls */

struct stack
stack_own(void)
{
    long page = sysconf(_SC_PAGESIZE);
    struct stack stack = {NULL, (size_t)page};
    pthread_attr_t attributes;
    void *end;
    size_t size;

    if (page <= 0 || pthread_getattr_np(pthread_self(), &attributes) != 0)
        return stack;
    if (pthread_attr_getstack(&attributes, &end, &size) == 0)
        stack.end = end;
    pthread_attr_destroy(&attributes);
    return stack;
}

void
stack_trim(const struct stack *stack)
{
    /* Sanitizers' own frames below this one may be larger. */
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    uintptr_t end = (uintptr_t)stack->end;
    uintptr_t top = (frame - RED_ZONE) & ~(uintptr_t)(stack->page - 1);

    if (end == 0 || top <= end)
        return;
    /* Where it cannot be given back it is kept. */
    (void)madvise(stack->end, top - end, MADV_DONTNEED);
#else
    (void)stack;
#endif
}
