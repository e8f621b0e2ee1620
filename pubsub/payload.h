/*
 * What travels through Redis: messages of one channel in one text, which proves that an instance of
 * this chat wrote it, and for this channel. Internal to pubsub/.
 *
 *     chatd2 INSTANCE NUMBER TIME MAC\n
 *     SEQ LENGTH\n
 *     LENGTH bytes of text\n
 *     … more messages
 *
 * NUMBER is greater than that of every payload that the instance has sent before, and TIME is when it
 * was written, in ms since 1970: by these replay.h tells what was sent again. MAC is keyed
 * BLAKE2b-128, in lower-case hexadecimal, of the channel's name, a NUL, "INSTANCE NUMBER TIME", a
 * newline, and everything behind the first line. Numbers are decimal, without leading zeros.
 */
#ifndef PUBSUB_PAYLOAD_H
#define PUBSUB_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pubsub/pubsub.h"

struct message;

#define PAYLOAD_MAX 1048576u /* bytes; a longer one is refused */

/* One that is being written. A zeroed one is empty. */
struct payload {
    char *data;
    size_t length; /* bytes, so far */
    size_t count;  /* messages, so far */
    size_t capacity;
    size_t header_length;
};

/* Whether this can be an instance's id: 1 to PUBSUB_INSTANCE_MAX letters, digits and -._ */
bool payload_is_instance(const char *instance);

/*
 * Begins a payload without messages, in the memory of the previous one; `time` is not negative.
 * Errors: -ENOMEM.
 */
int payload_begin(struct payload *payload, const char *instance, uint64_t number, int64_t time);

/* Adds a message. Errors: -EMSGSIZE (too much for one), -ENOMEM; then nothing has changed. */
int payload_add(struct payload *payload, const struct message *message);

/* Puts in the proof for the channel: `data` and `length` are what to send. */
void payload_seal(struct payload *payload, const unsigned char key[PUBSUB_KEY_SIZE],
                  const char *channel);

/* Frees its memory. */
void payload_release(struct payload *payload);

/* One that is being read. */
struct payload_reader {
    char instance[PUBSUB_INSTANCE_MAX + 1]; /* who wrote it */
    uint64_t number;                        /* which of that one's it is */
    int64_t time;                           /* when it was written: ms since 1970 */
    const char *at;                         /* private to payload.c */
    const char *end;                        /* private to payload.c */
};

/*
 * Checks a payload as a whole; the data is not copied, so it has to stay. Errors: -EBADMSG (not
 * written by one who has the key, not for this channel, damaged, or too large).
 */
int payload_open(struct payload_reader *reader, const unsigned char key[PUBSUB_KEY_SIZE],
                 const char *channel, const char *data, size_t length);

/* The next message of an opened payload; false when there is no more. */
bool payload_next(struct payload_reader *reader, uint64_t *seq, const char **text, size_t *length);

#endif
