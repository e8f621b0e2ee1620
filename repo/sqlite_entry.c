/*
 * Edits and deletes: entries of a room's log that are about one of its messages. Each is stored
 * together with what it does to that message, so whoever reads the message later sees it.
 */
#include "repo/sqlite.h"

#include <errno.h>
#include <string.h>

/* Whether the row (kind, of, changed, text) from the given column on is what the post says. */
static bool
is_same(sqlite3_stmt *statement, int column, const struct repo_post *post)
{
    const char *text = (const char *)sqlite3_column_text(statement, column + 3);
    size_t length = (size_t)sqlite3_column_bytes(statement, column + 3);

    if (sqlite3_column_int(statement, column) != (int)post->kind)
        return false;
    if (post->kind != REPO_MESSAGE &&
        (uint64_t)sqlite3_column_int64(statement, column + 1) != post->of)
        return false;
    /* What was edited or deleted since has not the text any more that was sent. */
    if (post->kind == REPO_DELETE || sqlite3_column_int64(statement, column + 2) != 0)
        return true;
    return text != NULL && length == post->text_length && memcmp(text, post->text, length) == 0;
}

int
entry_find_repeated(struct connection *connection, int64_t room, const struct repo_post *post,
                    struct result *out)
{
    sqlite3_stmt *statement;
    int row = statement_get(connection, STATEMENT_MESSAGE_BY_CLIENT_ID,
                            "SELECT seq, ts, kind, of, changed, text FROM message "
                            "WHERE room = ?1 AND sender_id = ?2 AND client_id = ?3",
                            &statement);
    if (row != 0)
        return row;
    if (sqlite3_bind_int64(statement, 1, room) ||
        sqlite3_bind_text(statement, 2, post->sender_id, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 3, post->client_id, -1, SQLITE_STATIC))
        return connection_error(connection);
    row = statement_row(connection, statement);
    if (row > 0) {
        out->seq = (uint64_t)sqlite3_column_int64(statement, 0);
        out->ts = sqlite3_column_int64(statement, 1);
        out->outcome = is_same(statement, 2, post) ? REPO_REPEATED : REPO_CONFLICT;
    }
    return statement_end(connection, statement, row);
}

/* Whether the post may change the message that it is about, as *outcome: REPO_STORED is yes. */
static int
judge(struct connection *connection, int64_t room, uint64_t seq, const struct repo_post *post,
      enum repo_outcome *outcome)
{
    sqlite3_stmt *statement;
    *outcome = REPO_MISSING;
    if (post->of == 0 || post->of >= seq)
        return 0;
    int row = statement_get(
        connection, STATEMENT_MESSAGE_BY_PLACE,
        "SELECT sender_id = ?2, kind, changed <> 0 AND text = '' FROM message WHERE place = ?1",
        &statement);
    if (row != 0)
        return row;
    if (sqlite3_bind_int64(statement, 1, message_place(room, post->of)) ||
        sqlite3_bind_text(statement, 2, post->sender_id, -1, SQLITE_STATIC))
        return connection_error(connection);
    row = statement_row(connection, statement);
    if (row > 0 && sqlite3_column_int(statement, 1) == REPO_MESSAGE &&
        sqlite3_column_int(statement, 2) == 0) {
        bool may = sqlite3_column_int(statement, 0) != 0 ||
                   (post->kind == REPO_DELETE && post->of_anybody);
        *outcome = may ? REPO_STORED : REPO_FOREIGN;
    }
    row = statement_end(connection, statement, row);
    return row < 0 ? row : 0;
}

static int
insert(struct connection *connection, int64_t room, uint64_t seq, const struct repo_post *post)
{
    sqlite3_stmt *statement;
    int error = statement_get(
        connection, STATEMENT_ENTRY_ADD,
        "INSERT INTO message (place, sender_id, sender_name, client_id, ts, text, kind, of) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        &statement);
    if (error != 0)
        return error;
    bool is_edit = post->kind == REPO_EDIT;
    if (sqlite3_bind_int64(statement, 1, message_place(room, seq)) ||
        sqlite3_bind_text(statement, 2, post->sender_id, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 3, post->sender_name, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(statement, 4, post->client_id, -1, SQLITE_STATIC) ||
        sqlite3_bind_int64(statement, 5, post->ts) ||
        sqlite3_bind_text(statement, 6, is_edit ? post->text : "",
                          is_edit ? (int)post->text_length : 0, SQLITE_STATIC) ||
        sqlite3_bind_int(statement, 7, (int)post->kind) ||
        sqlite3_bind_int64(statement, 8, (int64_t)post->of))
        return connection_error(connection);
    return statement_run(connection, statement);
}

/* Gives the message the text of the edit, or none. */
static int
change_message(struct connection *connection, int64_t room, uint64_t seq,
               const struct repo_post *post)
{
    sqlite3_stmt *statement;
    int error =
        statement_get(connection, STATEMENT_MESSAGE_CHANGE,
                      "UPDATE message SET text = ?2, changed = ?3 WHERE place = ?1", &statement);
    if (error != 0)
        return error;
    bool is_edit = post->kind == REPO_EDIT;
#ifdef CHATD_BREAK_EDIT /* test/chaos: who comes later sees the message as it was */
    if (is_edit)
        return 0;
#endif
    if (sqlite3_bind_int64(statement, 1, message_place(room, post->of)) ||
        sqlite3_bind_text(statement, 2, is_edit ? post->text : "",
                          is_edit ? (int)post->text_length : 0, SQLITE_STATIC) ||
        sqlite3_bind_int64(statement, 3, (int64_t)seq))
        return connection_error(connection);
    return statement_run(connection, statement);
}

/* What a deleted message said before is gone as well. */
static int
clear_edits(struct connection *connection, int64_t room, uint64_t seq, const struct repo_post *post)
{
    sqlite3_stmt *statement;
    int error = statement_get(connection, STATEMENT_MESSAGE_EDITS_CLEAR,
                              "UPDATE message SET text = '', changed = ?3 "
                              "WHERE room = ?1 AND of = ?2 AND kind = 1",
                              &statement);
    if (error != 0)
        return error;
    if (sqlite3_bind_int64(statement, 1, room) ||
        sqlite3_bind_int64(statement, 2, (int64_t)post->of) ||
        sqlite3_bind_int64(statement, 3, (int64_t)seq))
        return connection_error(connection);
    return statement_run(connection, statement);
}

int
entry_add(struct connection *connection, int64_t room, uint64_t seq, const struct repo_post *post,
          struct result *out)
{
    assert(post->kind == REPO_DELETE || (post->kind == REPO_EDIT && post->text_length > 0));
    /* First, since a repeated delete is about a message that is deleted. */
    int result = post->client_id != NULL ? entry_find_repeated(connection, room, post, out) : 0;
    if (result != 0)
        return result > 0 ? 0 : result;
    *out = (struct result){.seq = seq, .ts = post->ts};
    int error = judge(connection, room, seq, post, &out->outcome);
    if (error != 0 || out->outcome != REPO_STORED)
        return error;
    error = insert(connection, room, seq, post);
    if (error == 0)
        error = change_message(connection, room, seq, post);
    if (error == 0 && post->kind == REPO_DELETE)
        error = clear_edits(connection, room, seq, post);
    return error;
}
