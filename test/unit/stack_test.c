/* A thread's stack: what a deep call has touched can be given back, and nothing else is. */
#include "rooms/stack.h"

#include "test/unit/tap.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEPTH     65536
#define PAGES_MAX 65536

/* How many of the stack's pages, up to here, are in memory. */
static size_t
count_resident(const struct stack *stack)
{
    static unsigned char pages[PAGES_MAX];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(page - 1);
    size_t bytes = here - (uintptr_t)stack->end;
    size_t resident = 0;

    if (bytes / page > PAGES_MAX || mincore(stack->end, bytes, pages) < 0)
        abort();
    for (size_t i = 0; i < bytes / page; i++)
        resident += pages[i] & 1u;
    return resident * page;
}

static __attribute__((noinline)) int
go_deep(int value)
{
    volatile char bytes[DEPTH];

    for (size_t i = 0; i < DEPTH; i++)
        bytes[i] = (char)value;
    return bytes[DEPTH / 2];
}

static void *
run(void *argument)
{
    struct stack stack = stack_own();
    char kept[4096];

    (void)argument;
    memset(kept, 'k', sizeof(kept));
    ok(stack.end != NULL && (char *)__builtin_frame_address(0) > stack.end,
       "a thread finds its stack");
    ok(go_deep(7) == 7 && count_resident(&stack) >= DEPTH / 2, "a deep call touches it");
    stack_trim(&stack);
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    ok(true, "it is given back # SKIP not under a sanitizer");
#else
    ok(count_resident(&stack) <= DEPTH / 4, "what it touched is given back");
#endif
    bool is_whole = true;
    for (size_t i = 0; i < sizeof(kept); i++)
        is_whole = is_whole && kept[i] == 'k';
    ok(is_whole && go_deep(9) == 9, "what is in use is not, and it can be used again");
    return NULL;
}

int
main(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, NULL) != 0 || pthread_join(thread, NULL) != 0)
        abort();
    return done_testing();
}
