/* Lists of rooms and users, for people to look at. */
#include "repo/listing.h"
#include "repo/parameter.h"
#include "repo/write_group.h"

#include <errno.h>

/* ---- rooms -------------------------------------------------------------------------------- */

static int
listed_room_from_row(sqlite3_stmt *statement, struct repo_listed_room *out)
{
    out->kind = (enum repo_room_kind)sqlite3_column_int(statement, 4);
    out->online = (uint64_t)sqlite3_column_int64(statement, 5);
    int error = statement_text(statement, 0, out->id, sizeof(out->id));
    if (error == 0)
        error = statement_text(statement, 1, out->name, sizeof(out->name));
    if (error == 0)
        error = statement_text(statement, 2, out->topic, sizeof(out->topic));
    if (error == 0)
        error = statement_text(statement, 3, out->owner_id, sizeof(out->owner_id));
    return error;
}

int
repo_rooms_list(struct repo *repo, const char *user_id, bool is_all, const char *after,
                size_t limit, repo_listed_room_function each, void *argument)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int row = 0;
    int result = statement_with(
        reader, STATEMENT_ROOMS_LIST,
        "SELECT id, name, topic, owner_id, kind,"
        " (SELECT ifnull(sum(users), 0) FROM room_online WHERE room_online.room = number"
        "  AND instance IN (SELECT instance FROM lease))"
        " FROM room WHERE private = 0 AND deleted = 0 AND name > ?1 AND (kind = 0 OR ?3 <> 0"
        " OR owner_id = ?2"
        " OR EXISTS (SELECT 1 FROM roll WHERE roll.room = number AND user_id = ?2)"
        " OR EXISTS (SELECT 1 FROM room_standing AS own WHERE own.room = number"
        "  AND user_id = ?2 AND (is_invited OR is_moderator))) ORDER BY name LIMIT ?4",
        PARAMETERS(with_text(after), with_text(user_id), with_number(is_all),
                   with_number(clamp(limit))),
        &statement);
    if (result == 0) {
        while (result == 0 && (row = statement_row(reader, statement)) > 0) {
            struct repo_listed_room room;
            result = listed_room_from_row(statement, &room);
            if (result == 0)
                result = each(argument, &room);
        }
        result = statement_end(reader, statement, row < 0 ? row : result);
    }
    reader_give(repo, reader);
    return result;
}

/* ---- how many are in them ----------------------------------------------------------------- */

struct counts {
    const char *instance;
    const struct repo_room_online *rooms;
    size_t count;
};

static int
store_counts(struct connection *connection, void *argument)
{
    const struct counts *counts = argument;
    int error = statement_do(connection, STATEMENT_ONLINE_TIDY,
                             "DELETE FROM room_online WHERE users = ?1"
                             " OR instance NOT IN (SELECT instance FROM lease)",
                             PARAMETERS(with_number(0)));
    for (size_t i = 0; i < counts->count && error == 0; i++)
        error =
            statement_do(connection, STATEMENT_ONLINE_SET,
                         "INSERT INTO room_online (room, instance, users) VALUES (?1, ?2, ?3) "
                         "ON CONFLICT (room, instance) DO UPDATE SET users = ?3",
                         PARAMETERS(with_number(counts->rooms[i].room), with_text(counts->instance),
                                    with_number(clamp(counts->rooms[i].users))));
    return error;
}

int
repo_rooms_online(struct repo *repo, const char *instance, const struct repo_room_online *rooms,
                  size_t count)
{
    struct counts counts = {.instance = instance, .rooms = rooms, .count = count};
    return count == 0 ? 0 : write_group_run(repo->group, store_counts, &counts);
}

/* ---- users -------------------------------------------------------------------------------- */

#define NAME(id)                                                                                   \
    "ifnull((SELECT name FROM identity WHERE identity.id = " id "),"                               \
    " ifnull((SELECT name FROM account WHERE account.id = " id "), '?'))"

/* Reads rows of id, name, is_moderator, banned_until, muted_until and whether it is an admin. */
static int
read_users(struct connection *reader, sqlite3_stmt *statement, repo_listed_user_function each,
           void *argument)
{
    int result = 0;
    int row = 0;
    while (result == 0 && (row = statement_row(reader, statement)) > 0) {
        struct repo_listed_user user = {
            .standing.is_moderator = sqlite3_column_int(statement, 2) != 0,
            .standing.banned_until = sqlite3_column_int64(statement, 3),
            .standing.muted_until = sqlite3_column_int64(statement, 4),
            .standing.is_admin = sqlite3_column_int(statement, 5) != 0,
        };
        result = statement_text(statement, 0, user.id, sizeof(user.id));
        if (result == 0)
            result = statement_text(statement, 1, user.name, sizeof(user.name));
        if (result == 0)
            result = each(argument, &user);
    }
    return statement_end(reader, statement, row < 0 ? row : result);
}

int
repo_room_users(struct repo *repo, int64_t room, const char *after, size_t limit,
                repo_listed_user_function each, void *argument)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result = statement_with(
        reader, STATEMENT_ROOM_USERS,
        "SELECT roll.user_id, " NAME(
            "roll.user_id") ", is_moderator, banned_until, muted_until,"
                            " EXISTS (SELECT 1 FROM account WHERE account.id = roll.user_id AND "
                            "admin = 1)"
                            " FROM roll LEFT JOIN room_standing AS own"
                            " ON own.room = roll.room AND own.user_id = roll.user_id"
                            " WHERE roll.room = ?1 AND roll.user_id > ?2 ORDER BY roll.user_id "
                            "LIMIT ?3",
        PARAMETERS(with_number(room), with_text(after), with_number(clamp(limit))), &statement);
    if (result == 0)
        result = read_users(reader, statement, each, argument);
    reader_give(repo, reader);
    return result;
}

int
repo_room_banned(struct repo *repo, int64_t room, int64_t now, const char *after, size_t limit,
                 repo_listed_user_function each, void *argument)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result = statement_with(
        reader, STATEMENT_ROOM_BANNED,
        "SELECT user_id, " NAME("user_id") ", is_moderator, banned_until, muted_until, 0"
                                           " FROM room_standing WHERE room = ?1 AND banned_until > "
                                           "?2 AND user_id > ?4 ORDER BY user_id LIMIT ?3",
        PARAMETERS(with_number(room), with_number(now), with_number(clamp(limit)),
                   with_text(after)),
        &statement);
    if (result == 0)
        result = read_users(reader, statement, each, argument);
    reader_give(repo, reader);
    return result;
}

int
repo_blocks(struct repo *repo, const char *user_id, const char *after, size_t limit,
            repo_listed_user_function each, void *argument)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result = statement_with(
        reader, STATEMENT_BLOCKS,
        "SELECT blocked_id, " NAME(
            "blocked_id") ", 0, 0, 0, 0 FROM block "
                          "WHERE user_id = ?1 AND blocked_id > ?2 ORDER BY blocked_id LIMIT ?3",
        PARAMETERS(with_text(user_id), with_text(after), with_number(clamp(limit))), &statement);
    if (result == 0)
        result = read_users(reader, statement, each, argument);
    reader_give(repo, reader);
    return result;
}
