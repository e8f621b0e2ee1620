/* How rooms and users stand with each other. Each room's version says whether that is as it was. */
#include "repo/parameter.h"
#include "repo/rights.h"
#include "repo/write_group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- reading ------------------------------------------------------------------------------ */

#define BLOCKS(one, other)                                                                         \
    "EXISTS (SELECT 1 FROM block WHERE private = 1 AND user_id = " one " AND blocked_id = " other  \
    ")"

static int
rights_from_row(sqlite3_stmt *statement, struct repo_rights *out)
{
    out->version = (uint64_t)sqlite3_column_int64(statement, 0);
    out->kind = (enum repo_room_kind)sqlite3_column_int(statement, 1);
    out->is_deleted = sqlite3_column_int64(statement, 2) != 0;
    out->has_standings = sqlite3_column_int(statement, 3) != 0;
    out->blocks[0] = sqlite3_column_int(statement, 4) != 0;
    out->blocks[1] = sqlite3_column_int(statement, 5) != 0;
    int error = statement_text(statement, 6, out->owner_id, sizeof(out->owner_id));
    if (error == 0)
        error = statement_text(statement, 7, out->deleted_by, sizeof(out->deleted_by));
    if (error == 0)
        error = statement_text(statement, 8, out->topic, sizeof(out->topic));
    return error;
}

int
repo_rights_read(struct repo *repo, int64_t room, struct repo_rights *out)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result = statement_with(
        reader, STATEMENT_RIGHTS,
        "SELECT rights_version, kind, deleted,"
        " EXISTS (SELECT 1 FROM room_standing WHERE room = number), " BLOCKS(
            "user_a", "user_b") ", " BLOCKS("user_b", "user_a") ","
                                                                " owner_id, deleted_by, topic FROM "
                                                                "room WHERE number = ?1",
        PARAMETERS(with_number(room)), &statement);
    if (result == 0) {
        result = statement_row(reader, statement);
        if (result > 0)
            result = rights_from_row(statement, out);
        else if (result == 0)
            result = -ENOENT;
        result = statement_end(reader, statement, result);
    }
    reader_give(repo, reader);
    return result;
}

#define STANDING_COLUMNS "is_moderator, is_invited, banned_until, muted_until, kicked, by_id"

/* Reads STANDING_COLUMNS, from that column of the row on. */
static int
standing_from_row(sqlite3_stmt *statement, int column, struct repo_standing *out)
{
    *out = (struct repo_standing){
        .is_moderator = sqlite3_column_int(statement, column) != 0,
        .is_invited = sqlite3_column_int(statement, column + 1) != 0,
        .banned_until = sqlite3_column_int64(statement, column + 2),
        .muted_until = sqlite3_column_int64(statement, column + 3),
        .kicked = (uint64_t)sqlite3_column_int64(statement, column + 4),
    };
    return statement_text(statement, column + 5, out->by_id, sizeof(out->by_id));
}

int
repo_standing_find(struct repo *repo, int64_t room, const char *user_id, struct repo_standing *out)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result =
        statement_with(reader, STATEMENT_STANDING,
                       "SELECT " STANDING_COLUMNS ","
                       " EXISTS (SELECT 1 FROM roll WHERE room = ?1 AND user_id = ?2),"
                       " EXISTS (SELECT 1 FROM account WHERE id = ?2 AND admin = 1)"
                       " FROM (SELECT 1) LEFT JOIN room_standing ON room = ?1 AND user_id = ?2",
                       PARAMETERS(with_number(room), with_text(user_id)), &statement);
    if (result == 0) {
        result = statement_row(reader, statement);
        if (result > 0) {
            result = standing_from_row(statement, 0, out);
            out->is_on_roll = sqlite3_column_int(statement, 6) != 0;
            out->is_admin = sqlite3_column_int(statement, 7) != 0;
        } else if (result == 0) {
            result = -EIO; /* there is always a row */
        }
        result = statement_end(reader, statement, result);
    }
    reader_give(repo, reader);
    return result;
}

int
repo_standings_changed(struct repo *repo, int64_t room, uint64_t after, repo_standing_function each,
                       void *argument)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result =
        statement_with(reader, STATEMENT_STANDINGS_CHANGED,
                       "SELECT user_id, " STANDING_COLUMNS " FROM room_standing "
                       "WHERE room = ?1 AND version > ?2",
                       PARAMETERS(with_number(room), with_number(clamp(after))), &statement);
    if (result == 0) {
        int row = 0;
        while (result == 0 && (row = statement_row(reader, statement)) > 0) {
            struct repo_standing standing;
            char user_id[REPO_ID_SIZE];
            result = statement_text(statement, 0, user_id, sizeof(user_id));
            if (result == 0)
                result = standing_from_row(statement, 1, &standing);
            if (result == 0)
                result = each(argument, user_id, &standing);
        }
        result = statement_end(reader, statement, row < 0 ? row : result);
    }
    reader_give(repo, reader);
    return result;
}

/* ---- changing ----------------------------------------------------------------------------- */

struct request {
    const struct repo_rights_change *change;
    bool is_stale; /* out */
};

/* Binds the number, or NULL where the column is to stay as it is. */
static bool
bind_if(sqlite3_stmt *statement, int parameter, bool is_given, int64_t number)
{
    return (is_given ? sqlite3_bind_int64(statement, parameter, number)
                     : sqlite3_bind_null(statement, parameter)) != SQLITE_OK;
}

static bool
bind_text_if(sqlite3_stmt *statement, int parameter, bool is_given, const char *text)
{
    return (is_given ? sqlite3_bind_text(statement, parameter, text, -1, SQLITE_STATIC)
                     : sqlite3_bind_null(statement, parameter)) != SQLITE_OK;
}

/* Changes the room's own row, its version at least, if that is the one that was read. */
static int
change_room(struct connection *connection, struct request *request)
{
    const struct repo_rights_change *change = request->change;
    enum repo_change what = change->change;
    sqlite3_stmt *statement;
    int error = statement_get(
        connection, STATEMENT_RIGHTS_CHANGE,
        "UPDATE room SET rights_version = rights_version + 1, kind = ifnull(?3, kind),"
        " topic = ifnull(?4, topic), owner_id = ifnull(?5, owner_id),"
        " deleted = ifnull(?6, deleted), deleted_by = ifnull(?7, deleted_by)"
        " WHERE number = ?1 AND rights_version = ?2 AND deleted = 0 AND private = 0",
        &statement);
    if (error != 0)
        return error;
    bool deletes = what == REPO_DELETE_ROOM;
    if (sqlite3_bind_int64(statement, 1, change->room) ||
        sqlite3_bind_int64(statement, 2, clamp(change->version)) ||
        bind_if(statement, 3, what == REPO_SET_KIND, (int64_t)change->kind) ||
        bind_text_if(statement, 4, what == REPO_SET_TOPIC, change->topic) ||
        bind_text_if(statement, 5, what == REPO_TRANSFER, change->user_id) ||
        bind_if(statement, 6, deletes, change->now) ||
        bind_text_if(statement, 7, deletes, change->by_id))
        return connection_error(connection);
    error = statement_run(connection, statement);
    request->is_stale = error == 0 && sqlite3_changes(connection->database) == 0;
    return error;
}

/* Changes what is kept of the user. */
static int
change_standing(struct connection *connection, const struct repo_rights_change *change)
{
    enum repo_change what = change->change;
    bool puts_out = what == REPO_KICK || what == REPO_BAN;
    bool bans = what == REPO_BAN || what == REPO_UNBAN;
    bool mutes = what == REPO_MUTE || what == REPO_UNMUTE;
    bool moderates =
        what == REPO_MAKE_MODERATOR || what == REPO_REMOVE_MODERATOR || what == REPO_BAN;
    sqlite3_stmt *statement;
    int error = statement_get(
        connection, STATEMENT_STANDING_CHANGE,
        "INSERT INTO room_standing (room, user_id, is_moderator, is_invited, banned_until,"
        " muted_until, kicked, by_id, version) VALUES (?1, ?2, ifnull(?3, 0), ifnull(?4, 0),"
        " ifnull(?5, 0), ifnull(?6, 0), ifnull(?7, 0), ifnull(?8, ''), ?9)"
        " ON CONFLICT (room, user_id) DO UPDATE SET is_moderator = ifnull(?3, is_moderator),"
        " is_invited = ifnull(?4, is_invited), banned_until = ifnull(?5, banned_until),"
        " muted_until = ifnull(?6, muted_until), kicked = ifnull(?7, kicked),"
        " by_id = ifnull(?8, by_id), version = ?9",
        &statement);
    if (error != 0)
        return error;
    int64_t version = (int64_t)change->version + 1;
    if (sqlite3_bind_int64(statement, 1, change->room) ||
        sqlite3_bind_text(statement, 2, change->user_id, -1, SQLITE_STATIC) ||
        bind_if(statement, 3, moderates, what == REPO_MAKE_MODERATOR) ||
        bind_if(statement, 4, puts_out || what == REPO_INVITE, what == REPO_INVITE) ||
        bind_if(statement, 5, bans, what == REPO_BAN ? change->until : 0) ||
        bind_if(statement, 6, mutes, what == REPO_MUTE ? change->until : 0) ||
        bind_if(statement, 7, puts_out, version) ||
        bind_text_if(statement, 8, puts_out || what == REPO_MUTE, change->by_id) ||
        sqlite3_bind_int64(statement, 9, version))
        return connection_error(connection);
    return statement_run(connection, statement);
}

static int
change_all(struct connection *connection, void *argument)
{
    struct request *request = argument;
    const struct repo_rights_change *change = request->change;

    int error = change_room(connection, request);
    /* Not a failure of the transaction, in which others may have their part. */
    if (error != 0 || request->is_stale)
        return error;
    switch (change->change) {
    case REPO_SET_TOPIC:
    case REPO_SET_KIND:
    case REPO_TRANSFER:
    case REPO_DELETE_ROOM:
        return 0;
    default:
        break;
    }
    error = change_standing(connection, change);
    if (error == 0 && (change->change == REPO_KICK || change->change == REPO_BAN))
        error = roll_remove(connection, change->room, change->user_id);
    return error;
}

int
repo_rights_change(struct repo *repo, const struct repo_rights_change *change)
{
    struct request request = {.change = change};
    int error = write_group_run(repo->group, change_all, &request);
    return error == 0 && request.is_stale ? -ESTALE : error;
}

int
rights_forget(struct connection *connection, const char *user_id)
{
    /* The rows stay, with a version, so that rooms that run find out. */
    int error = statement_do(connection, STATEMENT_FORGET_STANDINGS,
                             "UPDATE room_standing SET is_moderator = 0, is_invited = 0,"
                             " version = 1 + (SELECT rights_version FROM room WHERE number = room)"
                             " WHERE user_id = ?1",
                             PARAMETERS(with_text(user_id)));
    if (error == 0)
        error = statement_do(connection, STATEMENT_FORGET_OWNER,
                             "UPDATE room SET rights_version = rights_version + 1,"
                             " owner_id = CASE owner_id WHEN ?1 THEN '' ELSE owner_id END"
                             " WHERE owner_id = ?1 OR"
                             " number IN (SELECT room FROM room_standing WHERE user_id = ?1)",
                             PARAMETERS(with_text(user_id)));
    if (error == 0)
        error = statement_do(connection, STATEMENT_FORGET_BLOCKS,
                             "DELETE FROM block WHERE user_id = ?1 OR blocked_id = ?1",
                             PARAMETERS(with_text(user_id)));
    return error;
}
