/*
 * Lists for people: of rooms, of who is in a room, of whom one blocks. A historian reads them for a
 * member; for HTTP the caller does.
 */
#ifndef ROOMS_LISTING_H
#define ROOMS_LISTING_H

#include "rooms/member.h"
#include "rooms/order.h"

#define LISTING_DEFAULT    100 /* entries, where nobody says how many */
#define LISTING_MAX        200
#define LISTING_AFTER_SIZE REPO_ROOM_NAME_SIZE

enum listing_kind {
    LISTING_ROOMS,
    LISTING_MEMBERS, /* of the room */
    LISTING_BLOCKS,
};

/* What is asked for. */
struct listing {
    enum listing_kind kind;
    size_t limit;                   /* 1 to LISTING_MAX */
    char after[LISTING_AFTER_SIZE]; /* the name, or the user's id, before the first one; or "" */
    char room_id[REPO_ID_SIZE];     /* LISTING_MEMBERS */
    char banned_after[LISTING_AFTER_SIZE]; /* the same of those who are banned, LISTING_MEMBERS */
    bool has_client_id;
    char client_id[ORDER_CLIENT_ID_SIZE]; /* the request's own id, valid UTF-8 */
};

/*
 * Asks for a list, which is delivered as a document of that kind. It is under way until `answered`, as
 * said in member.h. Any thread; does not block. Returns 0 or -ENOMEM.
 */
int member_list(struct member *member, struct rooms *rooms, const struct listing *listing);

/*
 * Reads the list of rooms for the user, and makes the document of it in *out, which the caller owns.
 * Any thread; blocks on the repository. Returns 0 or a negative errno.
 */
int listing_read_rooms(struct rooms *rooms, const char *user_id, bool is_admin,
                       const struct listing *listing, struct message **out);

#endif
