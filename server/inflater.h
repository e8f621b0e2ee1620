/*
 * Inflating what clients send compressed (RFC 7692, 7.2.2): each message by itself, so that one state
 * serves all clients of a loop.
 *
 * One thread at a time may use an inflater. Nothing here blocks.
 */
#ifndef SERVER_INFLATER_H
#define SERVER_INFLATER_H

#include <stdbool.h>
#include <stddef.h>

struct inflater;
struct websocket_event;

/* Makes an inflater for messages of at most `message_max` bytes. NULL: out of memory. */
struct inflater *inflater_open(size_t message_max);

/* Frees it, if there is one, and clears the pointer. */
void inflater_close(struct inflater **pointer);

/*
 * Replaces a compressed text by what it inflates to, its UTF-8 checked, which is there until the next
 * call. Where it is more than `message_max` it is inflated no further. False: the event is an error
 * now, 1009 for that, 1007 for data or text that is not valid: RFC 7692 names no code, and this is the
 * one for what is not "consistent with the type of the message" (RFC 6455, 7.4.1).
 */
bool inflater_expand(struct inflater *inflater, struct websocket_event *event);

#endif
