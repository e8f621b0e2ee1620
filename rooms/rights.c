#include "rooms/rights.h"

#include <assert.h>
#include <string.h>

/*
 * As in PROTOCOL.md, but for reading, which takes being in the room, or on its roll. `muted` says
 * whether who is muted may still do it. Who is banned may nothing.
 */
static const struct {
    bool may[ROLE_COUNT]; /* outsider, member, moderator, owner, admin */
    bool muted;
} table[RIGHT_COUNT] = {
    [RIGHT_JOIN] = {{true, true, true, true, true}, true},
    [RIGHT_JOIN_INVITE_ONLY] = {{false, true, true, true, true}, true},
    [RIGHT_POST] = {{false, true, true, true, true}, false},
    [RIGHT_TYPE] = {{false, true, true, true, true}, false},
    [RIGHT_EDIT_OWN] = {{false, true, true, true, true}, false},
    [RIGHT_DELETE_OWN] = {{false, true, true, true, true}, true},
    [RIGHT_DELETE_ANY] = {{false, false, true, true, true}, true},
    [RIGHT_LIST_MEMBERS] = {{false, true, true, true, true}, true},
    [RIGHT_LIST_BANNED] = {{false, false, true, true, true}, true},
    [RIGHT_INVITE] = {{false, false, true, true, true}, true},
    [RIGHT_SET_TOPIC] = {{false, false, true, true, true}, true},
    [RIGHT_KICK] = {{false, false, true, true, true}, true},
    [RIGHT_BAN] = {{false, false, true, true, true}, true},
    [RIGHT_UNBAN] = {{false, false, true, true, true}, true},
    [RIGHT_MUTE] = {{false, false, true, true, true}, true},
    [RIGHT_UNMUTE] = {{false, false, true, true, true}, true},
    [RIGHT_MAKE_MODERATOR] = {{false, false, false, true, true}, true},
    [RIGHT_REMOVE_MODERATOR] = {{false, false, false, true, true}, true},
    [RIGHT_SET_KIND] = {{false, false, false, true, true}, true},
    [RIGHT_TRANSFER] = {{false, false, false, true, true}, true},
    [RIGHT_DELETE_ROOM] = {{false, false, false, true, true}, true},
};

const char *
role_name(enum role role)
{
    static const char *const names[ROLE_COUNT] = {"outsider", "member", "moderator", "owner",
                                                  "admin"};

    assert(role < ROLE_COUNT);
    return names[role];
}

const char *
kind_name(enum repo_room_kind kind)
{
    return kind == REPO_INVITE_ONLY ? "invite-only" : "public";
}

enum role
rights_role(const struct repo_rights *rights, const struct repo_standing *standing,
            const char *user_id, bool is_admin, bool is_in)
{
    if (strcmp(rights->owner_id, user_id) == 0)
        return ROLE_OWNER;
    if (is_admin)
        return ROLE_ADMIN;
    if (standing->is_moderator)
        return ROLE_MODERATOR;
    return is_in || standing->is_on_roll ? ROLE_MEMBER : ROLE_OUTSIDER;
}

int
rights_check(enum right right, enum role role, const struct repo_standing *standing, int64_t now)
{
    assert(right < RIGHT_COUNT && role < ROLE_COUNT);
    if (standing->banned_until > now)
        return DENIED_BANNED;
    if (!table[right].may[role])
        return DENIED;
    return standing->muted_until > now && !table[right].muted ? DENIED_MUTED : 0;
}

bool
rights_outranks(enum role actor, enum role target)
{
    static const int ranks[ROLE_COUNT] = {0, 0, 1, 2, 2};

    return ranks[actor] > ranks[target];
}

int
rights_check_join(const struct repo_rights *rights, const struct repo_standing *standing,
                  const char *user_id, bool is_admin, int64_t now)
{
    enum role role = rights_role(rights, standing, user_id, is_admin, false);
    enum right right = rights->kind == REPO_INVITE_ONLY && !standing->is_invited
                           ? RIGHT_JOIN_INVITE_ONLY
                           : RIGHT_JOIN;

    int error = rights_check(right, role, standing, now);
    return error == DENIED ? DENIED_UNINVITED : error;
}
