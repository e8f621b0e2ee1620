/*
 * A message: one immutable, reference-counted text, with the WebSocket frame header that goes in
 * front of it (RFC 6455, 5.2: final, text, unmasked), in one allocation. It is encoded once and
 * then shared by everything that sends it; and compressed once, when somebody wants it so.
 *
 * Every function may be called from any thread and none blocks.
 */
#ifndef PUBSUB_MESSAGE_H
#define PUBSUB_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;

/*
 * Makes a message of a copy of `length` bytes of `text` (valid UTF-8). `seq` is its place in its
 * room, or 0 for one that is not stored. The caller holds the one reference. NULL: out of memory.
 */
struct message *message_new(const char *text, size_t length, uint64_t seq);

/*
 * The same, but the caller writes the text, all of it, to *text before anybody else has the message.
 */
struct message *message_new_unwritten(size_t length, uint64_t seq, char **text);

/*
 * Makes a message of a copy of a whole frame, a control frame for example: its text is that frame.
 * The caller holds the one reference. NULL: out of memory.
 */
struct message *message_new_frame(const void *frame, size_t length);

/*
 * Makes one message of the frames of several, the first ones of the `count` whose frames have at most
 * `max_bytes` together, but at least one; *taken says how many. Its text are those frames. The caller
 * holds the one reference. NULL: out of memory.
 */
struct message *message_new_joined(struct message *const *messages, size_t count, size_t max_bytes,
                                   size_t *taken);

/* Takes one more reference and returns the message. */
struct message *message_hold(struct message *message);

/* Gives one reference back; the last one frees the message. */
void message_rele(struct message *message);

/* The text, not NUL-terminated; it lives as long as the caller's reference. */
const char *message_text(const struct message *message, size_t *length);

/* The frame: header and text, ready to be sent; it lives as long as the caller's reference. */
const void *message_frame(const struct message *message, size_t *length);

/*
 * The same for who takes permessage-deflate (RFC 7692), made when it is asked for the first time,
 * which takes some microseconds for each KiB, and the same for ever after: the frame with its payload
 * compressed, or message_frame where that does not pay. Of a joined message it is one frame with a
 * document a line.
 */
const void *message_deflated_frame(struct message *message, size_t *length);

/* Its place in its room, or 0. */
uint64_t message_seq(const struct message *message);

#endif
