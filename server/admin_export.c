#include "server/admin_export.h"

#include "repo/account.h"
#include "repo/listing.h"
#include "repo/rights.h"
#include "repo/user_data.h"
#include "rooms/event.h"
#include "rooms/lock.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 5000 /* messages that are looked at in one read */

/* A list in the making. */
struct list {
    struct repo *repo;
    const char *user_id;
    FILE *stream;
    bool has_any;
};

/* Writes the object, as the next one of a list, and frees it; `is_whole`: nothing failed on it. */
static int
put(struct list *list, cJSON *object, bool is_whole)
{
    char *text = is_whole ? cJSON_PrintUnformatted(object) : NULL;
    int error = text == NULL ? -ENOMEM : 0;

    if (error == 0 && fprintf(list->stream, "%s\n%s", list->has_any ? "," : "", text) < 0)
        error = -EIO;
    list->has_any = true;
    cJSON_free(text);
    cJSON_Delete(object);
    return error;
}

static bool
add_text(cJSON *object, const char *key, const char *value)
{
    return cJSON_AddStringToObject(object, key, value) != NULL;
}

static bool
add_bool(cJSON *object, const char *key, bool value)
{
    return cJSON_AddBoolToObject(object, key, value) != NULL;
}

/* As digits, since the library's numbers are doubles. */
static bool
add_number(cJSON *object, const char *key, int64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRId64, value);
    return cJSON_AddRawToObject(object, key, digits) != NULL;
}

/* Until when something is so: a time, null for ever, and nothing where it is not so. */
static bool
add_until(cJSON *object, const char *key, int64_t until)
{
    if (until <= clock_realtime_ms())
        return true;
    return until == REPO_FOR_EVER ? cJSON_AddNullToObject(object, key) != NULL
                                  : add_number(object, key, until);
}

static int
put_account(struct list *list, const struct repo_account *account)
{
    cJSON *object = cJSON_CreateObject();
    bool is_whole = add_text(object, "id", account->id) &&
                    add_text(object, "name", account->name) &&
                    add_bool(object, "admin", account->is_admin) &&
                    add_number(object, "created", account->created) &&
                    add_number(object, "seen", account->seen) &&
                    add_until(object, "bannedUntil", account->banned_until);

    return put(list, object, is_whole);
}

static int
put_session(void *argument, const struct repo_session *session)
{
    cJSON *object = cJSON_CreateObject();
    bool is_whole = add_number(object, "id", session->number) &&
                    add_number(object, "created", session->created) &&
                    add_number(object, "seen", session->seen) &&
                    add_number(object, "expires", session->expires) &&
                    add_text(object, "agent", session->agent);

    return put(argument, object, is_whole);
}

static const char *
role_of(const struct repo_user_room *room)
{
    if (room->is_owner)
        return "owner";
    if (room->is_moderator)
        return "moderator";
    return room->is_on_roll || room->room.is_private ? "member" : "none";
}

static int
put_room(void *argument, const struct repo_user_room *item)
{
    const struct repo_room *room = &item->room;
    struct list *list = argument;
    cJSON *object = cJSON_CreateObject();
    bool is_whole = add_text(object, "id", room->id) && add_text(object, "name", room->name) &&
                    add_bool(object, "private", room->is_private) &&
                    add_text(object, "role", role_of(item)) &&
                    (!item->is_invited || add_bool(object, "invited", true)) &&
                    (!item->was_kicked || add_bool(object, "kicked", true)) &&
                    add_until(object, "bannedUntil", item->banned_until) &&
                    add_until(object, "mutedUntil", item->muted_until);

    if (room->is_private) {
        bool is_first = strcmp(room->users[0], list->user_id) == 0;
        cJSON *other = cJSON_AddObjectToObject(object, "with");
        is_whole = is_whole && add_text(other, "id", room->users[is_first]);
    }
    return put(list, object, is_whole);
}

static int
put_blocked(void *argument, const struct repo_listed_user *user)
{
    cJSON *object = cJSON_CreateObject();

    return put(argument, object,
               add_text(object, "id", user->id) && add_text(object, "name", user->name));
}

static int
put_entry(void *argument, const struct repo_user_entry *entry)
{
    const struct repo_message *message = &entry->message;
    const char *state = event_entry_state(message);
    cJSON *object = cJSON_CreateObject();
    cJSON *room = cJSON_AddObjectToObject(object, "room");
    bool is_whole =
        add_text(room, "id", entry->room_id) && add_text(room, "name", entry->room_name) &&
        add_text(object, "action", event_entry_action(message->kind)) &&
        add_number(object, "seq", (int64_t)message->seq) && add_number(object, "ts", message->ts);

    if (message->kind != REPO_MESSAGE)
        is_whole = is_whole && add_number(object, "of", (int64_t)message->of);
    if (message->kind != REPO_DELETE)
        is_whole = is_whole && add_text(object, "message", message->text);
    if (state != NULL)
        is_whole = is_whole && add_number(object, state, (int64_t)message->changed);
    if (message->client_id != NULL)
        is_whole = is_whole && add_text(object, "id", message->client_id);
    return put(argument, object, is_whole);
}

/* Writes what was collected, now that no read waits for it, and frees it. */
static int
hand_on(FILE *collected, char **text, const size_t *length, int error, FILE *stream)
{
    if (fclose(collected) != 0 && error == 0)
        error = -ENOMEM;
    if (error == 0 && fwrite(*text, 1, *length, stream) != *length)
        error = -EIO;
    free(*text);
    *text = NULL;
    return error;
}

static int
put_piece(struct list *list, FILE *stream, int64_t *place, bool *done)
{
    char *text = NULL;
    size_t length = 0;

    list->stream = open_memstream(&text, &length);
    if (list->stream == NULL)
        return -ENOMEM;
    int error = repo_user_entries(list->repo, list->user_id, PIECE, place, done, put_entry, list);
    return hand_on(list->stream, &text, &length, error, stream);
}

/* Begins a list, and ends what is before it. */
static int
begin_list(struct list *list, const char *text)
{
    list->has_any = false;
    return fputs(text, list->stream) == EOF ? -EIO : 0;
}

/* All but the messages. */
static int
put_rest(struct list *list, const struct repo_account *account)
{
    int error = begin_list(list, "{\"account\":");

    if (error == 0)
        error = put_account(list, account);
    if (error == 0)
        error = begin_list(list, ",\n\"sessions\":[");
    if (error == 0)
        error = repo_sessions_of(list->repo, account->id, clock_realtime_ms(), put_session, list);
    if (error == 0)
        error = begin_list(list, "],\n\"rooms\":[");
    if (error == 0)
        error = repo_user_rooms(list->repo, account->id, put_room, list);
    if (error == 0)
        error = begin_list(list, "],\n\"blocks\":[");
    if (error == 0)
        error = repo_blocks(list->repo, account->id, "", SIZE_MAX, put_blocked, list);
    return error != 0 ? error : begin_list(list, "],\n\"messages\":[");
}

int
admin_export(struct repo *repo, const struct repo_account *account, FILE *stream)
{
    struct list list = {.repo = repo, .user_id = account->id};
    char *text = NULL;
    size_t length = 0;
    int64_t place = 0;
    bool done = false;

    list.stream = open_memstream(&text, &length);
    if (list.stream == NULL)
        return -ENOMEM;
    int error = put_rest(&list, account);
    error = hand_on(list.stream, &text, &length, error, stream);
    while (error == 0 && !done)
        error = put_piece(&list, stream, &place, &done);
    if (error == 0 && fputs("]}\n", stream) == EOF)
        error = -EIO;
    return error;
}
