/*
 * Messages: appending with a number and without repeats, reading a range, and the last numbers.
 * The cost of each depends on what is asked for and not on how much is stored.
 */
#include "repo/sqlite.h"
#include "repo/write_group.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- appending ---------------------------------------------------------------------------- */

struct append {
    int64_t room;
    uint64_t version;
    const struct repo_post *posts;
    size_t count;
    struct result *results; /* out: one a post, copied to it once all is committed */
    uint64_t stored;        /* out */
    bool is_stale;          /* out: the room's version is another one, and nothing was stored */
};

/* Reads the number of the room's last entry, 0 for none; -ENOENT when there is no such room. */
static int
room_last_seq(struct connection *connection, int64_t room, uint64_t *seq, uint64_t *version)
{
    sqlite3_stmt *statement;
    int result = statement_get(
        connection, STATEMENT_ROOM_LAST_SEQ,
        "SELECT (" LAST_SEQ("?1") "), rights_version FROM room WHERE number = ?1", &statement);
    if (result != 0)
        return result;
    if (sqlite3_bind_int64(statement, 1, room))
        return connection_error(connection);
    result = statement_row(connection, statement);
    if (result > 0) {
        *seq = (uint64_t)sqlite3_column_int64(statement, 0);
        *version = (uint64_t)sqlite3_column_int64(statement, 1);
        result = 0;
    } else if (result == 0) {
        result = -ENOENT;
    }
    return statement_end(connection, statement, result);
}

/* Stores a message as the room's entry `seq`, unless it is a repeated one. */
static int
add_message(struct connection *connection, int64_t room, uint64_t seq, const struct repo_post *post,
            struct result *out)
{
    sqlite3_stmt *statement;
    const char *client_id = post->client_id;
#ifdef CHATD_BREAK_DEDUPE /* test/chaos: a repeated message is another one */
    client_id = NULL;
#endif
    int error =
        statement_get(connection, STATEMENT_MESSAGE_ADD,
                      "INSERT INTO message (place, sender_id, sender_name, client_id, ts, text) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
                      "ON CONFLICT (room, sender_id, client_id) WHERE client_id IS NOT NULL "
                      "DO NOTHING",
                      &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_int64(statement, 1, message_place(room, seq)) ||
        sqlite3_bind_text(statement, 2, post->sender_id, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 3, post->sender_name, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 4, client_id, -1, SQLITE_STATIC) ||
        sqlite3_bind_int64(statement, 5, post->ts) ||
        sqlite3_bind_text(statement, 6, post->text, (int)post->text_length, SQLITE_STATIC))
        return connection_error(connection);
    error = statement_run(connection, statement);
    if (error != 0)
        return error;
    if (sqlite3_changes(connection->database) > 0) {
        *out = (struct result){seq, post->ts, REPO_STORED};
        return 0;
    }
    int found = entry_find_repeated(connection, room, post, out);
    if (found < 0)
        return found;
    return found > 0 ? 0 : -EIO; /* the index has it and the table does not */
}

static int
append(struct connection *connection, void *argument)
{
    struct append *append = argument;
    uint64_t seq = 0;
    uint64_t version = 0;
    append->stored = 0;
    int error = room_last_seq(connection, append->room, &seq, &version);
    /* Not a failure of the transaction, in which others may have their part. */
    append->is_stale = error == 0 && version != append->version;
#ifdef CHATD_BREAK_BAN /* test/chaos: who was banned writes on until this instance hears of it */
    append->is_stale = false;
#endif
    if (append->is_stale)
        return 0;
    for (size_t i = 0; i < append->count && error == 0; i++) {
        const struct repo_post *post = &append->posts[i];
        struct result *result = &append->results[i];
        /* The last place stays free: reading up to it reads all. */
        if (seq + 1 >= PLACE_SEQ_MAX)
            return -ENOSPC;
        if (post->kind == REPO_MESSAGE)
            error = add_message(connection, append->room, seq + 1, post, result);
        else
            error = entry_add(connection, append->room, seq + 1, post, result);
        if (error == 0 && result->outcome == REPO_STORED) {
            seq++;
            append->stored++;
        }
    }
    return error;
}

int
repo_append(struct repo *repo, int64_t room, uint64_t version, struct repo_post *posts,
            size_t count)
{
    if (count == 0)
        return 0;
    struct result *results = calloc(count, sizeof(*results));
    if (results == NULL)
        return -ENOMEM;
    struct append request = {
        .room = room, .version = version, .posts = posts, .count = count, .results = results};
    int error = write_group_run(repo->group, append, &request);
    if (error == 0 && request.is_stale)
        error = -ESTALE;
    if (error == 0) {
        for (size_t i = 0; i < count; i++) {
            posts[i].seq = results[i].seq;
            posts[i].ts = results[i].ts;
            posts[i].outcome = results[i].outcome;
        }
        atomic_fetch_add(&repo->messages, request.stored);
    }
    free(results);
    return error;
}

/* ---- reading a range ---------------------------------------------------------------------- */

#define MESSAGE_SELECT                                                                             \
    "SELECT seq, ts, sender_id, sender_name, client_id, text, kind, of, changed FROM message "     \
    "WHERE place < ?2 AND place > "

/* Calls `each` for the row. */
static int
give_message(sqlite3_stmt *statement, repo_message_function each, void *argument)
{
    struct repo_message message = {
        .seq = (uint64_t)sqlite3_column_int64(statement, 0),
        .ts = sqlite3_column_int64(statement, 1),
        .sender_id = (const char *)sqlite3_column_text(statement, 2),
        .sender_name = (const char *)sqlite3_column_text(statement, 3),
        .client_id = (const char *)sqlite3_column_text(statement, 4),
        .text = (const char *)sqlite3_column_text(statement, 5),
        .text_length = (size_t)sqlite3_column_bytes(statement, 5),
        .kind = (enum repo_kind)sqlite3_column_int(statement, 6),
        .of = (uint64_t)sqlite3_column_int64(statement, 7),
        .changed = (uint64_t)sqlite3_column_int64(statement, 8),
    };
    if (message.sender_id == NULL || message.sender_name == NULL || message.text == NULL)
        return -ENOMEM;
    return each(argument, &message);
}

int
repo_read(struct repo *repo, int64_t room, uint64_t after, uint64_t before, size_t limit,
          bool newest, repo_message_function each, void *argument)
{
    sqlite3_stmt *statement;
    struct connection *reader = reader_take(repo);
    /* A room's numbers have no hole, so the newest ones are those above last - limit. */
    int result = newest ? statement_get(reader, STATEMENT_MESSAGES_LAST,
                                        MESSAGE_SELECT
                                        "(SELECT max(?1, max(place) - ?3) FROM message"
                                        " WHERE place > ?1 AND place < ?2) ORDER BY place LIMIT ?3",
                                        &statement)
                        : statement_get(reader, STATEMENT_MESSAGES_FIRST,
                                        MESSAGE_SELECT "?1 ORDER BY place LIMIT ?3", &statement);
    if (result != 0)
        goto given;
    if (sqlite3_bind_int64(statement, 1, message_place(room, after)) ||
        sqlite3_bind_int64(statement, 2, message_place(room, before)) ||
        sqlite3_bind_int64(statement, 3, clamp(limit))) {
        result = connection_error(reader);
        goto given;
    }
    int row = 0;
    while (result == 0 && (row = statement_row(reader, statement)) > 0)
        result = give_message(statement, each, argument);
    result = statement_end(reader, statement, row < 0 ? row : result);
given:
    reader_give(repo, reader);
    return result;
}

/* ---- last numbers ------------------------------------------------------------------------- */

/* Writes the numbers as a JSON array, which is how one parameter holds any number of them. */
static char *
format_rooms(const int64_t *rooms, size_t count)
{
    char *text = malloc(count * 21 + 2);
    if (text == NULL)
        return NULL;
    char *end = text;
    for (size_t i = 0; i < count; i++)
        end += sprintf(end, "%c%" PRId64, i == 0 ? '[' : ',', rooms[i]);
    end[0] = ']';
    end[1] = '\0';
    return text;
}

static int
read_last_seqs(struct connection *connection, const char *rooms, uint64_t *seqs, uint64_t *versions,
               size_t count)
{
    sqlite3_stmt *statement;
    int row = statement_get(
        connection, STATEMENT_LAST_SEQS,
        "SELECT key, (" LAST_SEQ("value") "),"
                                          " (SELECT rights_version FROM room WHERE number = value)"
                                          " FROM json_each(?1)",
        &statement);
    if (row != 0)
        return row;
    if (sqlite3_bind_text(statement, 1, rooms, -1, SQLITE_STATIC))
        return connection_error(connection);
    while ((row = statement_row(connection, statement)) > 0) {
        size_t i = (size_t)sqlite3_column_int64(statement, 0);
        if (i >= count)
            break;
        seqs[i] = (uint64_t)sqlite3_column_int64(statement, 1);
        if (versions != NULL)
            versions[i] = (uint64_t)sqlite3_column_int64(statement, 2);
    }
    return statement_end(connection, statement, row > 0 ? -EIO : row);
}

int
repo_last_seqs(struct repo *repo, const int64_t *rooms, uint64_t *seqs, uint64_t *versions,
               size_t count)
{
    if (count == 0)
        return 0;
    char *text = format_rooms(rooms, count);
    if (text == NULL)
        return -ENOMEM;
    struct connection *reader = reader_take(repo);
    int error = read_last_seqs(reader, text, seqs, versions, count);
    reader_give(repo, reader);
    free(text);
    return error;
}
