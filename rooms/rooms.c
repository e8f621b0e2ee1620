#include "rooms/rooms.h"

#include "rooms/auditor.h"
#include "rooms/clerk.h"
#include "rooms/fan_out.h"
#include "rooms/historian.h"
#include "rooms/lobby.h"
#include "rooms/registry.h"

int
rooms_open(struct rooms *rooms)
{
    if (rooms->instance[0] == '\0')
        identifier_make(rooms->instance);
    int error = fan_out_open(rooms->helpers, &rooms->fan_out);
    if (error != 0)
        return error;
    error = registry_open(rooms, &rooms->registry);
    if (error != 0)
        goto close_fan_out;
    error = historian_open(&rooms->historian);
    if (error != 0)
        goto close_registry;
    error = clerk_open(&rooms->clerk);
    if (error != 0)
        goto close_historian;
    /* The lease first: users whose instance has none are taken for ghosts. */
    error = auditor_open(rooms, &rooms->auditor);
    if (error != 0)
        goto close_clerk;
    error = lobby_open(rooms, &rooms->lobby);
    if (error != 0)
        goto close_auditor;
    error = auditor_start(rooms->auditor);
    if (error != 0)
        goto close_lobby;
    return 0;

close_lobby:
    lobby_close(&rooms->lobby);
close_auditor:
    auditor_close(&rooms->auditor);
close_clerk:
    clerk_close(&rooms->clerk);
close_historian:
    historian_close(&rooms->historian);
close_registry:
    registry_close(&rooms->registry);
close_fan_out:
    fan_out_close(&rooms->fan_out);
    return error;
}

void
rooms_drain(struct rooms *rooms)
{
    registry_drain(rooms->registry);
}

void
rooms_close(struct rooms *rooms)
{
    registry_drain(rooms->registry);
    registry_wait_empty(rooms->registry);
    auditor_stop(rooms->auditor);
    lobby_close(&rooms->lobby);
    auditor_close(&rooms->auditor);
    clerk_close(&rooms->clerk);
    historian_close(&rooms->historian);
    registry_close(&rooms->registry);
    fan_out_close(&rooms->fan_out);
}
