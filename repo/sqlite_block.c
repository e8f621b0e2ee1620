/* Users who block others. A private room's version tells it that one of its two has changed that. */
#include "repo/parameter.h"
#include "repo/rights.h"
#include "repo/write_group.h"

#include <string.h>

struct block {
    const char *user_id;
    const char *other_id;
    bool blocks;
};

static int
change(struct connection *connection, void *argument)
{
    const struct block *block = argument;
    bool is_ordered = strcmp(block->user_id, block->other_id) <= 0;

    int error =
        block->blocks
            ? statement_do(connection, STATEMENT_BLOCK_ADD,
                           "INSERT INTO block (user_id, blocked_id) VALUES (?1, ?2) "
                           "ON CONFLICT DO NOTHING",
                           PARAMETERS(with_text(block->user_id), with_text(block->other_id)))
            : statement_do(connection, STATEMENT_BLOCK_REMOVE,
                           "DELETE FROM block WHERE user_id = ?1 AND blocked_id = ?2",
                           PARAMETERS(with_text(block->user_id), with_text(block->other_id)));
    if (error != 0 || sqlite3_changes(connection->database) == 0)
        return error;
    return statement_do(connection, STATEMENT_BLOCK_ROOM,
                        "UPDATE room SET rights_version = rights_version + 1 "
                        "WHERE private = 1 AND user_a = ?1 AND user_b = ?2",
                        PARAMETERS(with_text(is_ordered ? block->user_id : block->other_id),
                                   with_text(is_ordered ? block->other_id : block->user_id)));
}

int
repo_block(struct repo *repo, const char *user_id, const char *other_id, bool blocks)
{
    struct block block = {.user_id = user_id, .other_id = other_id, .blocks = blocks};
    return write_group_run(repo->group, change, &block);
}
