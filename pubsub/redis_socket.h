/*
 * What hiredis leaves open for a connection in a poll loop: connecting without a wait, and without
 * a descriptor that stays open across exec; writing without SIGPIPE; buffers that shrink again.
 * Internal to pubsub/. None of these blocks.
 */
#ifndef PUBSUB_REDIS_SOCKET_H
#define PUBSUB_REDIS_SOCKET_H

#include <hiredis/hiredis.h>
#include <stddef.h>

struct redis_address;

/*
 * Begins to connect. When *out is writable, redis_socket_finish tells how it went; the caller ends
 * it with redis_socket_close. Errors: -errno of socket(2) or connect(2), -ENOMEM.
 */
int redis_socket_connect(const struct redis_address *address, redisContext **out);

/* Returns 0 when it is connected, or the -errno why it is not. */
int redis_socket_finish(redisContext *context);

void redis_socket_close(redisContext **context);

/* Bytes that are to be written. */
size_t redis_socket_unwritten(const redisContext *context);

/* Bytes that were read and are not a whole reply yet. */
size_t redis_socket_unparsed(const redisContext *context);

/* Writes what can be written at once. Errors: -errno of send(2). */
int redis_socket_write(redisContext *context);

/*
 * Gives back what the last replies took. hiredis keeps a reader's buffer until more is received,
 * which in most of thousands of channels is a long time.
 */
void redis_socket_shrink(redisContext *context);

#endif
