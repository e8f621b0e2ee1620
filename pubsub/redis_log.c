#include "pubsub/redis_log.h"

#include <stdbool.h>
#include <stdio.h>

#include "pubsub/clock.h"
#include "pubsub/lock.h"

#define LINE_SIZE (REDIS_URL_PRINT_SIZE + 512)

static const char *const trouble_events[TROUBLES] = {
    [TROUBLE_DOWN] = "redis-down",
    [TROUBLE_REFUSED] = "redis-refused",
    [TROUBLE_FULL] = "redis-full",
};

static const struct {
    const char *event;
    int64_t pause_ms; /* until it may be told again; 0: never */
} notes[NOTES] = {
    [NOTE_INVALID] = {"invalid-payload", 1000},       [NOTE_REPLAYED] = {"replayed-payload", 1000},
    [NOTE_PUBLISH] = {"redis-publish-refused", 1000}, [NOTE_SELECT] = {"redis-select-refused", 0},
    [NOTE_NAME] = {"redis-name-refused", 0},
};

void
redis_log_init(struct redis_log *log, pubsub_log_function function, const struct redis_url *url)
{
    *log = (struct redis_log){.function = function};
    redis_url_print(url, log->url, sizeof(log->url));
    must(pthread_mutex_init(&log->mutex, NULL));
}

void
redis_log_destroy(struct redis_log *log)
{
    must(pthread_mutex_destroy(&log->mutex));
}

void
redis_log_tell(struct redis_log *log, enum pubsub_level level, const char *event,
               const char *detail)
{
    char line[LINE_SIZE];

    snprintf(line, sizeof(line), "%s url=%s%s%s", event, log->url, *detail != '\0' ? " " : "",
             detail);
    log->function(level, line);
}

void
redis_log_trouble(struct redis_log *log, enum redis_trouble *own, enum redis_trouble trouble,
                  const char *detail)
{
    bool is_first = false;

    mutex_lock(&log->mutex);
    if (trouble > *own) {
        if (*own != TROUBLE_NONE)
            log->troubled[*own]--;
        is_first = log->troubled[trouble]++ == 0;
        *own = trouble;
    }
    mutex_unlock(&log->mutex);
    if (is_first)
        redis_log_tell(log, PUBSUB_WARNING, trouble_events[trouble], detail);
}

/* Returns the trouble that nobody has any more, or TROUBLE_NONE. */
static enum redis_trouble
end_trouble(struct redis_log *log, enum redis_trouble *own)
{
    enum redis_trouble ended = TROUBLE_NONE;

    mutex_lock(&log->mutex);
    if (*own != TROUBLE_NONE && --log->troubled[*own] == 0)
        ended = *own;
    *own = TROUBLE_NONE;
    mutex_unlock(&log->mutex);
    return ended;
}

void
redis_log_recovered(struct redis_log *log, enum redis_trouble *own)
{
    enum redis_trouble ended = end_trouble(log, own);
    char detail[64];

    if (ended == TROUBLE_NONE)
        return;
    snprintf(detail, sizeof(detail), "from=%s", trouble_events[ended]);
    redis_log_tell(log, PUBSUB_INFO, "redis-recovered", detail);
}

void
redis_log_forget(struct redis_log *log, enum redis_trouble *own)
{
    (void)end_trouble(log, own);
}

void
redis_log_note(struct redis_log *log, enum redis_note note, const char *detail)
{
    int64_t now = clock_now();
    bool is_due;

    mutex_lock(&log->mutex);
    is_due = now >= log->next_note[note];
    if (is_due)
        log->next_note[note] = notes[note].pause_ms > 0 ? now + notes[note].pause_ms : INT64_MAX;
    mutex_unlock(&log->mutex);
    if (is_due)
        redis_log_tell(log, PUBSUB_WARNING, notes[note].event, detail);
}
