/*
 * A client's commands: JSON documents in, calls of rooms/ out.
 */
#ifndef SERVER_COMMAND_H
#define SERVER_COMMAND_H

#include <stddef.h>

struct client;

/*
 * Carries out each document of the text message (valid UTF-8); what is refused is answered with an
 * error. The thread of the client's loop; does not block.
 */
void command_handle(struct client *client, const char *text, size_t length);

#endif
