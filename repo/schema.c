#include "repo/schema.h"

#include "repo/sqlite.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "chtd": marks a file as ours, so that a database of another program is never migrated. */
#define APPLICATION_ID 0x63687464

/* What brings a file of version N to N + 1. Ones that were released are never edited. */
static const char *const migrations[] = {
    /* A room's number is its key inside: short, since each message and index entry repeats it. */
    "CREATE TABLE room ("
    "  number INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  name TEXT NOT NULL,"
    "  private INTEGER NOT NULL CHECK (private IN (0, 1)),"
    "  user_a TEXT,"
    "  user_b TEXT,"
    "  CHECK (private = (user_a IS NOT NULL AND user_b IS NOT NULL)));"
    "CREATE UNIQUE INDEX room_name ON room (name) WHERE private = 0;"
    "CREATE UNIQUE INDEX room_pair ON room (user_a, user_b) WHERE private = 1;"

    /* Clustered by room and seq: an append and a read touch the end of one room's range. */
    "CREATE TABLE message ("
    "  room INTEGER NOT NULL,"
    "  seq INTEGER NOT NULL,"
    "  sender_id TEXT NOT NULL,"
    "  sender_name TEXT NOT NULL,"
    "  client_id TEXT,"
    "  ts INTEGER NOT NULL,"
    "  text TEXT NOT NULL,"
    "  PRIMARY KEY (room, seq)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX message_client_id ON message (room, sender_id, client_id)"
    "  WHERE client_id IS NOT NULL;"

    "CREATE TABLE user ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  name TEXT NOT NULL,"
    "  instance TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX user_instance ON user (instance);"
    "CREATE TABLE users_version (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT "
    "NULL);"
    "INSERT INTO users_version VALUES (1, 0);"

    "CREATE TABLE lease ("
    "  instance TEXT NOT NULL PRIMARY KEY,"
    "  expires INTEGER NOT NULL) WITHOUT ROWID;",

    "CREATE TABLE IF NOT EXISTS secret ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  key BLOB NOT NULL CHECK (length(key) = 32));",

    /* Who was online is not worth keeping: each instance stores its users again. */
    "DROP TABLE user;"
    "CREATE TABLE user ("
    "  id TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  instance TEXT NOT NULL,"
    "  PRIMARY KEY (id, instance)) WITHOUT ROWID;"
    "CREATE INDEX user_instance ON user (instance);"
    "UPDATE users_version SET version = version + 1;"

    "CREATE TABLE identity ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  name TEXT NOT NULL,"
    "  token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),"
    "  expires INTEGER NOT NULL,"
    "  seen INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX identity_expires ON identity (expires);"

    "CREATE TABLE roll ("
    "  room INTEGER NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  PRIMARY KEY (room, user_id)) WITHOUT ROWID;"
    "CREATE INDEX roll_user ON roll (user_id);"

    /* The pair's own index finds a user only where it is the first of the two. */
    "CREATE INDEX room_user_b ON room (user_b) WHERE private = 1;",

    /*
     * Messages by their place, see sqlite.h. The inner nodes of a table with such a key have nothing
     * but keys: it is lower than one WITHOUT ROWID, which has whole messages at every level.
     */
    "DROP INDEX message_client_id;"
    "ALTER TABLE message RENAME TO former_message;"
    "CREATE TABLE message ("
    "  place INTEGER PRIMARY KEY,"
    "  room INTEGER NOT NULL AS (place >> 36) VIRTUAL,"
    "  seq INTEGER NOT NULL AS (place & 0xfffffffff) VIRTUAL,"
    "  ts INTEGER NOT NULL,"
    "  sender_id TEXT NOT NULL,"
    "  sender_name TEXT NOT NULL,"
    "  client_id TEXT,"
    "  text TEXT NOT NULL);"
    "INSERT INTO message (place, ts, sender_id, sender_name, client_id, text)"
    "  SELECT room << 36 | seq, ts, sender_id, sender_name, client_id, text FROM former_message"
    "  ORDER BY room, seq;"
    "DROP TABLE former_message;"
    "CREATE UNIQUE INDEX message_client_id ON message (room, sender_id, client_id)"
    "  WHERE client_id IS NOT NULL;",

    /* Edits and deletes are entries among the messages: enum repo_kind, and the seq they are about. */
    "ALTER TABLE message ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE message ADD COLUMN of INTEGER;"
    "ALTER TABLE message ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX message_of ON message (room, of) WHERE of IS NOT NULL;",

    "CREATE TABLE account ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  name TEXT NOT NULL,"
    "  folded TEXT NOT NULL UNIQUE CHECK (folded <> ''),"
    "  password TEXT NOT NULL,"
    "  admin INTEGER NOT NULL CHECK (admin IN (0, 1)),"
    "  banned_until INTEGER NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  seen INTEGER NOT NULL) WITHOUT ROWID;"

    /* Numbers are never given twice: what is told of a session that ended is of no later one. */
    "CREATE TABLE session ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),"
    "  account_id TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  seen INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL,"
    "  agent TEXT NOT NULL);"
    "CREATE INDEX session_account ON session (account_id);"
    "CREATE INDEX session_expires ON session (expires);"

    "CREATE TABLE invite_link ("
    "  hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),"
    "  created INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL,"
    "  uses_left INTEGER NOT NULL CHECK (uses_left >= 0)) WITHOUT ROWID;"

    "CREATE TABLE revocation ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  kind INTEGER NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  folded TEXT NOT NULL,"
    "  session INTEGER NOT NULL,"
    "  newest INTEGER NOT NULL,"
    "  ts INTEGER NOT NULL);"

    /* NULL where the guest was not here since: those who come are compared when they do. */
    "ALTER TABLE identity ADD COLUMN folded TEXT;"
    "CREATE INDEX identity_folded ON identity (folded) WHERE folded IS NOT NULL;",

    /*
     * Rooms with owners, see rights.h. `deleted` is 0, or when that was; once nothing but the row is
     * left it is negative. A standing has the room's version at which it changed.
     */
    "ALTER TABLE room ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE room ADD COLUMN topic TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE room ADD COLUMN owner_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE room ADD COLUMN created INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE room ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE room ADD COLUMN deleted_by TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE room ADD COLUMN rights_version INTEGER NOT NULL DEFAULT 0;"
    "DROP INDEX room_name;"
    "CREATE UNIQUE INDEX room_name ON room (name) WHERE private = 0 AND deleted = 0;"
    "CREATE INDEX room_deleted ON room (number) WHERE deleted > 0;"

    "CREATE TABLE room_standing ("
    "  room INTEGER NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  is_moderator INTEGER NOT NULL,"
    "  is_invited INTEGER NOT NULL,"
    "  banned_until INTEGER NOT NULL,"
    "  muted_until INTEGER NOT NULL,"
    "  kicked INTEGER NOT NULL,"
    "  by_id TEXT NOT NULL,"
    "  version INTEGER NOT NULL,"
    "  PRIMARY KEY (room, user_id)) WITHOUT ROWID;"
    "CREATE INDEX room_standing_version ON room_standing (room, version);"
    "CREATE INDEX room_standing_user ON room_standing (user_id);"

    "CREATE TABLE block ("
    "  user_id TEXT NOT NULL,"
    "  blocked_id TEXT NOT NULL,"
    "  PRIMARY KEY (user_id, blocked_id)) WITHOUT ROWID;"
    "CREATE INDEX block_blocked ON block (blocked_id);",

    /* How many users each instance has in each room; without a lease that counts for nothing. */
    "CREATE TABLE room_online ("
    "  room INTEGER NOT NULL,"
    "  instance TEXT NOT NULL,"
    "  users INTEGER NOT NULL,"
    "  PRIMARY KEY (room, instance)) WITHOUT ROWID;",
};

#define SCHEMA_VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

/* Reads the one number that the statement gives. */
static int
read_number(struct connection *connection, const char *sql, int *out)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(connection->database, sql, -1, &statement, NULL) != SQLITE_OK)
        return connection_error(connection);
    int result = statement_row(connection, statement);
    if (result > 0)
        *out = sqlite3_column_int(statement, 0);
    else if (result == 0)
        result = -EIO;
    if (sqlite3_finalize(statement) != SQLITE_OK && result >= 0)
        result = connection_error(connection);
    return result < 0 ? result : 0;
}

/* Reads the version, 0 for an empty file, and refuses a file that is not for us. */
static int
read_version(struct connection *connection, int *version, char *why, size_t why_size)
{
    int objects = 0;
    int application = 0;
    int error = read_number(connection, "SELECT count(*) FROM sqlite_schema", &objects);
    if (error == 0)
        error = read_number(connection, "PRAGMA application_id", &application);
    if (error == 0)
        error = read_number(connection, "PRAGMA user_version", version);
    if (error != 0)
        return error;
    if (objects > 0 && application != APPLICATION_ID) {
        snprintf(why, why_size, "the database belongs to another program");
        return -EINVAL;
    }
    if (*version > SCHEMA_VERSION) {
        snprintf(why, why_size,
                 "a newer version of the program wrote the database (its version is %d, the newest "
                 "known here is %d)",
                 *version, SCHEMA_VERSION);
        return -ENOTSUP;
    }
    if (objects == 0)
        *version = 0;
    if (*version < 0 || (objects > 0 && *version == 0)) {
        snprintf(why, why_size, "the database has an unknown version (%d)", *version);
        return -EINVAL;
    }
    return 0;
}

/*
 * Lets readers go on while somebody writes. Two processes that switch at once can get a refusal that
 * SQLite does not pass to the busy handler, as waiting inside would be a deadlock: so wait here.
 */
static int
use_log(struct connection *connection, char *why, size_t why_size)
{
    sqlite3_stmt *statement;
    const char *sql = "PRAGMA journal_mode = WAL";
    if (sqlite3_prepare_v2(connection->database, sql, -1, &statement, NULL) != SQLITE_OK)
        return connection_error(connection);
    int result = -EBUSY;
    for (int attempts = 0; result == -EBUSY; attempts++) {
        if (attempts > 0 && !connection_wait(connection, attempts))
            break;
        result = statement_row(connection, statement);
        const char *mode = result > 0 ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        if (result > 0 && (mode == NULL || strcmp(mode, "wal") != 0)) {
            snprintf(why, why_size, "write-ahead logging does not work there");
            result = -EINVAL;
        }
        result = statement_end(connection, statement, result);
    }
    if (sqlite3_finalize(statement) != SQLITE_OK && result >= 0)
        result = connection_error(connection);
    return result < 0 ? result : 0;
}

/* Applies what is missing, within the caller's transaction. */
static int
migrate(struct connection *connection, char *why, size_t why_size)
{
    int version = 0;
    /* Another process may have migrated the file before we got the lock. */
    int error = read_version(connection, &version, why, why_size);
    if (error != 0 || version == SCHEMA_VERSION)
        return error;
    for (; version < SCHEMA_VERSION && error == 0; version++)
        error = connection_execute(connection, migrations[version]);
    if (error != 0)
        return error;
    char sql[80];
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, SCHEMA_VERSION);
    return connection_execute(connection, sql);
}

static int
migrate_transaction(struct connection *connection, char *why, size_t why_size)
{
    int error = connection_execute(connection, "BEGIN IMMEDIATE");
    if (error != 0)
        return error;
    error = migrate(connection, why, why_size);
    if (error == 0)
        error = connection_execute(connection, "COMMIT");
    /* If it failed, the caller closes the connection, which rolls back. */
    return error;
}

int
schema_prepare(struct connection *connection, char *why, size_t why_size)
{
    int version = 0;
    int error = read_version(connection, &version, why, why_size);
    if (error == 0)
        error = use_log(connection, why, why_size);
    /* A file of today is opened without the write lock, which another process may have. */
    if (error == 0 && version < SCHEMA_VERSION)
        error = migrate_transaction(connection, why, why_size);
    return error;
}

/*
 * The errno of why a file cannot be opened. SQLite tries to read a file that it could not make, and
 * keeps what that says, which is that there is none: so ask the folder.
 */
static int
open_errno(const char *path, int system)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (system != ENOENT)
        return system;
    if (slash != NULL)
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash + 1 - path), path);
    return access(folder, W_OK | X_OK) == 0 ? system : errno;
}

int
schema_explain(struct connection *connection, int error, const char *path, const char *reason,
               char *why, size_t why_size)
{
    const char *message = sqlite3_errmsg(connection->database);
    int code = sqlite3_errcode(connection->database);
    int system = sqlite3_system_errno(connection->database);
    if (reason[0] != '\0') {
        message = reason;
    } else if (code == SQLITE_NOTADB) {
        message = "the file is not a database";
        error = -EINVAL;
    } else if (error == -EBUSY) {
        message = "another process keeps the database locked";
    } else if (error == -ENOSPC) {
        message = strerror(ENOSPC);
    } else if (error == -EROFS) {
        message = "the database cannot be written";
    } else if (code == SQLITE_CANTOPEN || code == SQLITE_PERM) {
        system = open_errno(path, system);
        message = system != 0 ? strerror(system) : message;
        error = system == EROFS ? -EROFS : -EACCES;
    } else if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) {
        message = strerror(-error);
    }
    snprintf(why, why_size, "%s: %s", path, message);
    return error;
}
