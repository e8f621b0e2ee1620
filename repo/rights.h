/*
 * The repository's part about who may what in a room: owners, moderators, who is kept out or may not
 * speak, and who blocks whom. What follows from it is for the caller to say; here it is kept.
 *
 * A room has a version of all this, which grows by one with each change. Who decided something by
 * what it read gives that version along, and is told -ESTALE when it is not that of today any more:
 * then nothing was stored, and it has to read and to decide again.
 *
 * As repo.h says, any function may be called from any thread, blocks on storage, and returns 0 or a
 * negative errno.
 */
#ifndef REPO_RIGHTS_H
#define REPO_RIGHTS_H

#include "repo/repo.h"

#define REPO_TOPIC_SIZE 257       /* a room's topic: up to 256 bytes of UTF-8, and the NUL */
#define REPO_FOR_EVER   INT64_MAX /* in place of milliseconds since 1970 */

/* ---- a room ------------------------------------------------------------------------------- */

/* What a room says of itself. Of a private one only `version` and `blocks` count. */
struct repo_rights {
    uint64_t version;
    enum repo_room_kind kind;
    bool is_deleted;
    bool has_standings; /* somebody is, or was, more or less than a plain member */
    bool blocks[2];     /* of a private room: users[0] blocks users[1], and the other way round */
    char owner_id[REPO_ID_SIZE];   /* "": nobody */
    char deleted_by[REPO_ID_SIZE]; /* of a room that is deleted */
    char topic[REPO_TOPIC_SIZE];
};

/* Reads it of the room with that number, deleted or not. -ENOENT: there is none. */
int repo_rights_read(struct repo *repo, int64_t room, struct repo_rights *out);

/* ---- users in a room ---------------------------------------------------------------------- */

/* How a user stands with a room, beside being its owner. All zero: like anybody else. */
struct repo_standing {
    bool is_on_roll; /* as repo_roll_find; neither is of repo_standings_changed */
    bool is_admin;   /* its account is an admin's */
    bool is_moderator;
    bool is_invited;      /* into an invite-only room */
    int64_t banned_until; /* milliseconds since 1970 */
    int64_t muted_until;
    uint64_t kicked;          /* the version at which it was put out last; 0: never */
    char by_id[REPO_ID_SIZE]; /* who put it out, banned or muted it last */
};

/* Reads how the user stands with the room; 0 also where nothing is known of either. */
int repo_standing_find(struct repo *repo, int64_t room, const char *user_id,
                       struct repo_standing *out);

/* Called for each standing that is read; valid during the call only. Not 0 ends the read. */
typedef int (*repo_standing_function)(void *argument, const char *user_id,
                                      const struct repo_standing *standing);

/*
 * Reads the standings that changed after that version. Returns what `each` returned when that was
 * not 0.
 */
int repo_standings_changed(struct repo *repo, int64_t room, uint64_t after,
                           repo_standing_function each, void *argument);

/* ---- changes ------------------------------------------------------------------------------ */

enum repo_change {
    REPO_KICK,             /* off the roll, and no longer invited */
    REPO_BAN,              /* the same, and no moderator any more, until `until` */
    REPO_UNBAN,            /* may join again */
    REPO_MUTE,             /* until `until` */
    REPO_UNMUTE,           /* may speak again */
    REPO_MAKE_MODERATOR,   /* from now on */
    REPO_REMOVE_MODERATOR, /* no longer */
    REPO_INVITE,           /* may join while the room is invite-only */
    REPO_SET_TOPIC,        /* to `topic` */
    REPO_SET_KIND,         /* to `kind` */
    REPO_TRANSFER,         /* to the new owner `user_id` */
    REPO_DELETE_ROOM,      /* its name is free; see repo_deleted_remove */
};

/* A change of a room. The pointers must live through the call; those that it needs are not NULL. */
struct repo_rights_change {
    enum repo_change change;
    int64_t room;
    uint64_t version;    /* as it was read */
    const char *by_id;   /* who does it */
    const char *user_id; /* whom it is about */
    int64_t until;       /* milliseconds since 1970 */
    int64_t now;         /* the same */
    const char *topic;
    enum repo_room_kind kind;
};

/* Makes the change, and the room's version one higher, in one transaction. -ESTALE: see above. */
int repo_rights_change(struct repo *repo, const struct repo_rights_change *change);

/*
 * Removes what is left of deleted rooms, at most `limit` rows of it; *removed says how many there
 * were. Writes nothing when there is nothing. A deleted room's number is never used again.
 */
int repo_deleted_remove(struct repo *repo, size_t limit, size_t *removed);

/* ---- blocking ----------------------------------------------------------------------------- */

/*
 * The user blocks the other one, or (`blocks` false) does so no longer. Where the two have a private
 * room, its version is one higher if that is new.
 */
int repo_block(struct repo *repo, const char *user_id, const char *other_id, bool blocks);

#endif
