/*
 * An I/O loop: one thread with an epoll over its clients' sockets. It reads and decodes, writes
 * what could not be written at once, sends pings and ends what has gone silent.
 */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct inflater;
struct loop;
struct server;

/* What other threads may ask of the loop about a client; may be combined. */
enum loop_request {
    LOOP_START = 1,  /* the client is new: watch it */
    LOOP_RESUME = 2, /* its posts were answered: read from it again */
    LOOP_CLOSE = 4,  /* it is to be closed, with the code that it says */
};

/* Starts a loop's thread. Returns 0 or a negative errno. */
int loop_start(struct server *server, struct loop **out);

/*
 * Closes every client with 1012, once its requests are answered or `deadline` (clock_monotonic_ms)
 * has passed, and ends the thread soon after that. Any thread; does not block.
 */
void loop_stop(struct loop *loop, int64_t deadline);

/* Waits until the thread has ended. Blocks. */
void loop_join(struct loop *loop);

/*
 * Ends the clients that came too late for the loop, whose thread has ended: none comes any more. They
 * have to leave before the lobby is closed.
 */
void loop_finish(struct loop *loop);

/*
 * Frees the loop, whose thread has ended, once nobody can ask anything of it any more: its clients
 * are answered by rooms for longer than they are connected. Clears the pointer.
 */
void loop_free(struct loop **pointer);

/* Has the loop do something about its client soon. Any thread; never blocks. */
void loop_ask(struct loop *loop, struct client *client, enum loop_request request);

/*
 * The following are for client.c, on the loop's own thread.
 */

/* A buffer that the loop's clients share while they read; *size is its length. */
char *loop_buffer(struct loop *loop, size_t *size);

/* What inflates its clients' messages, made when it is first asked for. NULL: out of memory. */
struct inflater *loop_inflater(struct loop *loop);

/* Watches the client's socket for input, and for output if it says so. */
int loop_watch(struct loop *loop, struct client *client, int socket);

/* Changes what is watched for. Any thread that holds the client's lock. */
void loop_rewatch(struct loop *loop, struct client *client, int socket, bool input, bool output);

/* Something came from the client: it is the last one now to be looked at for silence. */
void loop_heard(struct loop *loop, struct client *client);

/* The client is being closed, and ended if that is not done in a while. */
void loop_closing(struct loop *loop, struct client *client);

/* The client has ended: it is on no list of the loop any more. */
void loop_forget(struct loop *loop, struct client *client);

/* One more (1) or one less (-1) of its clients has sent a part of a message. */
void loop_count_unfinished(struct loop *loop, int change);

/* Whether the loop is stopping: its clients are to be closed. */
bool loop_is_stopping(const struct loop *loop);

/* Whether its thread has ended, so that it serves no client any more. */
bool loop_has_ended(const struct loop *loop);

#endif
