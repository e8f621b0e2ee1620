/*
 * The bus that the options ask for: within the process, or through a Redis.
 */
#ifndef SERVER_BUS_H
#define SERVER_BUS_H

#include <stddef.h>

struct options;
struct pubsub;

/*
 * Opens the bus. `instance` is this process's id, `secret` what all instances of this chat share
 * (REPO_SECRET_BYTES). The caller owns *out and ends it with pubsub_close. Returns 0, or a negative
 * errno with a line for a person in `why`, without a password in it. The main thread; blocks briefly.
 */
int bus_open(const struct options *options, const char *instance, const unsigned char *secret,
             struct pubsub **out, char *why, size_t why_size);

#endif
