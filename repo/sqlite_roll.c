/* The roll of a room: who joined it and did not leave it, whether online or not. */
#include "repo/parameter.h"
#include "repo/write_group.h"

#include <errno.h>

/* Says whether the user is on the roll: 1, 0 or a negative errno. */
static int
is_on(struct connection *connection, int64_t room, const char *user_id)
{
    int64_t one;
    return statement_number(connection, STATEMENT_ROLL_FIND,
                            "SELECT 1 FROM roll WHERE room = ?1 AND user_id = ?2",
                            PARAMETERS(with_number(room), with_text(user_id)), &one);
}

int
repo_roll_find(struct repo *repo, int64_t room, const char *user_id)
{
    struct connection *reader = reader_take(repo);
    int result = is_on(reader, room, user_id);
    reader_give(repo, reader);
    if (result < 0)
        return result;
    return result > 0 ? 0 : -ENOENT;
}

/* ---- changing ----------------------------------------------------------------------------- */

struct changes {
    int64_t room;
    uint64_t version;
    bool is_stale; /* out */
    const struct repo_roll_change *changes;
    size_t count;
};

int
roll_remove(struct connection *connection, int64_t room, const char *user_id)
{
    return statement_do(connection, STATEMENT_ROLL_REMOVE,
                        "DELETE FROM roll WHERE room = ?1 AND user_id = ?2",
                        PARAMETERS(with_number(room), with_text(user_id)));
}

static int
add(struct connection *connection, int64_t room, const char *user_id)
{
    return statement_do(connection, STATEMENT_ROLL_ADD,
                        "INSERT INTO roll (room, user_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                        PARAMETERS(with_number(room), with_text(user_id)));
}

/* Says whether the room's version is another one: 1, 0 or a negative errno. */
static int
is_stale(struct connection *connection, const struct changes *all)
{
    int64_t one;
    int row = statement_number(connection, STATEMENT_ROLL_VERSION,
                               "SELECT 1 FROM room WHERE number = ?1 AND rights_version = ?2",
                               PARAMETERS(with_number(all->room), with_number(clamp(all->version))),
                               &one);
    return row < 0 ? row : row == 0;
}

static int
change_all(struct connection *connection, void *argument)
{
    struct changes *all = argument;
    int error = is_stale(connection, all);
    all->is_stale = error > 0;
    /* Not a failure of the transaction, in which others may have their part. */
    if (error != 0)
        return error < 0 ? error : 0;
    for (size_t i = 0; i < all->count && error == 0; i++) {
        const struct repo_roll_change *change = &all->changes[i];
        error = change->joins ? add(connection, all->room, change->user_id)
                              : roll_remove(connection, all->room, change->user_id);
    }
    return error;
}

/* Says whether any of the changes is not so already: 1, 0 or a negative errno. */
static int
has_change(struct repo *repo, const struct changes *all)
{
    struct connection *reader = reader_take(repo);
    int result = 0;
    for (size_t i = 0; i < all->count && result == 0; i++) {
        result = is_on(reader, all->room, all->changes[i].user_id);
        if (result >= 0)
            result = (result > 0) != all->changes[i].joins;
    }
    reader_give(repo, reader);
    return result;
}

int
repo_roll_change(struct repo *repo, int64_t room, uint64_t version,
                 const struct repo_roll_change *changes, size_t count)
{
    struct changes all = {.room = room, .version = version, .changes = changes, .count = count};
    /* After a restart everybody joins again, and is on the roll: that needs no write lock. */
    int result = has_change(repo, &all);
    if (result > 0)
        result = write_group_run(repo->group, change_all, &all);
    return result == 0 && all.is_stale ? -ESTALE : result;
}
