/*
 * A room's roll: who joined it and did not leave it by choice, on a connection or without one. It
 * says who may read the room's past over HTTP. A private room needs none: it has its two users.
 */
#include "rooms/log.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
room_roll_store(struct room *room)
{
    struct repo_roll_change changes[ROLL_MAX];
    size_t count = room->roll_count;

    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        changes[i] = (struct repo_roll_change){.user_id = room->roll[i].user_id,
                                               .joins = room->roll[i].joins};
    lock_assert_none();
    int error = repo_roll_change(room->rooms->repo, room->stored.number, room->rights.version,
                                 changes, count);
    /* Somebody may be on the way out: then that is forgotten, and the rest is stored next time. */
    if (error == -ESTALE) {
        room_rights_ask(room, false);
        return;
    }
    if (error == 0) {
        room->roll_count = 0;
        free(room->roll);
        room->roll = NULL;
    } else if (!room->roll_fails) {
        log_warn(-error, "roll-not-stored room=%s changes=%zu", room->stored.id, count);
    }
    /* Who is in the room stays in it; the changes are kept, and tried again. */
    room->roll_fails = error != 0;
}

void
room_roll_forget(struct room *room, const char *user_id)
{
    size_t left = 0;

    for (size_t i = 0; i < room->roll_count; i++) {
        if (!room->roll[i].joins || strcmp(room->roll[i].user_id, user_id) != 0)
            room->roll[left++] = room->roll[i];
    }
    room->roll_count = left;
}

void
room_roll_add(struct room *room, const char *user_id, bool joins)
{
    if (room->stored.is_private)
        return;
    if (room->roll_count == ROLL_MAX)
        room_roll_store(room);
    if (room->roll_count == ROLL_MAX) {
        log_warnx("roll-lost room=%s user=%s", room->stored.id, room->roll[0].user_id);
        memmove(room->roll, room->roll + 1, (ROLL_MAX - 1) * sizeof(room->roll[0]));
        room->roll_count--;
    }
    if (room->roll == NULL)
        room->roll = malloc(ROLL_MAX * sizeof(*room->roll));
    if (room->roll == NULL) {
        log_warnx("roll-lost room=%s user=%s", room->stored.id, user_id);
        return;
    }
    struct roll_entry *entry = &room->roll[room->roll_count++];
    snprintf(entry->user_id, sizeof(entry->user_id), "%s", user_id);
    entry->joins = joins;
}
