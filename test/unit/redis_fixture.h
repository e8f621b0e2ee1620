/*
 * A redis-server of the test's own, behind a socket in a folder of its own, and a bus or two on it.
 * One thread at a time may call these, except for what says otherwise.
 */
#ifndef TEST_UNIT_REDIS_FIXTURE_H
#define TEST_UNIT_REDIS_FIXTURE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pubsub/pubsub.h"

struct channel;

#define FIXTURE_LIMIT_MS 60000 /* how long anything is waited for */

/* The key of every bus that the fixture opens. */
extern const unsigned char fixture_key[PUBSUB_KEY_SIZE];

/* Makes the folder, and sees to it that it and every server are gone when the process ends. */
void fixture_open(void);

/* Starts the server, with the options behind it (NULL-terminated list), and waits for it. */
void fixture_start(const char *const *options);

/* Sends the signal to the server; SIGKILL also waits for its end. */
void fixture_signal(int signal_number);

/* Gives the server a command over a connection of its own; the text of the reply, to be freed. */
char *fixture_command(const char *command);

/* Publishes bytes on a channel as a foreign client does. */
void fixture_publish_raw(const char *channel, const void *data, size_t length);

/* How many clients in CLIENT LIST have the text in their line. */
int fixture_clients(const char *text);

/* Waits until that many clients have the text in their line. */
bool fixture_await_clients(const char *text, int count);

/* The URL of the server's socket, with credentials ("user:password@" or ""). */
const char *fixture_url(const char *credentials);

/* Opens a bus; `url` NULL is that of the server. */
struct pubsub *fixture_bus(const char *instance, const char *url, const char *password);

/* Opens a channel with the label "test". */
struct channel *fixture_channel(struct pubsub *bus, const char *name);

/* How many lines of the log have the text in them. Any thread. */
int fixture_logged(const char *text);

/* Forgets the log. */
void fixture_forget_log(void);

/* Publishes `count` messages with the seqs from `first` on, each with the text "text-SEQ". */
void fixture_publish(struct channel *channel, uint64_t first, size_t count);

/* Receives until -ESTALE; false when that does not come in time or something else goes wrong. */
bool fixture_subscribe(struct channel *channel);

/*
 * Receives `count` messages with the seqs from `first` on, in order and with their texts; a nudge,
 * or -ESTALE, in between is passed over. False if anything else comes, or nothing for too long.
 */
bool fixture_receive(struct channel *channel, uint64_t first, size_t count);

/* The same, where `skips` says that some with lower numbers may come before. */
bool fixture_receive_from(struct channel *channel, uint64_t first, size_t count, bool skips);

/* Receives for so long; true when nothing came. */
bool fixture_receive_nothing(struct channel *channel, int timeout_ms);

/* Receives on the channel until the bus has so many subscribed channels. */
bool fixture_await_subscribed(struct pubsub *bus, struct channel *channel, size_t count);

/* Waits until the bus's connection for publishing is up, or is not. */
bool fixture_await_up(struct pubsub *bus, bool up);

int64_t fixture_now(void);

/* The milliseconds that closing the bus takes. */
int64_t fixture_close(struct pubsub **bus);

/* Lets a little time pass before something is looked at again. */
void fixture_pause(void);

#endif
