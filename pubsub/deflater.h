/*
 * Compressing messages for permessage-deflate (RFC 7692, 7.2.1), each by itself: no context is taken
 * over from one to the next, so that one result serves everybody. The states of zlib that this takes
 * are kept and shared by all threads.
 *
 * Every function may be called from any thread, one thread at a time for each deflater, and none
 * blocks.
 */
#ifndef PUBSUB_DEFLATER_H
#define PUBSUB_DEFLATER_H

#include <stddef.h>

/* The window that what is compressed here takes to inflate: a client may ask for one of no less. */
#define DEFLATER_WINDOW_BITS 13

struct deflater;

/*
 * Begins a message whose payload goes to `out`, of `size` bytes. It is for deflater_finish to give
 * back. NULL: out of memory.
 */
struct deflater *deflater_begin(void *out, size_t size);

/* Adds `length` bytes of the message. */
void deflater_add(struct deflater *deflater, const void *data, size_t length);

/*
 * Ends the message and gives the deflater back. Returns the length of the payload, or 0 when it is
 * longer than `out`.
 */
size_t deflater_finish(struct deflater *deflater);

#endif
