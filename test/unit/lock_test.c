/* The lock order is enforced: whoever breaks it is ended. */
#include "rooms/lock.h"

#include "test/unit/tap.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct lock low;
static struct lock high;

static void
in_order(void)
{
    lock_take(&low);
    lock_take(&high);
    lock_assert_held(&low);
    lock_assert_held(&high);
    lock_drop(&high);
    lock_drop(&low);
    lock_assert_none();
}

static void
out_of_order(void)
{
    lock_take(&high);
    lock_take(&low);
}

static void
twice(void)
{
    lock_take(&low);
    lock_take(&low);
}

static void
not_held(void)
{
    lock_assert_held(&low);
}

static void
some_held(void)
{
    lock_take(&low);
    lock_assert_none();
}

static void
drop_other(void)
{
    lock_take(&low);
    lock_take(&high);
    lock_drop(&low);
}

static void
borrowed_in_order(void)
{
    lock_borrow(&low);
    lock_assert_held(&low);
    lock_take(&high);
    lock_drop(&high);
    lock_return(&low);
    lock_assert_none();
}

static void
borrowed_out_of_order(void)
{
    lock_borrow(&high);
    lock_take(&low);
}

/* Whether a process that does this is ended by an assertion. */
static bool
aborts(void (*function)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        function();
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

int
main(void)
{
    lock_init(&low, LOCK_REGISTRY);
    lock_init(&high, LOCK_CLIENT);
    ok(!aborts(in_order), "locks may be taken in their order");
    ok(aborts(out_of_order), "not out of it");
    ok(aborts(twice), "nor one twice");
    ok(aborts(not_held), "a lock that must be held is asserted");
    ok(aborts(some_held), "and that none is");
    ok(aborts(drop_other), "a lock that was not taken last is not dropped");
    ok(!aborts(borrowed_in_order), "a lock that another thread holds stands for one's own");
    ok(aborts(borrowed_out_of_order), "and its place in the order counts");
    lock_destroy(&high);
    lock_destroy(&low);
    return done_testing();
}
