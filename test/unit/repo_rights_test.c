/* Who may what in rooms, as it is kept: versions, standings, deleted rooms, blocking, and lists. */
#include "repo/listing.h"
#include "test/unit/repo_fixture.h"

static struct repo_rights
read_rights(struct repo *repo, int64_t room)
{
    struct repo_rights rights;
    require(repo_rights_read(repo, room, &rights) == 0);
    return rights;
}

static struct repo_standing
read_standing(struct repo *repo, int64_t room, const char *user_id)
{
    struct repo_standing standing;
    require(repo_standing_find(repo, room, user_id, &standing) == 0);
    return standing;
}

/* Makes a change by the version of today, or by another one. */
static int
change_by(struct repo *repo, int64_t room, uint64_t version, enum repo_change change,
          const char *user_id)
{
    return repo_rights_change(repo, &(struct repo_rights_change){
                                        .change = change,
                                        .room = room,
                                        .version = version,
                                        .by_id = "boss",
                                        .user_id = user_id,
                                        .until = 500,
                                        .now = 7,
                                        .topic = "a topic",
                                        .kind = REPO_INVITE_ONLY,
                                    });
}

static int
change_now(struct repo *repo, int64_t room, enum repo_change change, const char *user_id)
{
    return change_by(repo, room, read_rights(repo, room).version, change, user_id);
}

static void
test_versions(struct repo *repo)
{
    int64_t room = add_room(repo, "versions");
    struct repo_post post = make_post("ann", NULL, "text");
    struct repo_roll_change joins = {"ann", true};
    uint64_t seq, version;
    ok(read_rights(repo, room).version == 0 && repo_append(repo, room, 0, &post, 1) == 0,
       "what is appended by the version of today is stored");
    ok(change_now(repo, room, REPO_SET_TOPIC, NULL) == 0 && read_rights(repo, room).version == 1 &&
           strcmp(read_rights(repo, room).topic, "a topic") == 0,
       "a change makes it one higher");
    struct repo_statistics before, after;
    repo_statistics(repo, &before);
    ok(repo_append(repo, room, 0, &post, 1) == -ESTALE &&
           repo_append(repo, room, 2, &post, 1) == -ESTALE && last_seq(repo, room) == 1,
       "by another one nothing is");
    ok(repo_roll_change(repo, room, 0, &joins, 1) == -ESTALE &&
           repo_roll_find(repo, room, "ann") == -ENOENT &&
           repo_roll_change(repo, room, 1, &joins, 1) == 0 &&
           repo_roll_find(repo, room, "ann") == 0,
       "nor does anybody come on the roll");
    ok(change_by(repo, room, 0, REPO_BAN, "ann") == -ESTALE &&
           read_standing(repo, room, "ann").banned_until == 0 &&
           change_by(repo, 4711, 0, REPO_BAN, "ann") == -ESTALE,
       "nor is anything else changed");
    repo_statistics(repo, &after);
    ok(before.failures == after.failures, "which fails nobody else's transaction");
    ok(repo_last_seqs(repo, &room, &seq, &version, 1) == 0 && seq == 1 && version == 1,
       "it comes with the last number");
}

struct standings {
    size_t count;
    char last[REPO_ID_SIZE];
};

static int
count_standing(void *argument, const char *user_id, const struct repo_standing *standing)
{
    struct standings *standings = argument;
    (void)standing;
    standings->count++;
    snprintf(standings->last, sizeof(standings->last), "%s", user_id);
    return 0;
}

static void
test_standings(struct repo *repo)
{
    int64_t room = add_room(repo, "standings");
    struct repo_roll_change joins[] = {{"ann", true}, {"bob", true}};
    require(repo_roll_change(repo, room, 0, joins, 2) == 0);
    struct repo_standing ann = read_standing(repo, room, "ann");
    ok(ann.is_on_roll && !ann.is_moderator && !ann.is_invited && ann.banned_until == 0 &&
           ann.kicked == 0 && !read_rights(repo, room).has_standings,
       "who is only on the roll is that");
    require(change_now(repo, room, REPO_MAKE_MODERATOR, "ann") == 0);
    require(change_now(repo, room, REPO_INVITE, "ann") == 0);
    require(change_now(repo, room, REPO_MUTE, "ann") == 0);
    ann = read_standing(repo, room, "ann");
    ok(ann.is_moderator && ann.is_invited && ann.muted_until == 500 && ann.banned_until == 0 &&
           strcmp(ann.by_id, "boss") == 0 && read_rights(repo, room).has_standings,
       "one change leaves what another one has set");
    require(change_now(repo, room, REPO_KICK, "ann") == 0);
    ann = read_standing(repo, room, "ann");
    ok(ann.kicked == 4 && !ann.is_on_roll && !ann.is_invited && ann.is_moderator &&
           read_standing(repo, room, "bob").is_on_roll,
       "who is kicked is off the roll, and not invited any more");
    require(change_now(repo, room, REPO_BAN, "ann") == 0);
    ann = read_standing(repo, room, "ann");
    ok(ann.banned_until == 500 && ann.kicked == 5 && !ann.is_moderator,
       "who is banned is no moderator any more");
    require(change_now(repo, room, REPO_UNBAN, "ann") == 0);
    require(change_now(repo, room, REPO_UNMUTE, "ann") == 0);
    ann = read_standing(repo, room, "ann");
    ok(ann.banned_until == 0 && ann.muted_until == 0 && ann.kicked == 5, "both are lifted");
    struct standings changed = {0}, none = {0};
    require(change_now(repo, room, REPO_MUTE, "bob") == 0);
    ok(repo_standings_changed(repo, room, 7, count_standing, &changed) == 0 && changed.count == 1 &&
           strcmp(changed.last, "bob") == 0 &&
           repo_standings_changed(repo, room, 8, count_standing, &none) == 0 && none.count == 0,
       "what changed after a version is read alone");
    require(change_now(repo, room, REPO_TRANSFER, "bob") == 0);
    require(change_now(repo, room, REPO_SET_KIND, NULL) == 0);
    ok(strcmp(read_rights(repo, room).owner_id, "bob") == 0 &&
           read_rights(repo, room).kind == REPO_INVITE_ONLY &&
           strcmp(read_rights(repo, room).topic, "") == 0,
       "the owner and the kind change alone");
}

static void
test_deleted(struct repo *repo)
{
    enum { COUNT = 25 };
    int64_t room = add_room(repo, "deleted");
    int64_t other = add_room(repo, "other");
    struct repo_room found;
    struct repo_post post = make_post("ann", NULL, "text");
    struct repo_roll_change joins = {"ann", true};
    size_t removed = 9, turns = 0;
    for (int i = 0; i < COUNT; i++)
        require(append_one(repo, room, &post) == 0 && append_one(repo, other, &post) == 0);
    require(repo_roll_change(repo, room, 0, &joins, 1) == 0);
    ok(repo_deleted_remove(repo, 10, &removed) == 0 && removed == 0, "nothing is to be removed");
    require(change_now(repo, room, REPO_MUTE, "ann") == 0);
    require(change_now(repo, room, REPO_DELETE_ROOM, NULL) == 0);
    struct repo_rights rights = read_rights(repo, room);
    ok(rights.is_deleted && strcmp(rights.deleted_by, "boss") == 0 &&
           repo_append(repo, room, 1, &post, 1) == -ESTALE &&
           change_by(repo, room, rights.version, REPO_SET_TOPIC, NULL) == -ESTALE,
       "a deleted room takes nothing any more");
    ok(repo_room_find_by_name(repo, "deleted", &found) == -ENOENT &&
           repo_room_find_by_id(repo, "id-deleted", &found) == -ENOENT,
       "and is not found");
    struct repo_room again = {.id = "id-again", .name = "deleted"};
    bool created = false;
    require(repo_room_add(repo, &again, &(struct repo_room_origin){.owner_id = "bob"}, &created) ==
            0);
    ok(created && again.number != room &&
           strcmp(read_rights(repo, again.number).owner_id, "bob") == 0,
       "its name is another one's");
    bool bounded = true;
    do {
        require(repo_deleted_remove(repo, 10, &removed) == 0);
        bounded = bounded && removed <= 10;
        turns++;
    } while (removed > 0 && turns < 99);
    ok(bounded && turns > 3 && last_seq(repo, room) == 0 &&
           !read_standing(repo, room, "ann").is_on_roll &&
           read_standing(repo, room, "ann").muted_until == 0 && holds_exactly(repo, other, COUNT),
       "what is left of it is removed in pieces, and nothing else");
    ok(read_rights(repo, room).is_deleted, "but for its row, with its number");
}

static void
test_blocking(struct repo *repo)
{
    struct repo_room pair = {.id = "id-pair", .is_private = true, .users = {"a", "b"}};
    bool created;
    require(repo_block(repo, "b", "a", true) == 0);
    require(repo_room_add(repo, &pair, &(struct repo_room_origin){0}, &created) == 0);
    struct repo_rights rights = read_rights(repo, pair.number);
    ok(rights.version == 0 && !rights.blocks[0] && rights.blocks[1],
       "a private room knows who of its two blocks the other one");
    require(repo_block(repo, "b", "a", true) == 0 && read_rights(repo, pair.number).version == 0);
    require(repo_block(repo, "b", "a", false) == 0 && repo_block(repo, "a", "b", true) == 0 &&
            repo_block(repo, "a", "c", true) == 0);
    rights = read_rights(repo, pair.number);
    ok(rights.version == 2 && rights.blocks[0] && !rights.blocks[1],
       "its version is higher with each change, and only then");
}

static int
count_room(void *argument, const struct repo_listed_room *room)
{
    *(uint64_t *)argument = strcmp(room->name, "counted") == 0 ? room->online + 1 : 99;
    return 0;
}

static void
test_online(struct repo *repo)
{
    int64_t room = add_room(repo, "counted");
    struct repo_room_online three = {room, 3}, none = {room, 0}, five = {room, 5};
    uint64_t online = 0;
    bool was_held;
    require(repo_lease_renew(repo, "i1", 100, &was_held) == 0);
    require(repo_lease_renew(repo, "i2", 200, &was_held) == 0);
    require(repo_rooms_online(repo, "i1", &three, 1) == 0);
    require(repo_rooms_online(repo, "i2", &five, 1) == 0);
    ok(repo_rooms_list(repo, "x", false, "counte", 1, count_room, &online) == 0 && online == 9,
       "who is in a room is counted over the instances");
    struct repo_user nobody;
    require(repo_leases_expire(repo, 150, NULL, &nobody) == 0);
    ok(repo_rooms_list(repo, "x", false, "counte", 1, count_room, &online) == 0 && online == 6,
       "that of one without a lease counts no more");
    require(repo_rooms_online(repo, "i2", &none, 1) == 0);
    ok(repo_rooms_list(repo, "x", false, "counte", 1, count_room, &online) == 0 && online == 1,
       "nobody is left");
}

int
main(void)
{
    fixture_begin();
    struct repo *repo = open_repo(1000);
    test_versions(repo);
    test_standings(repo);
    test_deleted(repo);
    test_blocking(repo);
    test_online(repo);
    repo_close(&repo);
    return fixture_end();
}
