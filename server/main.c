#include "rooms/log.h"
#include "server/admin.h"
#include "server/confine.h"
#include "server/futex_table.h"
#include "server/landlock.h"
#include "server/options.h"
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHY_SIZE   512
#define EXIT_USAGE 2

/*
 * No thread but this one gets the signals that end the server, and this one waits for them. While it
 * stops they are not blocked, so that a second one ends the process at once. A child that has ended
 * keeps its number until it is waited for, also where whoever started the server ignores SIGCHLD.
 */
static int
set_signals(sigset_t *set)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction usual = {.sa_handler = SIG_DFL};

    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGCHLD, &usual, NULL) < 0)
        return -errno;
    return -pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void
wait_for_signal(const sigset_t *set)
{
    int number;

    int error = sigwait(set, &number);
    if (error == 0)
        log_info("signal number=%d", number);
    else
        log_warn(error, "sigwait-failed");
}

/* A file or a connection in the place of one that is missing would get what is logged. */
static int
open_standard_descriptors(void)
{
    int opened;

    do
        opened = open("/dev/null", O_RDWR);
    while (opened >= 0 && opened <= STDERR_FILENO);
    if (opened < 0)
        return -errno;
    (void)close(opened);
    return 0;
}

int
main(int argc, char **argv)
{
    static struct options options;
    static struct server server;
    char why[WHY_SIZE] = "";
    sigset_t signals;

    if (open_standard_descriptors() != 0)
        return EXIT_FAILURE;
    if (argc > 1 && strcmp(argv[1], "admin") == 0)
        return admin_main(argc - 1, argv + 1);
    switch (options_parse(argc, argv, &options, why, sizeof(why))) {
    case OPTIONS_RUN:
        break;
    case OPTIONS_EXIT:
        return EXIT_SUCCESS;
    case OPTIONS_ERROR:
        fprintf(stderr, "chatd: %s\n", why);
        return EXIT_USAGE;
    }
    int error = confine_process(options.user, why, sizeof(why));
    if (error == 0)
        error = landlock_confine(options.database, why, sizeof(why));
    if (error == 0)
        error = set_signals(&signals);
    /* About half of all threads: a few that share a slot are found soon enough. */
    if (error == 0 && futex_table_size(options.max_rooms) != 0)
        log_warnx("futex-table-not-sized rooms=%u", options.max_rooms);
    if (error == 0)
        error = options.check ? server_check(&options, why, sizeof(why))
                              : server_start(&server, &options, why, sizeof(why));
    if (error != 0) {
        fprintf(stderr, "chatd: %s\n", why[0] != '\0' ? why : strerror(-error));
        return EXIT_FAILURE;
    }
    if (options.check)
        return EXIT_SUCCESS;

    wait_for_signal(&signals);
    error = pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    if (error != 0)
        log_warn(error, "signals-not-unblocked");
    server_stop(&server);
    return EXIT_SUCCESS;
}
