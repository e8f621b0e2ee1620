#include "test/bench/bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX    256
#define SEND_LIMIT_S  10
#define LIMIT_DEFAULT 300

static const char *const fault_names[] = {"none", "lose",   "double", "swap",
                                          "drop", "repeat", "pause",  "die"};

static int
parse(int argc, char **argv, struct bare *bare)
{
    static const struct option options[] = {{"batch", no_argument, NULL, 'b'},
                                            {"fault", required_argument, NULL, 'f'},
                                            {"limit", required_argument, NULL, 'l'},
                                            {0}};
    unsigned limit = LIMIT_DEFAULT;
    int chosen;

    while ((chosen = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool is_known = chosen == 'b' || chosen == 'l';
        bare->batches = bare->batches || chosen == 'b';
        if (chosen == 'l')
            limit = (unsigned)strtoul(optarg, NULL, 10);
        for (unsigned i = 0; chosen == 'f' && i < sizeof(fault_names) / sizeof(*fault_names); i++) {
            if (strcmp(optarg, fault_names[i]) != 0)
                continue;
            bare->fault = (enum bare_fault)i;
            is_known = true;
        }
        if (!is_known)
            return -EINVAL;
    }
    (void)alarm(limit);
    return optind < argc || (bare->batches && bare->fault != BARE_NO_FAULT) ? -EINVAL : 0;
}

/* Any free port of the loopback; says which, as chatd does. */
static int
start_listening(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, SOMAXCONN) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
        perror("chatd-bare");
        exit(1);
    }
    (void)fprintf(stderr, "ready addr=127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    return listener;
}

static void
accept_all(const struct bare *bare, int listener)
{
    struct timeval limit = {.tv_sec = SEND_LIMIT_S};
    int on = 1;
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct bare_client *client = bare_allocate(NULL, sizeof(*client));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        *client = (struct bare_client){.socket = fd};
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        (void)epoll_ctl(bare->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void
serve(struct bare *bare, int listener)
{
    struct epoll_event events[EVENTS_MAX];
    struct epoll_event event = {.events = EPOLLIN};

    (void)epoll_ctl(bare->epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(bare->epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(bare, listener);
            else
                bare_receive(bare, events[i].data.ptr);
        }
        bare_flush(bare);
    }
}

int
main(int argc, char **argv)
{
    static struct bare bare;
    struct rlimit files;

    if (parse(argc, argv, &bare) != 0) {
        (void)fputs("usage: chatd-bare [--batch | --fault=lose|double|swap|drop|repeat|pause|die] "
                    "[--limit=SECONDS]\n",
                    stderr);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    bare.epoll = epoll_create1(EPOLL_CLOEXEC);
    bare.rooms = bare_allocate(NULL, BARE_ROOMS * sizeof(*bare.rooms));
    bare.dirty = bare_allocate(NULL, BARE_ROOMS * sizeof(struct bare_room *));
    bare.buffer = bare_allocate(NULL, BARE_KEPT_MAX + BARE_READ_SIZE);
    for (unsigned i = 0; i < BARE_ROOMS; i++)
        bare.rooms[i] = (struct bare_room){.number = i};
    serve(&bare, start_listening());
}
