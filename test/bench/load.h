/*
 * chatd-load: many clients in one thread. They connect, join a room each, and the first member of
 * each room sends; every delivery is checked and timed. What all parts share is here.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "test/bench/histogram.h"
#include "test/bench/load_options.h"
#include "test/bench/process.h"
#include "test/bench/stamp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_READ_SIZE 262144 /* bytes of one read */
#define LOAD_KEPT_MAX  65536  /* an incomplete document */
#define LOAD_WINDOW    64 /* numbers that a client remembers to tell a double from a latecomer */

enum load_state {
    LOAD_NEW,
    LOAD_CONNECTING,
    LOAD_UPGRADING,
    LOAD_GREETING, /* waits for its welcome */
    LOAD_READY,
    LOAD_JOINING,
    LOAD_JOINED,
    LOAD_GONE,
};

/* Bytes that wait: for the rest of them, or for the socket. */
struct load_bytes {
    char *data;
    size_t size;
};

struct load_client {
    int socket;
    enum load_state state;
    bool silent; /* reads nothing once it has joined, and counts nowhere */
    bool watches_output;
    unsigned opcode;        /* of the frame that is being read */
    uint64_t frame_left;    /* bytes of its payload still to come */
    struct load_bytes kept; /* read, but not a whole document or header yet */
    struct load_bytes output;
    struct load_room *room;
    uint64_t next;  /* the seq that comes next */
    uint64_t seen;  /* bit i: next - 1 - i was delivered */
    uint32_t heard; /* users that it was told are online */
};

struct load_room {
    char id[40];
    struct load_client *sender;
    uint32_t members; /* without silent ones */
    uint32_t sent;
    uint32_t own; /* of these the sender has */
    uint32_t acks;
    uint64_t delivered; /* to all members together */
    uint64_t base;      /* lastSeq before the first message */
    uint64_t offset;    /* a message's seq is its number plus this, for all members */
    bool is_dirty;      /* a message may have been completed */
    size_t seq_at;      /* where in a document the seq was last */
};

struct load_moment {
    uint64_t time;
    uint64_t cpu;
    uint64_t aux_cpu;
    uint64_t own_cpu;
    uint64_t machine_cpu;
    struct process_memory memory;
    struct process_memory aux_memory;
};

struct load_counts {
    uint64_t sent; /* the first three: within the measured time */
    uint64_t deliveries;
    uint64_t delivered_bytes;
    uint64_t wire_bytes; /* all that was read meanwhile */
    uint64_t reads;
    uint64_t lost;
    uint64_t doubled;
    uint64_t reordered;
    uint64_t wrong; /* another room's, or not the message that had this number elsewhere */
    uint64_t errors;
    uint64_t bad; /* frames and documents that no server should send */
    uint64_t gone;
    uint64_t failed; /* clients that did not get as far as they should */
};

struct load {
    struct load_options options;
    int epoll;
    struct load_client *clients;
    struct load_room *rooms;
    struct load_room **dirty;
    uint32_t dirty_count;
    uint32_t started, greeted, joining, joined; /* clients that got so far */
    uint32_t knowing;                           /* clients that were told of every user */
    uint64_t last_byte;                         /* when anything was read last */
    uint64_t received;                          /* bytes */
    uint64_t from, until;                       /* the measured time; 0 before it is known */
    uint64_t sending_since;
    uint64_t next_due; /* open loop */
    uint64_t next_turn;
    bool is_sending;
    struct histogram latency;
    struct histogram lateness; /* from when a message was due until it was sent */
    struct load_counts counts;
    struct load_moment start, connected, in_rooms, first, last;
    uint64_t greeted_at, joined_at; /* when the last client was */
    uint64_t quiet_at, told;        /* since when all connected and were told, in so many bytes */
    char problem[160];              /* the first one */
    char *buffer;
    struct load_inflater *inflater; /* with --deflate */
    char *filling;                  /* a message's text behind the stamp */
    char *sending;                  /* one message, or a window of them */
};

/* Notes the first problem; all are counted by whoever calls. */
__attribute__((format(printf, 2, 3))) void load_note(struct load *, const char *format, ...);

/* load_connect.c */
void load_start_client(struct load *, struct load_client *);
void load_connected(struct load *, struct load_client *);
void load_end_client(struct load *, struct load_client *, const char *why);

/* load_receive.c: reads what is there, once. */
void load_receive(struct load *, struct load_client *);

/* load_document.c */
void load_document(struct load *, struct load_client *, const char *document, size_t size,
                   uint64_t now);

/* load_inflate.c: a compressed message's payload, all of it. */
struct load_inflater *load_inflater_new(void);
void load_inflate(struct load *, struct load_client *, const char *payload, size_t size,
                  uint64_t now);

/* load_check.c */
void load_check(struct load *, struct load_client *, uint64_t seq, const struct stamp *);
void load_check_end(struct load *);
bool load_is_complete(const struct load *);

/* load_words.c: other words each time. */
void load_vary(char *to, size_t length);

/* load_send.c */
void load_send(struct load *, struct load_client *, const char *data, size_t size);
void load_flush(struct load *, struct load_client *);
void load_join(struct load *, struct load_client *);
void load_top_up(struct load *, struct load_room *, uint64_t now);
void load_post_due(struct load *, uint64_t now);

/* load_report.c */
void load_take_moment(const struct load *, struct load_moment *, bool with_memory);
int load_report(const struct load *); /* prints; returns the exit status */

#endif
