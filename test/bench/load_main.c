#include "test/bench/load.h"
#include "test/bench/wire.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS_MAX   512
#define DRAIN_FACTOR 10       /* drains at most so many times as long as it waits for a byte */
#define TICK         5000000u /* ns: how often a phase looks whether it is over */

void
load_note(struct load *load, const char *format, ...)
{
    va_list arguments;

    if (load->problem[0] != '\0')
        return;
    va_start(arguments, format);
    (void)vsnprintf(load->problem, sizeof(load->problem), format, arguments);
    va_end(arguments);
}

static uint64_t
nanoseconds(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

static void
handle_event(struct load *load, const struct epoll_event *event)
{
    struct load_client *client = event->data.ptr;

    if (client->state == LOAD_CONNECTING) {
        load_connected(load, client);
        return;
    }
    if ((event->events & EPOLLOUT) != 0 && client->output.size > 0)
        load_flush(load, client);
    if ((event->events & ~(uint32_t)EPOLLOUT) != 0 && client->state != LOAD_GONE)
        load_receive(load, client);
}

/* Waits for events until then at most, and handles them. Returns the time. */
static uint64_t
turn(struct load *load, uint64_t until)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t now = wire_now();
    uint64_t wait = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u),
                               .tv_nsec = (long)(wait % 1000000000u)};

    int count = epoll_pwait2(load->epoll, events, EVENTS_MAX, &timeout, NULL);
    for (int i = 0; i < count; i++)
        handle_event(load, &events[i]);
    now = wire_now();
    for (uint32_t i = 0; i < load->dirty_count; i++) {
        load->dirty[i]->is_dirty = false;
        if (load->is_sending && load->options.rate <= 0)
            load_top_up(load, load->dirty[i], now);
    }
    load->dirty_count = 0;
    return now;
}

static void
connect_all(struct load *load)
{
    const struct load_options *options = &load->options;
    uint64_t start = wire_now();
    uint64_t limit = start + nanoseconds(options->connect_limit);

    for (uint64_t now = start; load->greeted < options->clients && now < limit;) {
        double allowed = options->clients;
        if (options->connect_rate > 0)
            allowed = (double)(now - start) / 1e9 * options->connect_rate + 1;
        while (load->started < options->clients && load->started < allowed &&
               load->started - load->greeted < options->connecting)
            load_start_client(load, &load->clients[load->started]);
        now = turn(load, now + (load->started < options->clients ? TICK / 10 : TICK));
    }
    if (load->greeted < options->clients)
        load_note(load, "only %u of %u clients were greeted in time", load->greeted,
                  options->clients);
}

/* Until everything that follows from so many clients was said. */
static void
settle(struct load *load)
{
    uint64_t now = wire_now();
    uint64_t limit = now + nanoseconds(load->options.connect_limit);
    uint64_t quiet = nanoseconds(load->options.quiet);
    bool knows;

    do {
        now = turn(load, now + TICK);
        knows =
            !load->options.list || load->knowing == load->options.clients || load->counts.gone > 0;
    } while (now < limit && !(knows && now > load->last_byte + quiet));
    if (!knows)
        load_note(load, "only %u clients were told of everybody", load->knowing);
    else if (now <= load->last_byte + quiet)
        load_note(load, "not quiet in time");
}

static void
join_all(struct load *load)
{
    uint64_t now = wire_now();
    uint64_t limit = now + nanoseconds(load->options.connect_limit);
    uint32_t next = 0;

    while ((next < load->options.clients || load->joined < load->joining) && now < limit) {
        for (;
             next < load->options.clients && load->joining - load->joined < load->options.under_way;
             next++) {
            if (load->clients[next].state == LOAD_READY)
                load_join(load, &load->clients[next]);
        }
        now = turn(load, now + TICK);
    }
    if (load->joined < load->options.clients)
        load_note(load, "only %u of %u clients joined in time", load->joined,
                  load->options.clients);
    else
        settle(load);
}

static void
measure(struct load *load)
{
    const struct load_options *options = &load->options;
    uint64_t now = wire_now();

    load->from = now + nanoseconds(options->warm_up);
    load->until = load->from + nanoseconds(options->duration);
    load->sending_since = load->next_due = now;
    load->is_sending = !options->idle;
    for (uint32_t i = 0; load->is_sending && options->rate <= 0 && i < options->rooms; i++)
        load_top_up(load, &load->rooms[i], now);
    while (now < load->until) {
        uint64_t wake = now + TICK;
        if (now >= load->from && load->first.time == 0) {
            load_take_moment(load, &load->first, false);
            if (options->progress)
                (void)fputs("measuring\n", stderr);
        }
        if (load->is_sending && options->rate > 0) {
            load_post_due(load, now);
            wake = load->next_due < wake ? load->next_due : wake;
        }
        now = turn(load, wake < load->until ? wake : load->until);
    }
    /* What was due in the last moment is sent too, however late this thread was. */
    if (load->is_sending && options->rate > 0)
        load_post_due(load, load->until);
    load->is_sending = false;
    load_take_moment(load, &load->last, true);
    /* A server that is behind is slow and not lossy; and what comes twice may come late. */
    uint64_t drain = nanoseconds(options->drain);
    uint64_t limit = now + DRAIN_FACTOR * drain;
    uint64_t quiet = nanoseconds(options->quiet);
    load->last_byte = now;
    while (now < limit && now < load->last_byte + drain &&
           !(load_is_complete(load) && now > load->last_byte + quiet))
        now = turn(load, now + TICK);
}

static void *
allocate(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);

    if (memory == NULL) {
        perror("chatd-load");
        exit(2);
    }
    return memory;
}

static void
prepare(struct load *load)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog, and then ";
    const struct load_options *options = &load->options;
    struct rlimit files;

    /* No limit of its own: what the server may have it may need as well. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    (void)alarm(options->limit);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->clients = allocate(options->clients, sizeof(*load->clients));
    load->rooms = allocate(options->rooms, sizeof(*load->rooms));
    load->dirty = allocate(options->rooms, sizeof(struct load_room *));
    load->buffer = allocate(1, LOAD_KEPT_MAX + LOAD_READ_SIZE);
    load->filling = allocate(1, options->size);
    if (options->deflate)
        load->inflater = load_inflater_new();
    load->sending = allocate(options->window, options->size + 256);
    for (uint32_t i = 0; i < options->size; i++)
        load->filling[i] = words[i % (sizeof(words) - 1)];
    for (uint32_t i = 0; i < options->clients; i++) {
        struct load_client *client = &load->clients[i];
        client->socket = -1;
        client->silent = i >= options->clients - options->silent;
        if (options->rooms == 0)
            continue;
        client->room = &load->rooms[i % options->rooms];
        client->room->members += !client->silent;
        if (i < options->rooms)
            client->room->sender = client;
    }
}

int
main(int argc, char **argv)
{
    static struct load load; /* the histograms are too large for some stacks */
    int status = load_options_parse(argc, argv, &load.options);

    if (status != 0)
        return status;
    prepare(&load);
    load.last_byte = wire_now();
    load_take_moment(&load, &load.start, true);
    connect_all(&load);
    settle(&load);
    load.quiet_at = load.last_byte;
    load.told = load.received;
    load_take_moment(&load, &load.connected, true);
    if (load.options.rooms > 0 && load.problem[0] == '\0')
        join_all(&load);
    load_take_moment(&load, &load.in_rooms, true);
    /* Figures of a part of the clients would be taken for those of all. */
    if (load.problem[0] == '\0')
        measure(&load);
    load_check_end(&load);
    return load_report(&load);
}
