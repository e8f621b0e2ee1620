/* Making rooms: how many, is for the server to say. */
#include "rooms/room.h"

#include "rooms/rooms.h"

#include <errno.h>

static int
find(struct repo *repo, const struct repo_room *room, struct repo_room *out)
{
    return room->is_private ? repo_room_find_by_users(repo, room->users[0], room->users[1], out)
                            : repo_room_find_by_name(repo, room->name, out);
}

int
room_find(struct rooms *rooms, struct repo_room *room)
{
    struct repo_room there;

    int error = find(rooms->repo, room, &there);
    if (error == 0)
        *room = there;
    return error == -ENOENT ? NO_SUCH_ROOM : error;
}

int
room_make(struct rooms *rooms, struct repo_room *room, const struct repo_room_origin *origin,
          const char *maker_id, bool *created)
{
    struct repo_room there;
    bool is_limited = rooms->may_make_room != NULL && maker_id[0] != '\0';

    *created = false;
    if (!is_limited)
        return repo_room_add(rooms->repo, room, origin, created);
    /* Most are there, which takes no leave. */
    int error = find(rooms->repo, room, &there);
    if (error == 0)
        *room = there;
    if (error != -ENOENT)
        return error;
    if (!rooms->may_make_room(rooms->context, maker_id))
        return -EDQUOT;
    error = repo_room_add(rooms->repo, room, origin, created);
    if (error != 0 || !*created)
        rooms->made_no_room(rooms->context, maker_id);
    return error;
}
