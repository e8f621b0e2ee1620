/* What is stored of one user. Nothing of this is asked for often, so no index is kept for it. */
#include "repo/parameter.h"
#include "repo/user_data.h"
#include "repo/write_group.h"

#include <errno.h>

int
repo_user_find_held(struct repo *repo, const char *user_id, int64_t now)
{
    struct connection *reader = reader_take(repo);
    int64_t one;
    int result =
        statement_number(reader, STATEMENT_USER_HELD,
                         "SELECT 1 FROM user WHERE id = ?1 AND EXISTS (SELECT 1 FROM lease "
                         "WHERE lease.instance = user.instance AND lease.expires >= ?2) LIMIT 1",
                         PARAMETERS(with_text(user_id), with_number(now)), &one);
    reader_give(repo, reader);
    return result > 0 ? 0 : result == 0 ? -ENOENT : result;
}

static int
give_room(sqlite3_stmt *statement, repo_user_room_function each, void *argument)
{
    struct repo_user_room room = {
        .is_on_roll = sqlite3_column_int(statement, 6) != 0,
        .is_owner = sqlite3_column_int(statement, 7) != 0,
        .is_moderator = sqlite3_column_int(statement, 8) != 0,
        .banned_until = sqlite3_column_int64(statement, 9),
        .muted_until = sqlite3_column_int64(statement, 10),
        .is_invited = sqlite3_column_int(statement, 11) != 0,
        .was_kicked = sqlite3_column_int(statement, 12) != 0,
    };
    int error = room_from_row(statement, &room.room);
    return error != 0 ? error : each(argument, &room);
}

int
repo_user_rooms(struct repo *repo, const char *user_id, repo_user_room_function each,
                void *argument)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result = statement_with(
        reader, STATEMENT_USER_ROOMS,
        "SELECT " ROOM_COLUMNS ", EXISTS (SELECT 1 FROM roll WHERE roll.room = number"
        " AND roll.user_id = ?1) AS is_on_roll, owner_id = ?1, is_moderator, banned_until,"
        " muted_until, is_invited, kicked > 0 FROM room LEFT JOIN room_standing AS standing"
        " ON standing.room = number AND standing.user_id = ?1"
        " WHERE deleted = 0 AND (is_on_roll OR owner_id = ?1 OR standing.room IS NOT NULL"
        " OR (private = 1 AND ?1 IN (user_a, user_b))) ORDER BY number",
        PARAMETERS(with_text(user_id)), &statement);
    if (result == 0) {
        while ((result = statement_row(reader, statement)) > 0) {
            result = give_room(statement, each, argument);
            if (result != 0)
                break;
        }
        result = statement_end(reader, statement, result);
    }
    reader_give(repo, reader);
    return result;
}

/*
 * The place of the last of at most `limit` entries of anybody's after the given place: 1 and *last,
 * or 0 and the last place that there can be, where it is the last piece.
 */
static int
piece_end(struct connection *connection, int64_t after, size_t limit, int64_t *last)
{
    int result = statement_number(
        connection, STATEMENT_USER_PIECE,
        "SELECT place FROM message WHERE place > ?1 ORDER BY place LIMIT 1 OFFSET ?2",
        PARAMETERS(with_number(after), with_number(clamp(limit) - 1)), last);
    if (result == 0)
        *last = INT64_MAX;
    return result;
}

/* Calls `each` for the row. */
static int
give_entry(sqlite3_stmt *statement, repo_user_entry_function each, void *argument)
{
    const struct repo_user_entry entry = {
        .room_id = (const char *)sqlite3_column_text(statement, 0),
        .room_name = (const char *)sqlite3_column_text(statement, 1),
        .message =
            {
                .seq = (uint64_t)sqlite3_column_int64(statement, 2),
                .ts = sqlite3_column_int64(statement, 3),
                .sender_id = (const char *)sqlite3_column_text(statement, 4),
                .sender_name = (const char *)sqlite3_column_text(statement, 5),
                .client_id = (const char *)sqlite3_column_text(statement, 6),
                .text = (const char *)sqlite3_column_text(statement, 7),
                .text_length = (size_t)sqlite3_column_bytes(statement, 7),
                .kind = (enum repo_kind)sqlite3_column_int(statement, 8),
                .of = (uint64_t)sqlite3_column_int64(statement, 9),
                .changed = (uint64_t)sqlite3_column_int64(statement, 10),
            },
    };
    if (entry.room_id == NULL || entry.room_name == NULL || entry.message.sender_id == NULL ||
        entry.message.sender_name == NULL || entry.message.text == NULL)
        return -ENOMEM;
    return each(argument, &entry);
}

/* Reads the user's entries with after < place <= last. */
static int
read_entries(struct connection *reader, const char *user_id, int64_t after, int64_t last,
             repo_user_entry_function each, void *argument)
{
    sqlite3_stmt *statement;
    int result = statement_with(
        reader, STATEMENT_USER_ENTRIES,
        "SELECT room.id, room.name, message.seq, ts, sender_id, sender_name, client_id, text, "
        "message.kind, of, changed FROM message JOIN room ON room.number = message.room "
        "WHERE place > ?2 AND place <= ?3 AND sender_id = ?1 ORDER BY place",
        PARAMETERS(with_text(user_id), with_number(after), with_number(last)), &statement);
    if (result != 0)
        return result;
    while ((result = statement_row(reader, statement)) > 0) {
        result = give_entry(statement, each, argument);
        if (result != 0)
            break;
    }
    return statement_end(reader, statement, result);
}

int
repo_user_entries(struct repo *repo, const char *user_id, size_t limit, int64_t *place, bool *done,
                  repo_user_entry_function each, void *argument)
{
    struct connection *reader = reader_take(repo);
    int64_t last = 0;
    int result = piece_end(reader, *place, limit, &last);
    if (result >= 0) {
        *done = result == 0;
        result = read_entries(reader, user_id, *place, last, each, argument);
    }
    if (result == 0)
        *place = last;
    reader_give(repo, reader);
    return result;
}

struct erasure {
    const char *user_id;
    const char *name;
    size_t limit;
    int64_t place;
    int64_t last; /* out */
    bool done;    /* out */
};

static int
erase(struct connection *connection, void *argument)
{
    struct erasure *erasure = argument;
    int result = connection_execute(connection, "PRAGMA secure_delete = ON");
    if (result == 0)
        result = piece_end(connection, erasure->place, erasure->limit, &erasure->last);
    if (result < 0)
        return result;
    erasure->done = result == 0;
    /* A message that is deleted says by which entry: here by none, so it names itself. */
    return statement_do(
        connection, STATEMENT_USER_ERASE,
        "UPDATE message SET text = '', sender_name = ?2, "
        "changed = CASE WHEN kind = 2 OR changed > 0 THEN changed ELSE place & 0xfffffffff END "
        "WHERE place > ?3 AND place <= ?4 AND sender_id = ?1",
        PARAMETERS(with_text(erasure->user_id), with_text(erasure->name),
                   with_number(erasure->place), with_number(erasure->last)));
}

int
repo_user_erase(struct repo *repo, const char *user_id, const char *name, size_t limit,
                int64_t *place, bool *done)
{
    struct erasure erasure = {.user_id = user_id, .name = name, .limit = limit, .place = *place};
    int error = write_group_run(repo->group, erase, &erasure);
    if (error == 0) {
        *place = erasure.last;
        *done = erasure.done;
    }
    return error;
}
