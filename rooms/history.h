/*
 * A room's past, read page by page, by seq.
 */
#ifndef ROOMS_HISTORY_H
#define ROOMS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;
struct repo_room;
struct rooms;

#define HISTORY_DEFAULT 50  /* messages of a page, where nobody says how many */
#define HISTORY_MAX     200 /* messages of a page at most */

/* The messages with after < seq < before; at most `limit` of them: the first or the last ones. */
struct history_range {
    uint64_t after;
    uint64_t before;
    size_t limit; /* 1 to HISTORY_MAX */
    bool newest;
};

/*
 * Reads the page of the room and makes the document of it, for a WebSocket (`history`, with the
 * request's `client_id`, if that is not NULL) or, with `is_bare`, for HTTP. The caller owns *out.
 * Any thread; blocks on the repository. Returns 0 or a negative errno.
 */
int history_read(struct rooms *rooms, const struct repo_room *room,
                 const struct history_range *range, const char *client_id, bool is_bare,
                 struct message **out);

/*
 * The same for HTTP, of the room with that id, for a user. -ENOENT: there is no such room, or the
 * user has not joined it.
 */
int history_read_for(struct rooms *rooms, const char *room_id, const char *user_id,
                     const struct history_range *range, struct message **out);

#endif
