#include "server/server.h"

#include "pubsub/pubsub.h"
#include "repo/repo.h"
#include "rooms/lobby.h"
#include "rooms/lock.h"
#include "rooms/log.h"
#include "server/bus.h"
#include "server/handover.h"
#include "server/hasher.h"
#include "server/http.h"
#include "server/json_guard.h"
#include "server/loop.h"
#include "server/options.h"

#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* Address space; only what is used becomes resident. The sanitizers keep much of their own there. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define THREAD_STACK_BYTES ((size_t)4096 * 1024)
#else
#define THREAD_STACK_BYTES ((size_t)512 * 1024)
#endif
#define LARGE_BYTES     (128 * 1024)
#define BUSY_TIMEOUT_MS 2000 /* for another process's write lock */
#define LAST_WAIT_MS    500  /* for the same, in all, when the clients are gone */
#define DRAIN_MS        2500 /* for clients to be answered and to go */
#define CLIENTS_MIN     16
#define WAITING_MAX     256 /* connections whose request is not whole yet */

/*
 * Raises the descriptor limit to what is allowed, and finds how many clients that leaves room for:
 * what is open already, and what civetweb may open, is not for them.
 */
static int
limit_clients(struct server *server, char *why, size_t why_size)
{
    struct rlimit limit;
    unsigned wanted = server->options->max_clients;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        snprintf(why, why_size, "cannot read the descriptor limit: %s", strerror(errno));
        return -errno;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            log_warn(errno, "descriptor-limit-not-raised limit=%ju", (uintmax_t)limit.rlim_max);
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
            return -errno;
    }
    unsigned highest = limit.rlim_cur > 1u << 30 ? 1u << 30 : (unsigned)limit.rlim_cur;
    server->max_waiting = highest / 32 < WAITING_MAX ? highest / 32 : WAITING_MAX;
    /* For what is open already, for civetweb, and for the bus's connections: two a room. */
    unsigned reserve = HANDOVER_DESCRIPTORS + server->max_waiting + 64 +
                       (server->options->redis != NULL ? highest / 4 : 0);
    unsigned possible = highest > reserve ? highest - reserve : 0;
    if (possible < CLIENTS_MIN || wanted > possible) {
        snprintf(why, why_size,
                 "the descriptor limit of %u is too low for %u clients: raise it (ulimit -n)%s",
                 highest, wanted > 0 ? wanted : CLIENTS_MIN,
                 wanted > 0 ? ", or lower --max-clients" : "");
        return -EMFILE;
    }
    server->max_clients = wanted > 0 ? wanted : possible;
    return 0;
}

static int
set_stack_size(void)
{
    pthread_attr_t attributes;

    int error = pthread_attr_init(&attributes);
    if (error == 0)
        error = pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    if (error == 0)
        error = pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
    return -error;
}

/*
 * Has malloc give large pieces back as soon as they are free. By itself it would keep as much as the
 * largest one that ever was. Another malloc, such as a sanitizer's, does without.
 */
static void
set_memory_limits(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

static void
stop_loops(struct server *server)
{
    int64_t deadline = clock_monotonic_ms() + DRAIN_MS;

    for (unsigned i = 0; i < server->loop_count; i++)
        loop_stop(server->loops[i], deadline);
}

static void
for_loops(struct server *server, void (*function)(struct loop *loop))
{
    for (unsigned i = 0; i < server->loop_count; i++)
        function(server->loops[i]);
}

static void
free_loops(struct server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++)
        loop_free(&server->loops[i]);
}

/* As many threads as are of use for what every core should share in. */
static unsigned
count_cores(void)
{
    int cores = get_nprocs();

    return cores < 1 ? 1 : cores > SERVER_LOOPS_MAX ? SERVER_LOOPS_MAX : (unsigned)cores;
}

static int
start_loops(struct server *server)
{
    unsigned count = count_cores();

    for (server->loop_count = 0; server->loop_count < count; server->loop_count++) {
        int error = loop_start(server, &server->loops[server->loop_count]);
        if (error != 0) {
            stop_loops(server);
            for_loops(server, loop_join);
            free_loops(server);
            return error;
        }
    }
    return 0;
}

static bool
may_make_room(void *context, const char *user_id)
{
    return limits_take_new_room(context, user_id);
}

static void
made_no_room(void *context, const char *user_id)
{
    limits_give_back_new_room(context, user_id);
}

static int
open_rooms(struct server *server)
{
    const struct options *options = server->options;

    server->rooms.repo = server->repo;
    server->rooms.pubsub = server->pubsub;
    server->rooms.channel_prefix = options->redis_prefix;
    server->rooms.max_rooms = options->max_rooms;
    server->rooms.max_rooms_per_member = options->max_rooms_per_client;
    server->rooms.grace_ms = options->room_grace_ms;
    server->rooms.presence_grace_ms = options->presence_grace_ms;
    server->rooms.resume_limit = options->resume_limit;
    server->rooms.helpers = count_cores() - 1;
    server->rooms.token_lifetime_ms = options->token_lifetime_s * INT64_C(1000);
    if (options->limit_new_rooms > 0) {
        server->rooms.may_make_room = may_make_room;
        server->rooms.made_no_room = made_no_room;
        server->rooms.context = server;
    }
    return rooms_open(&server->rooms);
}

static struct repo_options
repository(const struct options *options)
{
    return (struct repo_options){
        .path = options->database,
        .durability = options->durability,
        .busy_timeout_ms = BUSY_TIMEOUT_MS,
    };
}

static int
check_static_directory(const struct options *options, char *why, size_t why_size)
{
    struct stat status;

    if (options->static_directory == NULL)
        return 0;
    int error = stat(options->static_directory, &status) < 0 ? -errno : 0;
    if (error == 0 && !S_ISDIR(status.st_mode))
        error = -ENOTDIR;
    if (error != 0)
        snprintf(why, why_size, "--static: %s: %s", options->static_directory, strerror(-error));
    return error;
}

/* Whether a database that is not there could be made. */
static int
check_directory_of(const char *path, char *why, size_t why_size)
{
    char directory[PATH_MAX];

    snprintf(directory, sizeof(directory), "%s", path);
    if (access(dirname(directory), W_OK | X_OK) == 0)
        return 0;
    int error = -errno;
    snprintf(why, why_size, "--db: %s cannot be made: %s", path, strerror(-error));
    return error;
}

unsigned
server_frame_bytes(const struct server *server)
{
    unsigned limit = server->options->limit_json_size;
    return limit > 0 ? limit : SERVER_FRAME_BYTES;
}

int
server_check(const struct options *options, char *why, size_t why_size)
{
    struct server server = {.options = options};
    struct repo_options repo_options = repository(options);
    struct repo *repo;

    int error = limit_clients(&server, why, why_size);
    if (error == 0)
        error = check_static_directory(options, why, why_size);
    if (error == 0)
        error = bus_open(options, "check", (const unsigned char[REPO_SECRET_BYTES]){0},
                         &server.pubsub, why, why_size);
    if (error != 0)
        return error;
    pubsub_close(&server.pubsub);
    if (access(options->database, F_OK) < 0)
        return check_directory_of(options->database, why, why_size);
    error = repo_open(&repo_options, &repo, why, why_size);
    if (error == 0)
        repo_close(&repo);
    return error;
}

/* What has to stand before anything is opened. */
static int
prepare(struct server *server, const struct options *options, char *why, size_t why_size)
{
    memset(server, 0, sizeof(*server));
    server->options = options;
    int error = limit_clients(server, why, why_size);
    if (error == 0)
        error = check_static_directory(options, why, why_size);
    if (error != 0)
        return error;
    snprintf(why, why_size, "cannot start");
    json_guard_set_depth(options->limit_json_depth);
    set_memory_limits();
    return set_stack_size();
}

int
server_start(struct server *server, const struct options *options, char *why, size_t why_size)
{
    struct repo_options repo_options = repository(options);
    unsigned char secret[REPO_SECRET_BYTES];

    int error = prepare(server, options, why, why_size);
    if (error != 0)
        return error;
    /* Before any thread, and before anything is open that its processes need not have. */
    error = hasher_open(count_cores() - 1, &server->hasher);
    if (error != 0) {
        snprintf(why, why_size, "cannot start the processes for passwords: %s", strerror(-error));
        return error;
    }
    error = repo_open(&repo_options, &server->repo, why, why_size);
    if (error != 0)
        goto close_hasher;
    snprintf(why, why_size, "cannot start");
    identifier_make(server->rooms.instance);
    error = repo_secret(server->repo, secret);
    if (error == 0)
        error = bus_open(options, server->rooms.instance, secret, &server->pubsub, why, why_size);
    explicit_bzero(secret, sizeof(secret));
    if (error != 0)
        goto close_repo;
    error = limits_open(&server->limits, options);
    if (error != 0)
        goto close_pubsub;
    error = open_rooms(server);
    if (error != 0) {
        snprintf(why, why_size, "cannot open the rooms: %s", strerror(-error));
        goto close_limits;
    }
    error = start_loops(server);
    if (error != 0) {
        snprintf(why, why_size, "cannot start the I/O loops: %s", strerror(-error));
        goto close_rooms;
    }
    error = http_start(server, &server->http, why, why_size);
    if (error != 0)
        goto end_loops;
    log_info("ready addr=%s version=%s instance=%s max-clients=%u", http_address(server->http),
             CHATD_VERSION, server->rooms.instance, server->max_clients);
    return 0;

end_loops:
    stop_loops(server);
    for_loops(server, loop_join);
    rooms_close(&server->rooms);
    free_loops(server);
    goto close_limits;
close_rooms:
    rooms_close(&server->rooms);
close_limits:
    limits_close(&server->limits);
close_pubsub:
    pubsub_close(&server->pubsub);
close_repo:
    repo_close(&server->repo);
close_hasher:
    hasher_close(&server->hasher);
    return error;
}

static void *
stop_http(void *argument)
{
    struct server *server = argument;

    http_stop(&server->http);
    return NULL;
}

void
server_stop(struct server *server)
{
    pthread_t stopper;

    log_info("draining clients=%u", atomic_load(&server->clients));
    atomic_store(&server->draining, true);
    hasher_stop(server->hasher); /* for which HTTP's workers may wait */
    /* It waits for HTTP clients, for whom chat clients need not wait. */
    bool is_beside = pthread_create(&stopper, NULL, stop_http, server) == 0;
    rooms_drain(&server->rooms);
    stop_loops(server);
    if (!is_beside)
        http_stop(&server->http);
    else if (pthread_join(stopper, NULL) != 0)
        abort();
    for_loops(server, loop_join);
    /* What cannot be stored is refused; but others that write as usual keep nothing from it. */
    repo_hurry(server->repo, LAST_WAIT_MS);
    /* Who arrived is started once the lobby has stored it: the last ones after their loop has ended. */
    lobby_flush(server->rooms.lobby);
    for_loops(server, loop_finish);
    rooms_close(&server->rooms);
    free_loops(server);
    limits_close(&server->limits);
    pubsub_close(&server->pubsub);
    repo_close(&server->repo);
    hasher_close(&server->hasher);
    log_info("stopped");
}
