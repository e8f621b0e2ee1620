/* What is left of deleted rooms is removed little by little: one may hold millions of messages. */
#include "repo/parameter.h"
#include "repo/rights.h"
#include "repo/write_group.h"

#include <errno.h>

struct removal {
    size_t limit;
    size_t removed; /* out */
    int64_t room;
};

/* Finds a deleted room of which there is more than its row: 1, 0 or a negative errno. */
static int
find(struct connection *connection, int64_t *room)
{
    return statement_number(connection, STATEMENT_DELETED_FIND,
                            "SELECT number FROM room WHERE deleted > 0 LIMIT ?1",
                            PARAMETERS(with_number(1)), room);
}

/* Removes, with the statement, no more rows than there may be still. */
static int
remove_some(struct connection *connection, struct removal *removal, enum statement which,
            const char *sql)
{
    if (removal->removed >= removal->limit)
        return 0;
    int error = statement_do(connection, which, sql,
                             PARAMETERS(with_number(removal->room),
                                        with_number(clamp(removal->limit - removal->removed))));
    if (error == 0)
        removal->removed += (size_t)sqlite3_changes(connection->database);
    return error;
}

static int
remove_all(struct connection *connection, void *argument)
{
    struct removal *removal = argument;

    removal->removed = 0;
    int found = find(connection, &removal->room);
    if (found <= 0)
        return found;
    int error = remove_some(connection, removal, STATEMENT_DELETED_MESSAGES,
                            "DELETE FROM message WHERE place IN (SELECT place FROM message "
                            "WHERE " IN_ROOM("?1") " LIMIT ?2)");
    if (error == 0)
        error = remove_some(connection, removal, STATEMENT_DELETED_ROLL,
                            "DELETE FROM roll WHERE room = ?1 AND user_id IN "
                            "(SELECT user_id FROM roll WHERE room = ?1 LIMIT ?2)");
    if (error == 0)
        error = remove_some(connection, removal, STATEMENT_DELETED_STANDINGS,
                            "DELETE FROM room_standing WHERE room = ?1 AND user_id IN "
                            "(SELECT user_id FROM room_standing WHERE room = ?1 LIMIT ?2)");
    if (error == 0 && removal->removed < removal->limit) {
        /* The row stays, and with it its number: an instance that is late may still hold that. */
        error = statement_do(connection, STATEMENT_DELETED_BURY,
                             "UPDATE room SET deleted = -deleted, topic = '' WHERE number = ?1",
                             PARAMETERS(with_number(removal->room)));
        removal->removed++;
    }
    return error;
}

int
repo_deleted_remove(struct repo *repo, size_t limit, size_t *removed)
{
    struct removal removal = {.limit = limit};
    struct connection *reader = reader_take(repo);
    int result = find(reader, &removal.room);
    reader_give(repo, reader);
    if (result > 0)
        result = write_group_run(repo->group, remove_all, &removal);
    if (result == 0)
        *removed = removal.removed;
    return result;
}
