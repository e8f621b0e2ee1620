#include "server/limits.h"

#include "rooms/lock.h"
#include "rooms/log.h"
#include "server/options.h"
#include "server/peer.h"
#include "server/reception.h"
#include "server/server.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)

#define LOGIN_FIRST_MS  (MINUTE_MS / 2)
#define LOGIN_LAST_MS   (15 * MINUTE_MS)
#define LOGIN_FORGET_MS (15 * MINUTE_MS)
#define LOGIN_USERS     10 /* that share an address, and all of them mistype now and then */

static const char *const names[LIMIT_COUNT] = {
    [LIMIT_CONNECTIONS] = "connections", [LIMIT_CONNECTS] = "connects",
    [LIMIT_MESSAGES] = "messages",       [LIMIT_ROOMS] = "rooms",
    [LIMIT_NEW_ROOMS] = "new-rooms",     [LIMIT_REGISTRATIONS] = "registrations",
    [LIMIT_LOGINS] = "logins",           [LIMIT_BODY] = "body",
    [LIMIT_JSON_DEPTH] = "json-depth",   [LIMIT_JSON_SIZE] = "json-size",
    [LIMIT_HEAD_TIME] = "head-time",     [LIMIT_FRAME_TIME] = "frame-time",
};

/* ---- all of them -------------------------------------------------------------------------- */

static int
open_rates(struct limits *limits, const struct options *options)
{
    const struct {
        struct rate_limit **out;
        struct rate rate;
    } table[] = {
        {&limits->connects, {options->limit_connects, options->limit_connects, MINUTE_MS}},
        {&limits->messages, {options->limit_messages, options->limit_messages_burst, 1000}},
        /* Who comes back joins all that it was in at once. */
        {&limits->joins,
         {options->limit_messages, options->limit_messages_burst + options->max_rooms_per_client,
          1000}},
        {&limits->hints, {options->limit_messages, options->limit_messages_burst, 1000}},
        {&limits->new_rooms, {options->limit_new_rooms, options->limit_new_rooms, HOUR_MS}},
        {&limits->registrations,
         {options->limit_registrations, options->limit_registrations, HOUR_MS}},
    };
    int error = 0;

    for (size_t i = 0; error == 0 && i < sizeof(table) / sizeof(table[0]); i++)
        error = rate_limit_open(&table[i].rate, table[i].out);
    return error;
}

static int
open_failures(struct limits *limits, const struct options *options)
{
    struct failure_rate rate = {
        .free = options->limit_logins,
        .first_ms = LOGIN_FIRST_MS,
        .last_ms = LOGIN_LAST_MS,
        .forget_ms = LOGIN_FORGET_MS,
    };

    int error = failure_limit_open(&rate, &limits->login_accounts);
    rate.free *= LOGIN_USERS;
    return error != 0 ? error : failure_limit_open(&rate, &limits->login_addresses);
}

int
limits_open(struct limits *limits, const struct options *options)
{
    *limits = (struct limits){0};
    int error = open_rates(limits, options);
    if (error == 0)
        error = open_failures(limits, options);
    if (error == 0)
        error = counted_open(&limits->connections);
    if (error == 0)
        error = counted_open(&limits->rooms);
    if (error == 0)
        error = counted_open(&limits->bodies);
    if (error != 0)
        limits_close(limits);
    return error;
}

void
limits_close(struct limits *limits)
{
    rate_limit_close(&limits->connects);
    rate_limit_close(&limits->messages);
    rate_limit_close(&limits->joins);
    rate_limit_close(&limits->hints);
    rate_limit_close(&limits->new_rooms);
    rate_limit_close(&limits->registrations);
    failure_limit_close(&limits->login_accounts);
    failure_limit_close(&limits->login_addresses);
    counted_close(&limits->connections);
    counted_close(&limits->rooms);
    counted_close(&limits->bodies);
}

void
limits_count(struct server *server, enum limit limit, const char *who)
{
    struct limits *limits = &server->limits;
    int64_t now = clock_monotonic_ms();
    int64_t last = atomic_load(&limits->logged[limit]);
    uint64_t count = atomic_fetch_add(&limits->refused[limit], 1) + 1;

    if (last != 0 && now - last < MINUTE_MS)
        return;
    if (atomic_compare_exchange_strong(&limits->logged[limit], &last, now))
        log_warnx("limit-met limit=%s by=%s count=%" PRIu64, names[limit], who != NULL ? who : "-",
                  count);
}

/* The reception knows nothing of these: its own numbers go with them. */
static uint64_t
counted_elsewhere(enum limit limit)
{
    struct reception_counters reception;

    reception_count(&reception);
    return limit == LIMIT_HEAD_TIME     ? reception.timed_out
           : limit == LIMIT_CONNECTIONS ? reception.crowded
                                        : 0;
}

uint64_t
limits_counted(struct server *server, enum limit limit)
{
    return atomic_load(&server->limits.refused[limit]) + counted_elsewhere(limit);
}

void
limits_write_metrics(struct server *server, FILE *stream)
{
    fputs("# HELP chatd_limited_total What was refused, or ended, by a limit.\n"
          "# TYPE chatd_limited_total counter\n",
          stream);
    for (size_t i = 0; i < LIMIT_COUNT; i++)
        fprintf(stream, "chatd_limited_total{limit=\"%s\"} %" PRIu64 "\n", names[i],
                limits_counted(server, (enum limit)i));
}

/* ---- each --------------------------------------------------------------------------------- */

static bool
take_for_address(struct server *server, struct rate_limit *rate, enum limit limit,
                 const struct peer *peer, int64_t *retry_after_ms)
{
    if (rate_limit_take(rate, peer->key, sizeof(peer->key), clock_monotonic_ms(), retry_after_ms))
        return true;
    limits_count(server, limit, peer->text);
    return false;
}

static bool
take_for_user(struct server *server, struct rate_limit *rate, enum limit limit, const char *user_id,
              int64_t *retry_after_ms)
{
    if (rate_limit_take(rate, user_id, strlen(user_id), clock_monotonic_ms(), retry_after_ms))
        return true;
    limits_count(server, limit, user_id);
    return false;
}

bool
limits_take_connect(struct server *server, const struct peer *peer, int64_t *retry_after_ms)
{
    return take_for_address(server, server->limits.connects, LIMIT_CONNECTS, peer, retry_after_ms);
}

bool
limits_take_registration(struct server *server, const struct peer *peer, int64_t *retry_after_ms)
{
    return take_for_address(server, server->limits.registrations, LIMIT_REGISTRATIONS, peer,
                            retry_after_ms);
}

void
limits_give_back_registration(struct server *server, const struct peer *peer)
{
    rate_limit_give_back(server->limits.registrations, peer->key, sizeof(peer->key),
                         clock_monotonic_ms());
}

bool
limits_take_login(struct server *server, const struct peer *peer, const char *folded_name,
                  int64_t *retry_after_ms)
{
    struct limits *limits = &server->limits;
    size_t length = strlen(folded_name);
    int64_t now = clock_monotonic_ms();

    if (failure_limit_take(limits->login_accounts, folded_name, length, now, retry_after_ms)) {
        if (failure_limit_take(limits->login_addresses, peer->key, sizeof(peer->key), now,
                               retry_after_ms))
            return true;
        failure_limit_give_back(limits->login_accounts, folded_name, length);
    }
    limits_count(server, LIMIT_LOGINS, peer->text);
    return false;
}

void
limits_forget_login(struct server *server, const struct peer *peer, const char *folded_name)
{
    failure_limit_forget(server->limits.login_accounts, folded_name, strlen(folded_name));
    /* Of the address only this one: else who has an account could try others' without end. */
    failure_limit_give_back(server->limits.login_addresses, peer->key, sizeof(peer->key));
}

void
limits_give_back_login(struct server *server, const struct peer *peer, const char *folded_name)
{
    failure_limit_give_back(server->limits.login_accounts, folded_name, strlen(folded_name));
    failure_limit_give_back(server->limits.login_addresses, peer->key, sizeof(peer->key));
}

bool
limits_take_message(struct server *server, const char *user_id, int64_t *retry_after_ms)
{
    return take_for_user(server, server->limits.messages, LIMIT_MESSAGES, user_id, retry_after_ms);
}

bool
limits_take_join(struct server *server, const char *user_id, int64_t *retry_after_ms)
{
    return take_for_user(server, server->limits.joins, LIMIT_MESSAGES, user_id, retry_after_ms);
}

bool
limits_take_hint(struct server *server, const char *user_id)
{
    int64_t retry_after_ms;

    return take_for_user(server, server->limits.hints, LIMIT_MESSAGES, user_id, &retry_after_ms);
}

bool
limits_take_new_room(struct server *server, const char *user_id)
{
    int64_t retry_after_ms;

    return take_for_user(server, server->limits.new_rooms, LIMIT_NEW_ROOMS, user_id,
                         &retry_after_ms);
}

void
limits_give_back_new_room(struct server *server, const char *user_id)
{
    rate_limit_give_back(server->limits.new_rooms, user_id, strlen(user_id), clock_monotonic_ms());
}

int
limits_begin_connection(struct server *server, const struct peer *peer, struct counted_holder **out)
{
    int error = counted_take(server->limits.connections, peer->key, sizeof(peer->key), 1,
                             server->options->limit_connections, out);
    if (error == -EAGAIN)
        limits_count(server, LIMIT_CONNECTIONS, peer->text);
    return error;
}

void
limits_end_connection(struct server *server, struct counted_holder **pointer)
{
    if (*pointer != NULL)
        counted_give(server->limits.connections, pointer, 1);
}

unsigned
limits_move_rooms(struct server *server, const char *user_id, struct counted_holder **holder,
                  unsigned from, unsigned to)
{
    struct counted *rooms = server->limits.rooms;

    if (*holder != NULL)
        return counted_move(rooms, *holder, from, to);
    /* Without memory for it, the rooms of the connection alone are limited. */
    if (counted_take(rooms, user_id, strlen(user_id), 0, 0, holder) != 0)
        return 0;
    return counted_move(rooms, *holder, 0, to);
}

unsigned
limits_rooms_left(const struct server *server, unsigned rooms)
{
    unsigned maximum = server->options->limit_rooms;

    if (maximum == 0)
        return UINT16_MAX;
    return maximum > rooms ? maximum - rooms : 0;
}

void
limits_end_rooms(struct server *server, struct counted_holder **pointer, unsigned count)
{
    if (*pointer != NULL)
        counted_give(server->limits.rooms, pointer, count);
}
