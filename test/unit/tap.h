/*
 * The Test Anything Protocol for C unit tests: plain checks, one line each, and a plan at the end.
 * One thread at a time may call these.
 */
#ifndef TEST_UNIT_TAP_H
#define TEST_UNIT_TAP_H

#include <stdbool.h>
#include <stdio.h>

static int tap_count;
static int tap_failed;

/* Reports one check; `name` says what holds. Returns `passed`. */
__attribute__((format(printf, 2, 3))) static inline bool
ok(bool passed, const char *name, ...)
{
    __builtin_va_list arguments;
    tap_count++;
    tap_failed += !passed;
    printf("%sok %d - ", passed ? "" : "not ", tap_count);
    __builtin_va_start(arguments, name);
    vprintf(name, arguments);
    __builtin_va_end(arguments);
    putchar('\n');
    fflush(stdout);
    return passed;
}

/* Ends the test: prints the plan and returns the exit status for main. */
static inline int
done_testing(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed != 0;
}

#endif
