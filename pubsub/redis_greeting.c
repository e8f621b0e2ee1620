#include "pubsub/redis_greeting.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pubsub/redis_url.h"

static const char *const commands[WORDS] = {
    [WORD_AUTH] = "AUTH",
    [WORD_SELECT] = "SELECT",
    [WORD_NAME] = "CLIENT SETNAME",
    [WORD_SUBSCRIBE] = "SUBSCRIBE",
};

static int
append(struct redis_greeting *greeting, redisContext *context, enum redis_word word, int count,
       const char **parts)
{
    assert(greeting->count < WORDS);
    greeting->words[greeting->count++] = word;
    return redisAppendCommandArgv(context, count, parts, NULL) == REDIS_OK ? 0 : -ENOMEM;
}

static int
append_auth(struct redis_greeting *greeting, redisContext *context, const struct redis_url *url)
{
    if (url->user[0] != '\0')
        return append(greeting, context, WORD_AUTH, 3,
                      (const char *[]){"AUTH", url->user, url->password});
    return append(greeting, context, WORD_AUTH, 2, (const char *[]){"AUTH", url->password});
}

int
greeting_append(struct redis_greeting *greeting, redisContext *context, const struct redis_url *url,
                const char *name, const char *channel)
{
    char db[16];
    int error = 0;

    snprintf(db, sizeof(db), "%u", url->db);
    if (url->has_password)
        error = append_auth(greeting, context, url);
    if (error == 0 && url->db != 0)
        error = append(greeting, context, WORD_SELECT, 2, (const char *[]){"SELECT", db});
    if (error == 0)
        error =
            append(greeting, context, WORD_NAME, 3, (const char *[]){"CLIENT", "SETNAME", name});
    if (error == 0 && channel != NULL)
        error =
            append(greeting, context, WORD_SUBSCRIBE, 2, (const char *[]){"SUBSCRIBE", channel});
    return error;
}

/* The code at the front of an error: the rest may repeat what was sent, even a password. */
static void
copy_code(const redisReply *reply, char *code, size_t size)
{
    size_t length = 0;

    while (length < reply->len && length < size - 1 && isupper((unsigned char)reply->str[length])) {
        code[length] = reply->str[length];
        length++;
    }
    code[length] = '\0';
}

static enum redis_trouble
take_error(enum redis_word word, const redisReply *reply, struct redis_log *log,
           char detail[GREETING_DETAIL_SIZE])
{
    char code[32];

    copy_code(reply, code, sizeof(code));
    snprintf(detail, GREETING_DETAIL_SIZE, "command=\"%s\" code=%s", commands[word], code);
    if (strncmp(reply->str, "ERR max number of clients", 25) == 0) {
        snprintf(detail, GREETING_DETAIL_SIZE, "reason=\"max number of clients reached\"");
        return TROUBLE_FULL;
    }
    if (word == WORD_AUTH || word == WORD_SUBSCRIBE || strcmp(code, "NOAUTH") == 0)
        return TROUBLE_REFUSED;
    redis_log_note(log, word == WORD_SELECT ? NOTE_SELECT : NOTE_NAME, detail);
    return TROUBLE_NONE;
}

enum redis_trouble
greeting_take(struct redis_greeting *greeting, const redisReply *reply, struct redis_log *log,
              char detail[GREETING_DETAIL_SIZE])
{
    enum redis_word word = greeting->words[greeting->answered++];
    int expected = word == WORD_SUBSCRIBE ? REDIS_REPLY_ARRAY : REDIS_REPLY_STATUS;

    if (reply->type == REDIS_REPLY_ERROR)
        return take_error(word, reply, log, detail);
    if (reply->type == expected)
        return TROUBLE_NONE;
    snprintf(detail, GREETING_DETAIL_SIZE, "reason=\"it does not speak the protocol of Redis\"");
    return TROUBLE_DOWN;
}
