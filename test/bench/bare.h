/*
 * chatd-bare: what the kernel alone lets a chat be. One thread; for each message one blocking send
 * for each member, of bytes that are ready. It numbers and keeps nothing, and trusts its clients.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_READ_SIZE 262144
#define BARE_KEPT_MAX  65536

/* What the instrument has to notice; done to some messages. */
enum bare_fault {
    BARE_NO_FAULT,
    BARE_LOSE,   /* one member does not get it */
    BARE_DOUBLE, /* one member gets it twice */
    BARE_SWAP,   /* one member gets it after the next one */
    BARE_DROP,   /* nobody gets it, and it has no number */
    BARE_REPEAT, /* all get it twice, under two numbers */
    BARE_PAUSE,  /* it does nothing for 300 ms */
    BARE_DIE,
};

struct bare_client {
    int socket;
    bool upgraded;
    char name[40];
    struct bare_room *room;
    char *kept;
    size_t kept_size;
};

struct bare_room {
    unsigned number;
    bool is_dirty;
    struct bare_client **members;
    size_t count;
    uint64_t seq;
    unsigned posts;
    char *batch; /* frames of this pass, where they are batched */
    size_t batch_size, batch_capacity;
    char *held; /* a frame that is swapped with the next one */
    size_t held_size;
};

struct bare {
    bool batches;
    enum bare_fault fault;
    int epoll;
    struct bare_room *rooms;
    struct bare_room **dirty; /* rooms with a batch */
    size_t dirty_count;
    char *buffer;
};

/* bare_client.c: reads once, and does what was asked. */
void bare_receive(struct bare *, struct bare_client *);
void bare_send(const struct bare_client *, const char *data, size_t size);

/* bare_room.c */
#define BARE_ROOMS 20000

struct bare_text {
    const char *data;
    size_t size;
};

void bare_join(struct bare_room *, struct bare_client *);
void bare_leave(struct bare_client *);
void bare_post(struct bare *, const struct bare_client *, struct bare_text text,
               struct bare_text id);
void bare_flush(struct bare *);
void *bare_allocate(void *old, size_t size);

#endif
