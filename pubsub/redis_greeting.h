/*
 * What a new connection says first, all at once: AUTH, SELECT, CLIENT SETNAME and SUBSCRIBE, as far
 * as they are wanted; and what Redis may say to that. Internal to pubsub/.
 */
#ifndef PUBSUB_REDIS_GREETING_H
#define PUBSUB_REDIS_GREETING_H

#include <hiredis/hiredis.h>
#include <stddef.h>

#include "pubsub/redis_log.h"

#define GREETING_DETAIL_SIZE 96

struct redis_url;

enum redis_word { WORD_AUTH, WORD_SELECT, WORD_NAME, WORD_SUBSCRIBE, WORDS };

/* The words whose replies are due. A zeroed one is empty. */
struct redis_greeting {
    enum redis_word words[WORDS];
    unsigned count;
    unsigned answered;
};

/* Appends the commands to what is written next. `channel` may be NULL. Errors: -ENOMEM. */
int greeting_append(struct redis_greeting *greeting, redisContext *context,
                    const struct redis_url *url, const char *name, const char *channel);

/*
 * Takes the next reply, which stays the caller's. Returns the trouble that it means, with what to
 * tell about it in `detail`; what works without is only noted in the log.
 */
enum redis_trouble greeting_take(struct redis_greeting *greeting, const redisReply *reply,
                                 struct redis_log *log, char detail[GREETING_DETAIL_SIZE]);

#endif
