/*
 * What comes from a client: bytes, frames, messages. The loop's thread only; nothing blocks.
 */
#ifndef SERVER_CLIENT_INPUT_H
#define SERVER_CLIENT_INPUT_H

struct client;

/* Goes on with what was read before the client was paused, and reads from it again. */
void client_input_resume(struct client *client);

/* Drops what was read and not handled. */
void client_input_forget(struct client *client);

#endif
