/*
 * A client's commands: JSON documents in, calls of rooms/ out.
 */
#ifndef SERVER_COMMAND_H
#define SERVER_COMMAND_H

#include <stddef.h>

struct client;

#define COMMANDS_MAX 256 /* documents of one text message */

/*
 * Carries out each document of the text message (valid UTF-8); what is refused is answered with an
 * error. Returns how many there were: more than COMMANDS_MAX when it stopped at that, and the client
 * is to be closed. The thread of the client's loop; does not block.
 */
unsigned command_handle(struct client *client, const char *text, size_t length);

#endif
