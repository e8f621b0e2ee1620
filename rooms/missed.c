#include "rooms/missed.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <errno.h>

void
missed_init(struct missed *missed, uint64_t since)
{
    missed->since = since;
    missed->last = since;
    missed->count = 0;
}

void
missed_clear(struct missed *missed)
{
    for (size_t i = 0; i < missed->count; i++)
        message_rele(missed->messages[i]);
    missed->count = 0;
}

struct reading {
    struct missed *missed;
    const struct room *room;
};

static int
add(void *argument, const struct repo_message *chat)
{
    struct reading *reading = argument;
    struct missed *missed = reading->missed;

    struct message *message = event_chat(&reading->room->stored, chat);
    if (message == NULL)
        return -ENOMEM;
    missed->messages[missed->count++] = message;
    missed->last = chat->seq;
    return 0;
}

void
missed_read(struct missed *missed, struct room *room)
{
    struct reading reading = {.missed = missed, .room = room};
    uint64_t until = atomic_load(&room->delivered);
    int error = 0;

    if (missed->since == MISSED_NONE || until <= missed->last)
        return;
    if (until - missed->last > MISSED_MAX - missed->count)
        error = -E2BIG;
    else
        error = repo_read(room->rooms->repo, room->stored.number, missed->last, until + 1,
                          MISSED_MAX - missed->count, false, add, &reading);
    if (error == 0 && missed->last < until)
        error = -ENODATA;
    if (error == 0)
        return;
    log_warn(-error, "missed-not-read room=%s since=%llu", room->stored.id,
             (unsigned long long)missed->since);
    missed_clear(missed);
    missed->since = MISSED_NONE;
}

bool
missed_is_complete(const struct missed *missed, const struct room *room)
{
    return missed->since == MISSED_NONE || missed->last >= atomic_load(&room->delivered);
}
