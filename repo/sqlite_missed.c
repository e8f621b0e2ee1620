/* The private rooms in which something was said while one of the two was away. */
#include "repo/parameter.h"

#define LAST_PLACE "SELECT max(place) FROM message WHERE " IN_ROOM("number")

#define LAST_SEEN                                                                                  \
    "SELECT seq FROM message WHERE " IN_ROOM("number") " AND ts <= ?2 ORDER BY place DESC LIMIT 1"

/*
 * One seek a room finds its last message. Only in the rooms that are given are messages read, from
 * the last one back to the first that is not new: times are told by several clocks, so they are not
 * quite in the order of the numbers.
 */
#define MISSED                                                                                     \
    "WITH mine AS ("                                                                               \
    " SELECT " ROOM_COLUMNS " FROM room WHERE private = 1 AND user_a = ?1 UNION ALL"               \
    " SELECT " ROOM_COLUMNS " FROM room WHERE private = 1 AND user_b = ?1 AND user_a <> ?1), "     \
    "news AS (SELECT " ROOM_COLUMNS ", message.ts AS ts FROM mine CROSS JOIN message"              \
    " ON place = (" LAST_PLACE ") WHERE ts > ?2 ORDER BY ts DESC, number LIMIT ?3) "               \
    "SELECT " ROOM_COLUMNS ", ifnull((" LAST_SEEN "), 0) FROM news ORDER BY ts DESC, number"

static int
read_missed(struct connection *connection, sqlite3_stmt *statement, repo_missed_function each,
            void *argument)
{
    int result = 0;
    int row = 0;
    while (result == 0 && (row = statement_row(connection, statement)) > 0) {
        struct repo_room room;
        result = room_from_row(statement, &room);
        if (result == 0)
            result = each(argument, &room, (uint64_t)sqlite3_column_int64(statement, 6));
    }
    return statement_end(connection, statement, row < 0 ? row : result);
}

int
repo_private_missed(struct repo *repo, const char *user_id, int64_t seen, size_t limit,
                    repo_missed_function each, void *argument)
{
    struct connection *reader = reader_take(repo);
    sqlite3_stmt *statement;
    int result = statement_with(
        reader, STATEMENT_PRIVATE_MISSED, MISSED,
        PARAMETERS(with_text(user_id), with_number(seen), with_number(clamp(limit))), &statement);
    if (result == 0)
        result = read_missed(reader, statement, each, argument);
    reader_give(repo, reader);
    return result;
}
