/* Databases of former versions are brought to that of today, with what is in them. */
#include "repo/repo.h"
#include "test/unit/repo_fixture.h"

#include <sqlite3.h>

/* As versions 1 to 4 made them; kept here, so that a migration that is edited is found. */
static const char version_1[] =
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE room (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    "  private INTEGER NOT NULL CHECK (private IN (0, 1)), user_a TEXT, user_b TEXT,"
    "  CHECK (private = (user_a IS NOT NULL AND user_b IS NOT NULL)));"
    "CREATE UNIQUE INDEX room_name ON room (name) WHERE private = 0;"
    "CREATE UNIQUE INDEX room_pair ON room (user_a, user_b) WHERE private = 1;"
    "CREATE TABLE message (room INTEGER NOT NULL, seq INTEGER NOT NULL, sender_id TEXT NOT NULL,"
    "  sender_name TEXT NOT NULL, client_id TEXT, ts INTEGER NOT NULL, text TEXT NOT NULL,"
    "  PRIMARY KEY (room, seq)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX message_client_id ON message (room, sender_id, client_id)"
    "  WHERE client_id IS NOT NULL;"
    "CREATE TABLE user (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, instance TEXT NOT NULL)"
    "  WITHOUT ROWID;"
    "CREATE INDEX user_instance ON user (instance);"
    "CREATE TABLE users_version"
    "  (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL);"
    "INSERT INTO users_version VALUES (1, 0);"
    "CREATE TABLE lease (instance TEXT NOT NULL PRIMARY KEY, expires INTEGER NOT NULL)"
    "  WITHOUT ROWID;"
    "PRAGMA application_id = 0x63687464; PRAGMA user_version = 1;"
    "INSERT INTO room VALUES (1, 'id-kitchen', 'kitchen', 0, NULL, NULL);"
    "INSERT INTO room VALUES (2, 'pair', 'private', 1, 'ann', 'bob');"
    "INSERT INTO message VALUES (1, 1, 'ann', 'Ann', NULL, 10, 'hello');"
    "INSERT INTO message VALUES (2, 1, 'ann', 'Ann', 'x', 20, 'psst');"
    "INSERT INTO user VALUES ('ann', 'Ann', 'old');"
    "INSERT INTO lease VALUES ('old', 100);"
    "UPDATE users_version SET version = 7;";

static const char version_2[] =
    "CREATE TABLE secret"
    "  (one INTEGER PRIMARY KEY CHECK (one = 1), key BLOB NOT NULL CHECK (length(key) = 32));"
    "PRAGMA user_version = 2;"
    "INSERT INTO secret VALUES (1, zeroblob(32));";

static const char version_3[] =
    "DROP TABLE user;"
    "CREATE TABLE user (id TEXT NOT NULL, name TEXT NOT NULL, instance TEXT NOT NULL,"
    "  PRIMARY KEY (id, instance)) WITHOUT ROWID;"
    "CREATE INDEX user_instance ON user (instance);"
    "UPDATE users_version SET version = version + 1;"
    "CREATE TABLE identity (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
    "  token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),"
    "  expires INTEGER NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX identity_expires ON identity (expires);"
    "CREATE TABLE roll (room INTEGER NOT NULL, user_id TEXT NOT NULL,"
    "  PRIMARY KEY (room, user_id)) WITHOUT ROWID;"
    "CREATE INDEX roll_user ON roll (user_id);"
    "CREATE INDEX room_user_b ON room (user_b) WHERE private = 1;"
    "PRAGMA user_version = 3;";

static const char version_4[] =
    "DROP INDEX message_client_id;"
    "ALTER TABLE message RENAME TO former_message;"
    "CREATE TABLE message (place INTEGER PRIMARY KEY,"
    "  room INTEGER NOT NULL AS (place >> 36) VIRTUAL,"
    "  seq INTEGER NOT NULL AS (place & 0xfffffffff) VIRTUAL,"
    "  ts INTEGER NOT NULL, sender_id TEXT NOT NULL, sender_name TEXT NOT NULL, client_id TEXT,"
    "  text TEXT NOT NULL);"
    "INSERT INTO message (place, ts, sender_id, sender_name, client_id, text)"
    "  SELECT room << 36 | seq, ts, sender_id, sender_name, client_id, text FROM former_message;"
    "DROP TABLE former_message;"
    "CREATE UNIQUE INDEX message_client_id ON message (room, sender_id, client_id)"
    "  WHERE client_id IS NOT NULL;"
    "PRAGMA user_version = 4;";

static void
execute(const char *sql)
{
    sqlite3 *database;
    require(sqlite3_open(fixture_path, &database) == SQLITE_OK);
    require(sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK);
    require(sqlite3_close(database) == SQLITE_OK);
}

/* All that describes the tables, without the text of what made them. */
static void
read_schema(char *out, size_t size)
{
    sqlite3 *database;
    sqlite3_stmt *statement;
    size_t length = 0;
    require(sqlite3_open(fixture_path, &database) == SQLITE_OK);
    require(sqlite3_prepare_v2(database,
                               "SELECT 'version', user_version, '' FROM pragma_user_version "
                               "UNION ALL SELECT type, name, replace(replace(sql, '  ', ''),"
                               " ' ', '') FROM sqlite_schema ORDER BY 1, 2",
                               -1, &statement, NULL) == SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *sql = (const char *)sqlite3_column_text(statement, 2);
        length += (size_t)snprintf(out + length, size - length, "%s %s %s\n",
                                   (const char *)sqlite3_column_text(statement, 0),
                                   (const char *)sqlite3_column_text(statement, 1),
                                   sql != NULL ? sql : "");
        require(length < size);
    }
    require(sqlite3_finalize(statement) == SQLITE_OK && sqlite3_close(database) == SQLITE_OK);
}

static int
no_user(void *argument, const struct repo_user *user)
{
    (void)argument;
    (void)user;
    return -1;
}

static int
take_since(void *argument, const struct repo_room *room, uint64_t since)
{
    *(uint64_t *)argument = since;
    return strcmp(room->id, "pair") == 0 ? 0 : -1;
}

/* Copies the last message that is read; its pointers are not to be used. */
static int
take_message(void *argument, const struct repo_message *message)
{
    *(struct repo_message *)argument = *message;
    return strcmp(message->sender_id, "ann") == 0 && strcmp(message->sender_name, "Ann") == 0 &&
                   strcmp(message->text, message->seq == 1 ? "psst" : "more") == 0
               ? 0
               : -1;
}

static void
test_messages(struct repo *repo)
{
    struct repo_message last = {0};
    struct repo_post again = make_post("ann", "x", "psst");
    struct repo_post more = make_post("ann", "y", "more");
    more.sender_name = "Ann";
    ok(repo_read(repo, 2, 0, 2, 9, true, take_message, &last) == 0 && last.seq == 1 &&
           last.ts == 20,
       "a message is as it was");
    ok(append_one(repo, 2, &again) == 0 && again.outcome == REPO_REPEATED && again.seq == 1 &&
           again.ts == 20,
       "and is found again by its client's id");
    ok(append_one(repo, 2, &more) == 0 && more.seq == 2 && last_seq(repo, 1) == 1 &&
           repo_read(repo, 2, 1, 9, 9, false, take_message, &last) == 0 && last.seq == 2,
       "the next one is stored behind it");
}

static void
test_from(int version)
{
    static char fresh[8000], migrated[8000];
    uint64_t users_version = 0, since = 99;
    struct repo_room room;
    bool was_held = false;
    fixture_clear();
    struct repo *repo = open_repo(1000);
    repo_close(&repo);
    read_schema(fresh, sizeof(fresh));
    fixture_clear();
    execute(version_1);
    if (version >= 2)
        execute(version_2);
    if (version >= 3)
        execute(version_3);
    if (version >= 4)
        execute(version_4);

    repo = open_repo(1000);
    repo_close(&repo);
    read_schema(migrated, sizeof(migrated));
    ok(strcmp(fresh, migrated) == 0, "a database of version %d becomes what a new one is", version);
    if (strcmp(fresh, migrated) != 0)
        printf("# %s\n# %s\n", fresh, migrated);
    repo = open_repo(1000);
    ok(repo_room_find_by_name(repo, "kitchen", &room) == 0 && room.number == 1 &&
           holds_exactly(repo, 1, 1) && holds_exactly(repo, 2, 1),
       "its rooms and messages are there");
    ok(repo_users_all(repo, no_user, NULL) == 0 && repo_users_version(repo, &users_version) == 0 &&
           users_version != 7,
       "nobody is online, which whoever has read the users sees");
    ok(repo_lease_renew(repo, "old", 200, &was_held) == 0 && was_held, "leases are kept");
    struct repo_arrival ann = {.user = {"ann", "Ann", "new"}, .expires = 1000, .seen = 1};
    struct repo_roll_change joins = {"ann", true};
    ok(repo_users_arrive(repo, &ann, 1) == 0 && repo_roll_change(repo, 1, 0, &joins, 1) == 0 &&
           repo_private_missed(repo, "bob", 15, 8, take_since, &since) == 0 && since == 0,
       "and all that is new works there");
    unsigned char secret[REPO_SECRET_BYTES];
    static const unsigned char zero[REPO_SECRET_BYTES];
    ok(repo_secret(repo, secret) == 0 &&
           (memcmp(secret, zero, sizeof(zero)) == 0) == (version >= 2),
       "the secret is the one that was there, if any");
    test_messages(repo);
    repo_close(&repo);
}

/* ---- two processes ------------------------------------------------------------------------ */

static int
open_child(int in, int out)
{
    (void)out;
    hear(in);
    struct repo *repo = open_repo(30000);
    repo_close(&repo);
    return 0;
}

static void
test_two_processes(void)
{
    enum { ROUNDS = 10 };
    bool right = true;
    for (int i = 0; i < ROUNDS; i++) {
        struct child children[2];
        fixture_clear();
        for (int j = 0; j < 2; j++)
            children[j] = child_start(open_child);
        execute(version_1);
        say(children[0].to);
        say(children[1].to);
        right = child_end(&children[0]) == 0 && right;
        right = child_end(&children[1]) == 0 && right;
    }
    ok(right, "two processes may migrate one file at once, %d times", ROUNDS);
}

int
main(void)
{
    fixture_begin();
    test_two_processes();
    test_from(1);
    test_from(2);
    test_from(3);
    test_from(4);
    return fixture_end();
}
