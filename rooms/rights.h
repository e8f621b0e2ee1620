/*
 * Who may what: the one place where that is decided. rights.c has the table, and PROTOCOL.md shows
 * it. Any thread; nothing here blocks.
 *
 * What is refused is a negative errno, as everywhere; event_error_for has the words for it.
 */
#ifndef ROOMS_RIGHTS_H
#define ROOMS_RIGHTS_H

#include "repo/rights.h"

#include <errno.h>

#define DENIED           (-EACCES)       /* `forbidden` */
#define DENIED_BANNED    (-EKEYREVOKED)  /* `banned` */
#define DENIED_MUTED     (-EKEYREJECTED) /* `muted` */
#define DENIED_UNINVITED (-ENOKEY)       /* `invite-only` */
#define DENIED_BLOCKED   (-ECONNREFUSED) /* `blocked` */
#define NO_SUCH_ROOM     (-ENXIO)        /* `no-such-room` */
#define ROOM_EXISTS      (-ENOTUNIQ)     /* `room-exists` */

/* What a user is in a room. Owners and moderators are that also while they are not in it. */
enum role {
    ROLE_OUTSIDER,
    ROLE_MEMBER,
    ROLE_MODERATOR,
    ROLE_OWNER,
    ROLE_ADMIN, /* of the server; one who owns the room is its owner */
    ROLE_COUNT,
};

enum right {
    RIGHT_JOIN,             /* a public room */
    RIGHT_JOIN_INVITE_ONLY, /* an invite-only one, without an invitation */
    RIGHT_POST,
    RIGHT_TYPE,
    RIGHT_EDIT_OWN,
    RIGHT_DELETE_OWN,
    RIGHT_DELETE_ANY,
    RIGHT_LIST_MEMBERS,
    RIGHT_LIST_BANNED,
    RIGHT_INVITE,
    RIGHT_SET_TOPIC,
    RIGHT_KICK,
    RIGHT_BAN,
    RIGHT_UNBAN,
    RIGHT_MUTE,
    RIGHT_UNMUTE,
    RIGHT_MAKE_MODERATOR,
    RIGHT_REMOVE_MODERATOR,
    RIGHT_SET_KIND,
    RIGHT_TRANSFER,
    RIGHT_DELETE_ROOM,
    RIGHT_COUNT,
};

/* "outsider", "member", "moderator", "owner" or "admin"; a constant. */
const char *role_name(enum role role);

/* "public" or "invite-only"; a constant. */
const char *kind_name(enum repo_room_kind kind);

/* What the user is in the room, by how it stands with it; `is_in`: it is in the room just now. */
enum role rights_role(const struct repo_rights *rights, const struct repo_standing *standing,
                      const char *user_id, bool is_admin, bool is_in);

/*
 * Whether somebody of that role may do it at `now` (milliseconds since 1970), being banned and muted
 * as the standing says: 0, DENIED, DENIED_BANNED or DENIED_MUTED.
 */
int rights_check(enum right right, enum role role, const struct repo_standing *standing,
                 int64_t now);

/* Whether the one may act on the other: nobody on who is the same or more, nor on oneself. */
bool rights_outranks(enum role actor, enum role target);

/* Whether the user may join the room at `now`: 0, DENIED_BANNED or DENIED_UNINVITED. */
int rights_check_join(const struct repo_rights *rights, const struct repo_standing *standing,
                      const char *user_id, bool is_admin, int64_t now);

#endif
