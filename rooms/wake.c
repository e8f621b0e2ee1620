#include "rooms/wake.h"

#include "rooms/room.h"

#define ROOMS_MAX 8 /* that are woken in one go */

/* What this thread has put mail for; each is held. */
static _Thread_local struct {
    bool deferring;
    unsigned count;
    struct room *rooms[ROOMS_MAX];
} pending;

void
wake_defer(void)
{
    pending.deferring = true;
}

void
wake_rooms(void)
{
    pending.deferring = false;
    for (unsigned i = 0; i < pending.count; i++) {
        mailbox_wake(&pending.rooms[i]->mailbox);
        room_rele(pending.rooms[i]);
    }
    pending.count = 0;
}

void
wake_room(struct room *room)
{
    for (unsigned i = 0; i < pending.count; i++) {
        if (pending.rooms[i] == room)
            return;
    }
    if (!pending.deferring || pending.count == ROOMS_MAX) {
        mailbox_wake(&room->mailbox);
        return;
    }
    room_hold(room);
    pending.rooms[pending.count++] = room;
}
