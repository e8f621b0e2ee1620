/* Rooms: a public one is unique by its name, a private one by its pair of users. */
#include "repo/sqlite.h"
#include "repo/write_group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROOM_SELECT "SELECT " ROOM_COLUMNS " FROM room "

int
room_from_row(sqlite3_stmt *statement, struct repo_room *out)
{
    out->number = sqlite3_column_int64(statement, 0);
    out->is_private = sqlite3_column_int(statement, 3) != 0;
    int error = statement_text(statement, 1, out->id, sizeof(out->id));
    if (error == 0)
        error = statement_text(statement, 2, out->name, sizeof(out->name));
    if (error == 0)
        error = statement_text(statement, 4, out->users[0], sizeof(out->users[0]));
    if (error == 0)
        error = statement_text(statement, 5, out->users[1], sizeof(out->users[1]));
    return error;
}

/* Reads the one room that the statement gives, and ends the statement. */
static int
read_room(struct connection *connection, sqlite3_stmt *statement, struct repo_room *out)
{
    int result = statement_row(connection, statement);
    if (result == 0)
        result = -ENOENT;
    else if (result > 0)
        result = room_from_row(statement, out);
    return statement_end(connection, statement, result);
}

static int
find_by_text(struct connection *connection, enum statement which, const char *sql, const char *text,
             struct repo_room *out)
{
    sqlite3_stmt *statement;
    int error = statement_get(connection, which, sql, &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC))
        return connection_error(connection);
    return read_room(connection, statement, out);
}

static int
find_by_name(struct connection *connection, const char *name, struct repo_room *out)
{
    return find_by_text(connection, STATEMENT_ROOM_BY_NAME,
                        ROOM_SELECT "WHERE private = 0 AND deleted = 0 AND name = ?1", name, out);
}

static int
find_by_pair(struct connection *connection, char users[2][REPO_ID_SIZE], struct repo_room *out)
{
    sqlite3_stmt *statement;
    int error =
        statement_get(connection, STATEMENT_ROOM_BY_PAIR,
                      ROOM_SELECT "WHERE private = 1 AND user_a = ?1 AND user_b = ?2", &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_text(statement, 1, users[0], -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 2, users[1], -1, SQLITE_STATIC))
        return connection_error(connection);
    return read_room(connection, statement, out);
}

static int
insert(struct connection *connection, const struct repo_room *room,
       const struct repo_room_origin *origin)
{
    sqlite3_stmt *statement;
    int error = statement_get(
        connection, STATEMENT_ROOM_ADD,
        "INSERT INTO room (id, name, private, user_a, user_b, owner_id, topic, kind, created) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ifnull(?6, ''), ifnull(?7, ''), ?8, ?9) "
        "ON CONFLICT (name) WHERE private = 0 AND deleted = 0 DO NOTHING "
        "ON CONFLICT (user_a, user_b) WHERE private = 1 DO NOTHING",
        &statement);
    if (error != 0)
        return error;
    const char *user_a = room->is_private ? room->users[0] : NULL;
    const char *user_b = room->is_private ? room->users[1] : NULL;
    if (sqlite3_bind_text(statement, 1, room->id, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 2, room->name, -1, SQLITE_STATIC) ||
        sqlite3_bind_int(statement, 3, room->is_private) ||
        sqlite3_bind_text(statement, 4, user_a, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 5, user_b, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 6, origin->owner_id, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 7, origin->topic, -1, SQLITE_STATIC) ||
        sqlite3_bind_int(statement, 8, (int)origin->kind) ||
        sqlite3_bind_int64(statement, 9, origin->created))
        return connection_error(connection);
    return statement_run(connection, statement);
}

struct addition {
    struct repo_room offered;
    struct repo_room_origin origin;
    struct repo_room stored; /* out */
    bool created;            /* out */
};

static int
add(struct connection *connection, void *argument)
{
    struct addition *addition = argument;
    addition->stored = addition->offered;
    int error = insert(connection, &addition->offered, &addition->origin);
    if (error != 0)
        return error;
    addition->created = sqlite3_changes(connection->database) > 0;
    if (addition->created) {
        addition->stored.number = sqlite3_last_insert_rowid(connection->database);
        return addition->stored.number <= PLACE_ROOM_MAX ? 0 : -ENOSPC;
    }
    if (addition->offered.is_private)
        return find_by_pair(connection, addition->offered.users, &addition->stored);
    return find_by_name(connection, addition->offered.name, &addition->stored);
}

int
repo_room_add(struct repo *repo, struct repo_room *room, const struct repo_room_origin *origin,
              bool *created)
{
    struct addition addition = {.offered = *room, .origin.created = origin->created};
    char(*users)[REPO_ID_SIZE] = addition.offered.users;
    if (!room->is_private) {
        addition.origin = *origin;
        memset(users, 0, sizeof(addition.offered.users));
    } else if (strcmp(users[0], users[1]) > 0) {
        memcpy(users[0], room->users[1], REPO_ID_SIZE);
        memcpy(users[1], room->users[0], REPO_ID_SIZE);
    }
    int error = write_group_run(repo->group, add, &addition);
    if (error != 0)
        return error;
    *room = addition.stored;
    *created = addition.created;
    return 0;
}

int
repo_room_find_by_name(struct repo *repo, const char *name, struct repo_room *out)
{
    struct connection *reader = reader_take(repo);
    int error = find_by_name(reader, name, out);
    reader_give(repo, reader);
    return error;
}

int
repo_room_find_by_id(struct repo *repo, const char *id, struct repo_room *out)
{
    struct connection *reader = reader_take(repo);
    int error = find_by_text(reader, STATEMENT_ROOM_BY_ID,
                             ROOM_SELECT "WHERE id = ?1 AND deleted = 0", id, out);
    reader_give(repo, reader);
    return error;
}

int
repo_room_find_by_users(struct repo *repo, const char *one, const char *other,
                        struct repo_room *out)
{
    char users[2][REPO_ID_SIZE];
    bool is_ordered = strcmp(one, other) <= 0;

    snprintf(users[0], sizeof(users[0]), "%s", is_ordered ? one : other);
    snprintf(users[1], sizeof(users[1]), "%s", is_ordered ? other : one);
    struct connection *reader = reader_take(repo);
    int error = find_by_pair(reader, users, out);
    reader_give(repo, reader);
    return error;
}
