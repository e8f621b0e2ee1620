#include "server/loop.h"

#include "rooms/lock.h"
#include "rooms/log.h"
#include "server/client.h"
#include "server/inflater.h"
#include "server/options.h"
#include "server/server.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_MAX    256
#define BUFFER_BYTES  (SERVER_FRAME_BYTES + 14) /* the longest frame with its header */
#define LAST_CLOSE_MS 500                       /* for it when a stopping loop is at its end */
#define CLOSE_WAIT_MS 2000                      /* for the client's answer to a Close */
#define LOOK_MS       500                       /* between two looks for unfinished messages */

/* Clients by when something came last, or by when their closing began: oldest first. */
struct client_list {
    struct client *oldest;
    struct client *newest;
};

struct loop {
    struct server *server;      /* [I] */
    pthread_t thread;           /* [I] */
    int epoll;                  /* [I] */
    int64_t ping_after_ms;      /* [I] without a sign of life, until a ping is sent */
    int64_t idle_timeout_ms;    /* [I] and until the connection is ended */
    int64_t frame_time_ms;      /* [I] in which a message has to come; 0: no limit */
    int64_t looked;             /* [T] for those that take longer, the last time */
    int unfinished;             /* [T] clients that have sent a part of one */
    int wake;                   /* [I] an eventfd: something was asked for */
    struct client_list open;    /* [T] */
    struct client_list closing; /* [T] */
    struct lock lock;           /* rank LOCK_LOOP: the fields marked [m] */
    struct client *asked;       /* [m] clients about which something was asked, newest first */
    int64_t deadline;           /* [m] when a stopping loop ends what is left; 0: it runs */
    atomic_bool stopping;       /* [a] */
    atomic_bool ended;          /* [a] the thread has served its last client */
    bool drained;               /* [T] every client was told to go */
    struct inflater *inflater;  /* [T] or NULL */
    char buffer[BUFFER_BYTES];  /* [T] */
};

static void
list_remove(struct client_list *list, struct client *client)
{
    if (client->older != NULL)
        client->older->newer = client->newer;
    else
        list->oldest = client->newer;
    if (client->newer != NULL)
        client->newer->older = client->older;
    else
        list->newest = client->older;
}

static void
list_append(struct client_list *list, struct client *client)
{
    client->newer = NULL;
    client->older = list->newest;
    if (list->newest != NULL)
        list->newest->newer = client;
    else
        list->oldest = client;
    list->newest = client;
}

char *
loop_buffer(struct loop *loop, size_t *size)
{
    *size = sizeof(loop->buffer);
    return loop->buffer;
}

struct inflater *
loop_inflater(struct loop *loop)
{
    if (loop->inflater == NULL)
        loop->inflater = inflater_open(server_frame_bytes(loop->server));
    return loop->inflater;
}

bool
loop_is_stopping(const struct loop *loop)
{
    return atomic_load(&loop->stopping);
}

bool
loop_has_ended(const struct loop *loop)
{
    return atomic_load(&loop->ended);
}

int
loop_watch(struct loop *loop, struct client *client, int socket)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    client->heard = clock_monotonic_ms();
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, socket, &event) < 0)
        return -errno;
    list_append(&loop->open, client);
    return 0;
}

void
loop_rewatch(struct loop *loop, struct client *client, int socket, bool input, bool output)
{
    struct epoll_event event = {.data.ptr = client};

    lock_assert_held(&client->lock);
    event.events = (input ? (uint32_t)EPOLLIN : 0) | (output ? (uint32_t)EPOLLOUT : 0);
    /* The socket is in the epoll until the client ends, and its socket is -1 from then on. */
    int error = epoll_ctl(loop->epoll, EPOLL_CTL_MOD, socket, &event) < 0 ? errno : 0;
    assert(error == 0 || error == ENOENT || error == ENOMEM);
}

void
loop_heard(struct loop *loop, struct client *client)
{
    /* The time to close in does not begin anew with whatever still comes. */
    if (client->closing)
        return;
    client->heard = clock_monotonic_ms();
    client->pinged = false;
    if (client->newer == NULL)
        return;
    list_remove(&loop->open, client);
    list_append(&loop->open, client);
}

void
loop_closing(struct loop *loop, struct client *client)
{
    client->heard = clock_monotonic_ms();
    list_remove(&loop->open, client);
    list_append(&loop->closing, client);
}

void
loop_forget(struct loop *loop, struct client *client)
{
    list_remove(client->closing ? &loop->closing : &loop->open, client);
}

static void
wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake, &one, sizeof(one));
    assert(written == sizeof(one) || errno == EAGAIN);
}

void
loop_ask(struct loop *loop, struct client *client, enum loop_request request)
{
    bool is_first = false;

    lock_take(&loop->lock);
    if (client->asked == 0) {
        client_hold(client);
        client->next_asked = loop->asked;
        is_first = loop->asked == NULL;
        loop->asked = client;
    }
    client->asked |= request;
    lock_drop(&loop->lock);
    if (is_first)
        wake(loop);
}

static void
handle_requests(struct loop *loop)
{
    uint64_t count;
    ssize_t got = read(loop->wake, &count, sizeof(count));
    assert(got == sizeof(count) || errno == EAGAIN);

    lock_take(&loop->lock);
    struct client *client = loop->asked;
    loop->asked = NULL;
    lock_drop(&loop->lock);
    while (client != NULL) {
        lock_take(&loop->lock);
        struct client *next = client->next_asked;
        unsigned asked = client->asked;
        client->asked = 0;
        lock_drop(&loop->lock);
        client_handle_request(client, asked);
        client_rele(client);
        client = next;
    }
}

/*
 * Pings who has been silent, ends who stays so, and who does not answer a Close. What had come by
 * `seen` was handled.
 */
static void
handle_silence(struct loop *loop, int64_t seen, int64_t now)
{
    struct client *client;

    while ((client = loop->closing.oldest) != NULL && now - client->heard >= CLOSE_WAIT_MS)
        client_end(client);
    /* Newer ones have heard later, so those that were pinged stand first. */
    for (client = loop->open.oldest; client != NULL && now - client->heard >= loop->ping_after_ms;
         client = client->newer) {
        if (client->pinged)
            continue;
        /* However late its ping is, it has the usual time for the answer. */
        client->heard = now - loop->ping_after_ms;
        client_ping(client);
    }
    while ((client = loop->open.oldest) != NULL && seen - client->heard >= loop->idle_timeout_ms) {
        /* One reads what comes before the ping; the other one is not listened to by us. */
        if (client_takes(client) || (client_is_paused(client) && !client_owes_reading(client))) {
            list_remove(&loop->open, client);
            list_append(&loop->open, client);
            client->heard = now;
            continue;
        }
        atomic_fetch_add(&loop->server->counters.timed_out, 1);
        client_end(client);
    }
}

void
loop_count_unfinished(struct loop *loop, int change)
{
    loop->unfinished += change;
    assert(loop->unfinished >= 0);
}

/* Closes those whose messages do not come to their end. There are few as a rule, and mostly none. */
static void
handle_unfinished(struct loop *loop, int64_t now)
{
    struct client *next;

    if (loop->frame_time_ms == 0 || loop->unfinished == 0 || now - loop->looked < LOOK_MS)
        return;
    loop->looked = now;
    for (struct client *client = loop->open.oldest; client != NULL; client = next) {
        next = client->newer;
        client_end_unfinished(client, now - loop->frame_time_ms);
    }
}

/* Tells every client to go; returns whether the loop is at its end. */
static bool
handle_stop(struct loop *loop, int64_t now)
{
    if (!atomic_load(&loop->stopping))
        return false;
    if (!loop->drained) {
        struct client *next;
        for (struct client *client = loop->open.oldest; client != NULL; client = next) {
            next = client->newer;
            client_drain(client);
        }
        loop->drained = true;
    }
    lock_take(&loop->lock);
    int64_t deadline = loop->deadline;
    lock_drop(&loop->lock);
    while (now >= deadline && loop->open.oldest != NULL) {
        char reason[CLIENT_REASON_SIZE];
        client_restart_reason(reason);
        client_close(loop->open.oldest, WEBSOCKET_CLOSE_RESTART, reason);
    }
    while (now >= deadline + LAST_CLOSE_MS && loop->closing.oldest != NULL)
        client_end(loop->closing.oldest);
    return loop->open.oldest == NULL && loop->closing.oldest == NULL;
}

/* Milliseconds until there is something to do without an event, or -1. */
static int
patience(struct loop *loop, int64_t now)
{
    int64_t until = INT64_MAX;

    if (loop->open.oldest != NULL)
        until = loop->open.oldest->heard +
                (loop->open.oldest->pinged ? loop->idle_timeout_ms : loop->ping_after_ms) - now;
    if (loop->closing.oldest != NULL && loop->closing.oldest->heard + CLOSE_WAIT_MS - now < until)
        until = loop->closing.oldest->heard + CLOSE_WAIT_MS - now;
    if (atomic_load(&loop->stopping) && until > 100)
        until = 100;
    /* Others than the oldest may be due for a ping meanwhile. */
    if (until > 1000 && until != INT64_MAX)
        until = 1000;
    return until == INT64_MAX ? -1 : until > 0 ? (int)until : 0;
}

static void *
loop_main(void *argument)
{
    struct loop *loop = argument;
    struct epoll_event events[EVENTS_MAX];
    int64_t seen = 0;

    for (;;) {
        int64_t now = clock_monotonic_ms();
        int64_t before = now;
        int count = epoll_wait(loop->epoll, events, EVENTS_MAX, patience(loop, now));
        assert(count >= 0 || errno == EINTR);
        bool asked = false;
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (client == NULL) {
                asked = true;
                continue;
            }
            /* A client may end while its input is handled. */
            client_hold(client);
            if ((events[i].events & EPOLLOUT) != 0)
                client_handle_output(client);
            if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
                client_handle_input(client);
            client_rele(client);
        }
        if (asked)
            handle_requests(loop);
        if (count < EVENTS_MAX)
            seen = before;
        now = clock_monotonic_ms();
        handle_silence(loop, seen, now);
        handle_unfinished(loop, now);
        if (handle_stop(loop, now)) {
            atomic_store(&loop->ended, true);
            return NULL;
        }
    }
}

int
loop_start(struct server *server, struct loop **out)
{
    int error = 0;
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return -ENOMEM;
    loop->server = server;
    loop->ping_after_ms = server->options->ping_after_s * INT64_C(1000);
    loop->idle_timeout_ms = server->options->idle_timeout_s * INT64_C(1000);
    loop->frame_time_ms = server->options->limit_frame_time_s * INT64_C(1000);
    lock_init(&loop->lock, LOCK_LOOP);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (loop->epoll < 0 || loop->wake < 0 ||
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) < 0)
        error = -errno;
    else
        error = -pthread_create(&loop->thread, NULL, loop_main, loop);
    if (error == 0) {
        *out = loop;
        return 0;
    }
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->wake >= 0)
        close(loop->wake);
    lock_destroy(&loop->lock);
    free(loop);
    return error;
}

void
loop_stop(struct loop *loop, int64_t deadline)
{
    lock_take(&loop->lock);
    loop->deadline = deadline;
    lock_drop(&loop->lock);
    atomic_store(&loop->stopping, true);
    wake(loop);
}

void
loop_join(struct loop *loop)
{
    int error = pthread_join(loop->thread, NULL);
    assert(error == 0);
}

void
loop_finish(struct loop *loop)
{
    assert(loop_has_ended(loop));
    handle_requests(loop);
}

void
loop_free(struct loop **pointer)
{
    struct loop *loop = *pointer;

    *pointer = NULL;
    /* What was asked last about clients that have ended. */
    handle_requests(loop);
    inflater_close(&loop->inflater);
    close(loop->epoll);
    close(loop->wake);
    lock_destroy(&loop->lock);
    free(loop);
}
