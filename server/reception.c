#include "server/reception.h"

#include "rooms/lock.h"
#include "rooms/log.h"
#include "server/handover.h"
#include "server/peer.h"
#include "server/rate_limit.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CROWD_MS 1000  /* in which nobody has to make room for others */
#define HEAD_MAX 16384 /* bytes that civetweb reads of a head */

static const char too_late[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";

/* A connection whose head is not whole. */
struct visit {
    int socket;
    int64_t came; /* clock_monotonic_ms */
    struct sockaddr_in peer;
    struct counted_holder *address; /* NULL where addresses are not counted */
    struct visit *next;             /* who came later */
    struct visit *previous;
};

/* The one of this process: accept has no argument to say which. Used by civetweb's master thread. */
static struct {
    struct reception_options options;
    struct counted *addresses; /* of who waits */
    int listener;              /* civetweb's, under a number of ours; -1 until it first accepts */
    int epoll;
    int timer;
    int bell;              /* [I] an eventfd: civetweb is to look whether it shall stop */
    atomic_bool has_begun; /* [a] the epoll has taken the listener's place */
    bool is_deaf;          /* who comes is left in the listener's queue */
    struct visit *oldest;
    struct visit *newest;
    atomic_uint_fast64_t waiting;   /* [a] the list's length */
    atomic_uint_fast64_t timed_out; /* [a] */
    atomic_uint_fast64_t displaced; /* [a] */
    atomic_uint_fast64_t crowded;   /* [a] */
    char head[HEAD_MAX];
} reception = {.listener = -1, .epoll = -1, .timer = -1, .bell = -1};

/* ---- who waits ---------------------------------------------------------------------------- */

/* When the oldest one has to make room for who comes, if more cannot wait. */
static int64_t
room_at(void)
{
    return reception.oldest->came + CROWD_MS;
}

/* When the visit's time is over. */
static int64_t
deadline_of(const struct visit *visit)
{
    return reception.options.head_ms > 0 ? visit->came + reception.options.head_ms : INT64_MAX;
}

/* Has the timer say when the oldest one's time is over, or room can be made. */
static void
set_timer(void)
{
    struct itimerspec when = {0};

    int64_t at = INT64_MAX;

    if (reception.oldest != NULL)
        at = reception.is_deaf ? room_at() : deadline_of(reception.oldest);
    if (at != INT64_MAX) {
        when.it_value.tv_sec = at / 1000;
        when.it_value.tv_nsec = at % 1000 * 1000000;
    }
    int error = timerfd_settime(reception.timer, TFD_TIMER_ABSTIME, &when, NULL);
    assert(error == 0);
}

static void
set_deaf(bool is_deaf)
{
    struct epoll_event wanted = {.events = is_deaf ? 0 : EPOLLIN, .data.ptr = &reception.listener};

    reception.is_deaf = is_deaf;
    int error = epoll_ctl(reception.epoll, EPOLL_CTL_MOD, reception.listener, &wanted);
    assert(error == 0);
    set_timer();
}

/* Takes the visit off the list; the socket stays open. */
static int
end_visit(struct visit *visit)
{
    int socket = visit->socket;

    if (visit->previous != NULL)
        visit->previous->next = visit->next;
    else
        reception.oldest = visit->next;
    if (visit->next != NULL)
        visit->next->previous = visit->previous;
    else
        reception.newest = visit->previous;
    atomic_fetch_sub(&reception.waiting, 1);
    if (visit->address != NULL)
        counted_give(reception.addresses, &visit->address, 1);
    free(visit);
    if (reception.is_deaf)
        set_deaf(false);
    return socket;
}

/* Whoever is gone, or does not read, is not told: closing says as much. */
static void
tell(int socket, const char *answer)
{
    if (send(socket, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        assert(errno != EBADF && errno != EFAULT);
}

static void
send_away(struct visit *visit, const char *answer)
{
    int socket = end_visit(visit);

    if (answer != NULL)
        tell(socket, answer);
    close(socket);
}

static void
send_away_late(void)
{
    uint64_t expirations;

    if (read(reception.timer, &expirations, sizeof(expirations)) < 0)
        assert(errno == EAGAIN);
    while (reception.oldest != NULL && deadline_of(reception.oldest) <= clock_monotonic_ms()) {
        atomic_fetch_add(&reception.timed_out, 1);
        send_away(reception.oldest, too_late);
    }
    if (reception.is_deaf)
        set_deaf(false);
    else
        set_timer();
}

/* ---- heads -------------------------------------------------------------------------------- */

enum head { HEAD_PART, HEAD_WHOLE, HEAD_NONE };

/* How far the request's head has come; HEAD_NONE: nothing comes any more. */
static enum head
look(int socket)
{
    ssize_t length = recv(socket, reception.head, sizeof(reception.head), MSG_PEEK | MSG_DONTWAIT);

    if (length < 0)
        return errno == EAGAIN || errno == EINTR ? HEAD_PART : HEAD_NONE;
    if (length == 0)
        return HEAD_NONE;
    if (length == HEAD_MAX || memmem(reception.head, (size_t)length, "\n\r\n", 3) != NULL ||
        memmem(reception.head, (size_t)length, "\n\n", 2) != NULL)
        return HEAD_WHOLE;
    /* What is no HTTP is civetweb's to refuse. */
    for (ssize_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)reception.head[i];
        if (byte < ' ' && byte != '\r' && byte != '\n' && byte != '\t')
            return HEAD_WHOLE;
    }
    return HEAD_PART;
}

/* Counts the visit with others of its address. Returns whether it may wait. */
static bool
count_address(struct visit *visit)
{
    in_addr_t address = visit->peer.sin_addr.s_addr;
    unsigned maximum = reception.options.maximum_of_address;
    unsigned char key[PEER_KEY_BYTES];

    if (maximum == 0 || peer_list_has(reception.options.trusted_proxy, address))
        return true;
    peer_key_of(address, key);
    int error = counted_take(reception.addresses, key, sizeof(key), 1, maximum, &visit->address);
    if (error == -EAGAIN)
        atomic_fetch_add(&reception.crowded, 1);
    return error == 0;
}

/* Has the connection wait for the rest of its head. It is closed where that is not possible. */
static void
begin_visit(int low, const struct sockaddr_in *peer)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    int socket = fcntl(low, F_DUPFD_CLOEXEC, reception.options.base);

    close(low);
    if (visit != NULL)
        visit->peer = *peer;
    if (visit == NULL || socket < 0 || !count_address(visit)) {
        if (socket >= 0)
            close(socket);
        free(visit);
        return;
    }
    if (atomic_load(&reception.waiting) == reception.options.maximum) {
        atomic_fetch_add(&reception.displaced, 1);
        send_away(reception.oldest, NULL);
    }
    visit->socket = socket;
    visit->came = clock_monotonic_ms();
    visit->previous = reception.newest;
    if (reception.newest != NULL)
        reception.newest->next = visit;
    else
        reception.oldest = visit;
    reception.newest = visit;
    atomic_fetch_add(&reception.waiting, 1);
    if (reception.oldest == visit)
        set_timer();
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = visit};
    if (epoll_ctl(reception.epoll, EPOLL_CTL_ADD, socket, &wanted) < 0)
        send_away(visit, NULL);
}

/* Takes a connection that comes. Returns its descriptor when its head is whole already, or -1. */
static int
take_new(struct sockaddr_in *peer)
{
    socklen_t size = sizeof(*peer);

    /* Of a crowd that comes at once nobody is sent away before its head had time to come. */
    if (reception.oldest != NULL && atomic_load(&reception.waiting) >= reception.options.maximum &&
        clock_monotonic_ms() < room_at()) {
        set_deaf(true);
        return -1;
    }
    int socket =
        accept4(reception.listener, (struct sockaddr *)peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (socket < 0) {
        /* Without descriptors the listener stays readable: who waits makes room, or time does. */
        const struct timespec moment = {.tv_nsec = 10000000};
        if ((errno == EMFILE || errno == ENFILE) && reception.oldest != NULL)
            send_away(reception.oldest, NULL);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            (void)nanosleep(&moment, NULL);
        return -1;
    }
    enum head head = look(socket);
    if (head == HEAD_WHOLE)
        return socket;
    if (head == HEAD_PART)
        begin_visit(socket, peer);
    else
        close(socket);
    return -1;
}

/* Looks at what has come for a visit. Returns its descriptor once its head is whole, or -1. */
static int
go_on(struct visit *visit, uint32_t events, struct sockaddr_in *peer)
{
    enum head head = look(visit->socket);

    if (head == HEAD_NONE ||
        (head == HEAD_PART && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0))
        send_away(visit, NULL);
    if (head != HEAD_WHOLE)
        return -1;
    *peer = visit->peer;
    int high = end_visit(visit);
    int removed = epoll_ctl(reception.epoll, EPOLL_CTL_DEL, high, NULL);
    assert(removed == 0);
    int low = fcntl(high, F_DUPFD_CLOEXEC, 0);
    close(high);
    return low;
}

/* ---- accept ------------------------------------------------------------------------------- */

static int
watch(int descriptor, void *what)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = what};
    return epoll_ctl(reception.epoll, EPOLL_CTL_ADD, descriptor, &wanted);
}

static void
close_one(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

static void
close_all(void)
{
    close_one(&reception.listener);
    close_one(&reception.epoll);
    close_one(&reception.timer);
}

/* Takes the place of civetweb's listening socket. Returns whether it could. */
static bool
begin(int listener)
{
    reception.listener = fcntl(listener, F_DUPFD_CLOEXEC, reception.options.base);
    reception.epoll = epoll_create1(EPOLL_CLOEXEC);
    reception.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int flags = reception.listener >= 0 ? fcntl(reception.listener, F_GETFL) : -1;
    if (reception.epoll >= 0 && reception.timer >= 0 && flags >= 0 &&
        fcntl(reception.listener, F_SETFL, flags | O_NONBLOCK) == 0 &&
        watch(reception.listener, &reception.listener) == 0 &&
        watch(reception.timer, &reception.timer) == 0 &&
        watch(reception.bell, &reception.bell) == 0 &&
        dup3(reception.epoll, listener, O_CLOEXEC) >= 0) {
        atomic_store(&reception.has_begun, true);
        return true;
    }
    log_warn(errno, "reception-not-opened");
    close_all();
    return false;
}

/* Its name for the linker is accept: a program's goes before the C library's, in libraries as well. */
int reception_accept(int listener, struct sockaddr *address, socklen_t *size) __asm__("accept");

int
reception_accept(int listener, struct sockaddr *address, socklen_t *size)
{
    struct sockaddr_in peer;
    struct epoll_event event;
    int socket = -1;

    if (reception.options.base == 0)
        return accept4(listener, address, size, 0);   /* somebody else's */
    assert(address != NULL && *size >= sizeof(peer)); /* as civetweb calls it */
    if (reception.epoll < 0 && !begin(listener)) {
        errno = EAGAIN;
        return -1;
    }
    while (socket < 0 && epoll_wait(reception.epoll, &event, 1, 0) == 1) {
        if (event.data.ptr == &reception.listener)
            socket = take_new(&peer);
        else if (event.data.ptr == &reception.timer)
            send_away_late();
        else if (event.data.ptr == &reception.bell)
            break; /* it rings until civetweb has seen why */
        else
            socket = go_on(event.data.ptr, event.events, &peer);
    }
    if (socket < 0) {
        errno = EAGAIN;
        return -1;
    }
    handover_note(socket, &peer);
    memcpy(address, &peer, sizeof(peer));
    *size = sizeof(peer);
    return socket;
}

int
reception_open(const struct reception_options *options)
{
    int error = counted_open(&reception.addresses);
    if (error != 0)
        return error;
    reception.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (reception.bell < 0) {
        error = -errno;
        counted_close(&reception.addresses);
        return error;
    }
    reception.options = *options;
    return 0;
}

bool
reception_ring(void)
{
    const uint64_t once = 1;
    ssize_t written = write(reception.bell, &once, sizeof(once));

    assert(written == sizeof(once));
    return atomic_load(&reception.has_begun);
}

void
reception_close(void)
{
    reception.options.base = 0;
    while (reception.oldest != NULL)
        send_away(reception.oldest, NULL);
    close_all();
    close_one(&reception.bell);
    counted_close(&reception.addresses);
    atomic_store(&reception.has_begun, false);
}

void
reception_count(struct reception_counters *out)
{
    out->waiting = atomic_load(&reception.waiting);
    out->timed_out = atomic_load(&reception.timed_out);
    out->displaced = atomic_load(&reception.displaced);
    out->crowded = atomic_load(&reception.crowded);
}
