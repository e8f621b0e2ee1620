/* What is stored of one user: that all of it is found, and that erasing leaves nothing of it. */
#include "repo/rights.h"
#include "repo/user_data.h"
#include "test/unit/repo_fixture.h"

#define PLENTY 1000

static char seen[2000]; /* what was read, a word for each */

static int
note_room(void *argument, const struct repo_user_room *room)
{
    (void)argument;
    size_t length = strlen(seen);
    snprintf(seen + length, sizeof(seen) - length, "%s%s%s%s/%ld/%ld ", room->room.id,
             room->is_on_roll ? "+roll" : "", room->is_owner ? "+owner" : "",
             room->is_moderator ? "+moderator" : "", (long)room->banned_until,
             (long)room->muted_until);
    return 0;
}

static int
note_entry(void *argument, const struct repo_user_entry *entry)
{
    const struct repo_message *message = &entry->message;
    size_t length = strlen(seen);
    unsigned *count = argument;
    snprintf(seen + length, sizeof(seen) - length, "%s/%lu/%d/%lu/%lu/%s ", entry->room_name,
             (unsigned long)message->seq, (int)message->kind, (unsigned long)message->of,
             (unsigned long)message->changed, message->text);
    *count += 1;
    return 0;
}

/* Reads all of the user's entries, in pieces; returns how many pieces these were. */
static unsigned
read_all(struct repo *repo, const char *user_id, size_t limit, unsigned *count)
{
    unsigned pieces = 0;
    int64_t place = 0;
    bool done = false;
    seen[0] = '\0';
    *count = 0;
    for (; !done; pieces++)
        require(repo_user_entries(repo, user_id, limit, &place, &done, note_entry, count) == 0);
    return pieces;
}

static void
add_pair(struct repo *repo, const char *id, const char *one, const char *other)
{
    struct repo_room room = {.is_private = true};
    bool created;
    snprintf(room.id, sizeof(room.id), "%s", id);
    snprintf(room.users[0], sizeof(room.users[0]), "%s", one);
    snprintf(room.users[1], sizeof(room.users[1]), "%s", other);
    require(repo_room_add(repo, &room, &(struct repo_room_origin){0}, &created) == 0);
}

static void
test_rooms(struct repo *repo)
{
    int64_t one = add_room(repo, "one");
    int64_t two = add_room(repo, "two");
    require(repo_roll_change(repo, one, 0, &(struct repo_roll_change){"ann", true}, 1) == 0);
    require(repo_roll_change(repo, two, 0, &(struct repo_roll_change){"bob", true}, 1) == 0);
    add_pair(repo, "ann-bob", "ann", "bob");
    add_pair(repo, "bob-eve", "bob", "eve");
    add_pair(repo, "abe-ann", "abe", "ann");
    seen[0] = '\0';
    ok(repo_user_rooms(repo, "ann", note_room, NULL) == 0 &&
           strcmp(seen, "id-one+roll/0/0 ann-bob/0/0 abe-ann/0/0 ") == 0,
       "rooms joined, and private ones as either of the two: %s", seen);
    seen[0] = '\0';
    ok(repo_user_rooms(repo, "nobody", note_room, NULL) == 0 && seen[0] == '\0',
       "nobody has no rooms");
}

static void
change(struct repo *repo, int64_t room, uint64_t version, enum repo_change what)
{
    const struct repo_rights_change change = {.change = what,
                                              .room = room,
                                              .version = version,
                                              .by_id = "bob",
                                              .user_id = "cid",
                                              .until = what == REPO_BAN ? REPO_FOR_EVER : 7000,
                                              .now = 1};
    require(repo_rights_change(repo, &change) == 0);
}

static void
test_rights(struct repo *repo)
{
    int64_t owned = add_room(repo, "owned");
    int64_t moderated = add_room(repo, "moderated");
    int64_t banned = add_room(repo, "banned");
    int64_t deleted = add_room(repo, "deleted");
    change(repo, owned, 0, REPO_TRANSFER);
    change(repo, moderated, 0, REPO_MAKE_MODERATOR);
    change(repo, moderated, 1, REPO_MUTE);
    change(repo, banned, 0, REPO_BAN);
    change(repo, deleted, 0, REPO_TRANSFER);
    change(repo, deleted, 1, REPO_DELETE_ROOM);
    seen[0] = '\0';
    ok(repo_user_rooms(repo, "cid", note_room, NULL) == 0 &&
           strcmp(seen, "id-owned+owner/0/0 id-moderated+moderator/0/7000 "
                        "id-banned/9223372036854775807/0 ") == 0,
       "rooms owned, moderated, and where one is banned, but none that is deleted: %s", seen);
}

/* Posts by two in two rooms: messages, an edit and a delete. */
static void
fill(struct repo *repo)
{
    int64_t one = add_room(repo, "one");
    int64_t two = add_room(repo, "two");
    struct repo_post posts[] = {make_post("ann", "1", "hushed, and longer than what it became"),
                                make_post("bob", NULL, "bob-a"), make_post("ann", "2", "hushed-b"),
                                make_post("ann", "3", "hushed-c"),
                                make_post("ann", "4", "taken-back")};
    posts[2].kind = REPO_EDIT;
    posts[2].of = 1;
    require(repo_append(repo, one, 0, posts, 4) == 0);
    struct repo_post more[] = {posts[4], make_post("bob", NULL, "bob-b"), posts[0]};
    more[2].kind = REPO_DELETE;
    more[2].of = 1;
    require(repo_append(repo, two, 0, more, 3) == 0);
}

#define ALL                                                                                        \
    "one/1/0/0/3/hushed-b one/3/1/1/0/hushed-b one/4/0/0/0/hushed-c "                              \
    "two/1/0/0/3/ two/3/2/1/0/ "

static void
test_entries(struct repo *repo)
{
    unsigned count;
    fill(repo);
    ok(read_all(repo, "ann", PLENTY, &count) == 1 && strcmp(seen, ALL) == 0, "all in one piece: %s",
       seen);
    ok(read_all(repo, "ann", 2, &count) == 4 && strcmp(seen, ALL) == 0,
       "the same in pieces of two of anybody's");
    ok(read_all(repo, "ann", 1, &count) == 8 && strcmp(seen, ALL) == 0, "and of one");
    (void)read_all(repo, "nobody", PLENTY, &count);
    ok(count == 0, "nobody has none");
}

static void
test_held(struct repo *repo)
{
    struct repo_user users[] = {{.id = "ann", .name = "A", .instance = "one"},
                                {.id = "ann", .name = "A", .instance = "two"}};
    bool was_held;
    require(repo_users_add(repo, users, 2) == 0);
    ok(repo_user_find_held(repo, "ann", 1000) == -ENOENT, "by no instance without a lease");
    require(repo_lease_renew(repo, "one", 1000, &was_held) == 0);
    ok(repo_user_find_held(repo, "ann", 1000) == 0, "by one that has a lease");
    ok(repo_user_find_held(repo, "ann", 1001) == -ENOENT, "until that runs out");
    require(repo_lease_renew(repo, "two", 2000, &was_held) == 0);
    ok(repo_user_find_held(repo, "ann", 1001) == 0, "or another one holds the user");
    ok(repo_user_find_held(repo, "bob", 1000) == -ENOENT, "nobody holds another user");
}

static int
note_sender(void *argument, const struct repo_message *message)
{
    (void)argument;
    size_t length = strlen(seen);
    snprintf(seen + length, sizeof(seen) - length, "%s/%s ", message->sender_name, message->text);
    return 0;
}

/* Whether the bytes stand anywhere in the file. */
static bool
is_in_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "re");
    size_t length = strlen(text);
    bool found = false;
    if (file == NULL)
        return false;
    static char bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    require(size < sizeof(bytes) && fclose(file) == 0);
    for (size_t i = 0; i + length <= size && !found; i++)
        found = memcmp(bytes + i, text, length) == 0;
    return found;
}

static void
test_erase(struct repo **repo)
{
    unsigned count;
    int64_t place = 0;
    bool done = false;
    while (!done)
        require(repo_user_erase(*repo, "ann", "gone", 2, &place, &done) == 0);
    (void)read_all(*repo, "ann", PLENTY, &count);
    ok(strcmp(seen, "one/1/0/0/3/ one/3/1/1/3/ one/4/0/0/4/ two/1/0/0/3/ two/3/2/1/0/ ") == 0,
       "all read as deleted, and the log has no hole: %s", seen);
    seen[0] = '\0';
    require(repo_read(*repo, 1, 0, PLENTY, PLENTY, false, note_sender, NULL) == 0);
    ok(strcmp(seen, "gone/ a name/bob-a gone/ gone/ ") == 0, "others' stay: %s", seen);

    struct repo_post edit = make_post("ann", NULL, "again");
    edit.kind = REPO_EDIT;
    edit.of = 4;
    require(append_one(*repo, 1, &edit) == 0);
    ok(edit.outcome == REPO_MISSING, "what is erased is not edited any more");

    repo_close(repo);
    ok(is_in_file(fixture_path, "bob-a"), "the file has others' texts");
    ok(!is_in_file(fixture_path, "hushed") && !is_in_file(fixture_path, "taken-back"),
       "and nowhere the erased ones");
    *repo = open_repo(1000);
}

int
main(void)
{
    fixture_begin();
    struct repo *repo = open_repo(1000);
    test_rooms(repo);
    test_rights(repo);
    test_entries(repo);
    test_held(repo);
    test_erase(&repo);
    repo_close(&repo);
    return fixture_end();
}
