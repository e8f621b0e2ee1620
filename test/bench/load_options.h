/* What chatd-load is asked to do. `chatd-load --help` explains. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include "test/bench/process.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define LOAD_SERVERS_MAX 8

struct load_options {
    struct sockaddr_in servers[LOAD_SERVERS_MAX];
    uint32_t server_count;
    uint32_t clients;
    uint32_t rooms;  /* 0: nobody joins */
    uint32_t silent; /* the last of the clients */
    uint32_t size;
    uint32_t window; /* closed loop: messages under way */
    double rate;     /* open loop: messages a second of all rooms together; 0: closed */
    double warm_up;
    double duration;
    double drain;
    double connect_rate; /* 0: all at once */
    double connect_limit;
    double quiet;        /* seconds without a byte after which all is told */
    uint32_t connecting; /* clients at a time on their way to the welcome */
    uint32_t under_way;  /* joins at a time */
    uint32_t limit;      /* seconds after which it ends in any case */
    bool idle;
    bool list; /* waits until each client was told of all */
    bool ids;
    bool acks;
    bool progress;
    bool deflate; /* offers permessage-deflate */
    bool varied;  /* other words in each message */
    struct process_set processes;
    struct process_set aux;
};

/* Returns 0, or the exit status after a complaint or --help. */
int load_options_parse(int argc, char **argv, struct load_options *out);

#endif
