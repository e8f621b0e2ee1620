/* Links that invite to register. */
#include "repo/account.h"
#include "repo/parameter.h"
#include "repo/write_group.h"

#include <errno.h>

struct link {
    const unsigned char *hash;
    int64_t uses;
    int64_t expires;
    int64_t now;
};

static int
add(struct connection *connection, void *argument)
{
    const struct link *link = argument;
    return statement_do(connection, STATEMENT_INVITE_LINK_ADD,
                        "INSERT INTO invite_link (hash, created, expires, uses_left) "
                        "VALUES (?1, ?2, ?3, ?4)",
                        PARAMETERS(with_hash(link->hash), with_number(link->now),
                                   with_number(link->expires), with_number(link->uses)));
}

int
repo_invite_link_add(struct repo *repo, const unsigned char hash[REPO_TOKEN_HASH_BYTES],
                     unsigned uses, int64_t expires, int64_t now)
{
    struct link link = {.hash = hash, .uses = uses, .expires = expires, .now = now};
    return write_group_run(repo->group, add, &link);
}

int
repo_invite_link_find(struct repo *repo, const unsigned char hash[REPO_TOKEN_HASH_BYTES],
                      int64_t now)
{
    struct connection *reader = reader_take(repo);
    int64_t one;
    int result = statement_number(
        reader, STATEMENT_INVITE_LINK_FIND,
        "SELECT 1 FROM invite_link WHERE hash = ?1 AND uses_left > 0 AND expires >= ?2",
        PARAMETERS(with_hash(hash), with_number(now)), &one);
    reader_give(repo, reader);
    return result > 0 ? 0 : result == 0 ? -ENOENT : result;
}
