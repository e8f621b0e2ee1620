#include "rooms/history.h"

#include "pubsub/message.h"
#include "repo/repo.h"
#include "rooms/event.h"
#include "rooms/historian.h"
#include "rooms/registry.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 262144 /* about what a page has at most */
#define PIECE_MAX  8      /* messages that are read in one go where a page is read backwards */

static size_t
text_length(const struct message *message)
{
    size_t length;

    (void)message_text(message, &length);
    return length;
}

/* A page in the making: the entries, each encoded, in ascending order. */
struct page {
    size_t count;
    size_t bytes;
    struct message *entries[HISTORY_MAX + 1]; /* one more than asked for tells whether there is */
};

static int
add_any_entry(void *argument, const struct repo_message *chat)
{
    struct page *page = argument;

    struct message *entry = event_history_entry(chat);
    if (entry == NULL)
        return -ENOMEM;
    page->entries[page->count++] = entry;
    page->bytes += text_length(entry);
    return 0;
}

/* Ends the reading once there is enough. */
static int
add_entry(void *argument, const struct repo_message *chat)
{
    struct page *page = argument;

    int error = add_any_entry(page, chat);
    return error == 0 && page->bytes > PAGE_BYTES ? 1 : error;
}

/* Drops the entries from `first` on, at the far end of what was asked for. */
static void
drop_entries(struct page *page, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        message_rele(page->entries[i]);
    page->count -= count;
    memmove(page->entries + first, page->entries + first + count,
            (page->count - first) * sizeof(struct message *));
}

/* Reads from the start of the range on, until that is enough. */
static int
read_forwards(struct rooms *rooms, const struct repo_room *room, const struct history_range *range,
              struct page *page, bool *more)
{
    int result = repo_read(rooms->repo, room->number, range->after, range->before, range->limit + 1,
                           false, add_entry, page);
    if (result < 0)
        return result;
    *more = result > 0 || page->count > range->limit;
    if (page->count > range->limit || (result > 0 && page->count > 1))
        drop_entries(page, page->count - 1, 1);
    return 0;
}

/* Reads from the end of the range back, a few at a time, since they may be large. */
static int
read_backwards(struct rooms *rooms, const struct repo_room *room, const struct history_range *range,
               struct page *page, bool *more)
{
    uint64_t before = range->before;
    bool is_start = false;

    while (!is_start && page->count <= range->limit && page->bytes <= PAGE_BYTES) {
        struct page piece = {0};
        size_t wanted = range->limit + 1 - page->count;
        if (wanted > PIECE_MAX)
            wanted = PIECE_MAX;
        int error = repo_read(rooms->repo, room->number, range->after, before, wanted, true,
                              add_any_entry, &piece);
        memmove(page->entries + piece.count, page->entries, page->count * sizeof(struct message *));
        memcpy(page->entries, piece.entries, piece.count * sizeof(struct message *));
        page->count += piece.count;
        page->bytes += piece.bytes;
        if (error != 0)
            return error;
        before = piece.count > 0 ? message_seq(piece.entries[0]) : 0;
        is_start = piece.count < wanted || before == range->after + 1;
    }
    size_t excess = page->count > range->limit ? page->count - range->limit : 0;
    for (; page->bytes > PAGE_BYTES && excess + 1 < page->count; excess++)
        page->bytes -= text_length(page->entries[excess]);
    drop_entries(page, 0, excess);
    *more = !is_start || excess > 0;
    return 0;
}

static bool
print_all(FILE *stream, const struct page *page, const char *room_id, const char *client_id,
          bool is_bare, bool more)
{
    char *id = NULL;

    if (client_id != NULL) {
        cJSON *item = cJSON_CreateString(client_id);
        id = item != NULL ? cJSON_PrintUnformatted(item) : NULL;
        cJSON_Delete(item);
        if (id == NULL)
            return false;
    }
    fprintf(stream, "{%s\"target\":{\"id\":\"%s\"},\"messages\":[",
            is_bare ? "" : "\"action\":\"history\",", room_id);
    for (size_t i = 0; i < page->count; i++) {
        size_t length;
        const char *text = message_text(page->entries[i], &length);
        if (i > 0)
            putc(',', stream);
        (void)fwrite(text, 1, length, stream); /* its failure is the stream's */
    }
    fprintf(stream, "],\"more\":%s", more ? "true" : "false");
    if (id != NULL)
        fprintf(stream, ",\"id\":%s", id);
    putc('}', stream);
    cJSON_free(id);
    return ferror(stream) == 0;
}

static struct message *
encode(const struct page *page, const char *room_id, const char *client_id, bool is_bare, bool more)
{
    char *text = NULL;
    size_t length = 0;
    struct message *message = NULL;

    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        return NULL;
    bool is_whole = print_all(stream, page, room_id, client_id, is_bare, more);
    is_whole = fclose(stream) == 0 && is_whole;
    if (is_whole)
        message = message_new(text, length, 0);
    free(text);
    return message;
}

int
history_read(struct rooms *rooms, const struct repo_room *room, const struct history_range *range,
             const char *client_id, bool is_bare, struct message **out)
{
    struct page page = {0};

    assert(range->limit >= 1 && range->limit <= HISTORY_MAX);
    bool more = false;
    int error = range->newest ? read_backwards(rooms, room, range, &page, &more)
                              : read_forwards(rooms, room, range, &page, &more);
    if (error == 0) {
        *out = encode(&page, room->id, client_id, is_bare, more);
        error = *out != NULL ? 0 : -ENOMEM;
    }
    for (size_t i = 0; i < page.count; i++)
        message_rele(page.entries[i]);
    return error;
}

/* Whether the user is in the room on this instance. */
static bool
is_in(struct rooms *rooms, const struct repo_room *stored, const char *user_id)
{
    char key[1 + REPO_ROOM_NAME_SIZE];

    snprintf(key, sizeof(key), "r%s", stored->name);
    struct room *room = registry_find(rooms->registry, key);
    if (room == NULL)
        return false;
    lock_take(&room->lock);
    bool found = room_has(room, user_id) && strcmp(room->stored.id, stored->id) == 0;
    lock_drop(&room->lock);
    room_rele(room);
    return found;
}

int
history_read_for(struct rooms *rooms, const char *room_id, const char *user_id,
                 const struct history_range *range, struct message **out)
{
    struct repo_room room;

    int error = repo_room_find_by_id(rooms->repo, room_id, &room);
    if (error != 0)
        return error;
    if (!room.is_private) {
        error = repo_roll_find(rooms->repo, room.number, user_id);
        /* The roll is stored after who has come in was told so. */
        if (error == -ENOENT && is_in(rooms, &room, user_id))
            error = 0;
    } else if (strcmp(room.users[0], user_id) != 0 && strcmp(room.users[1], user_id) != 0) {
        error = -ENOENT;
    }
    return error != 0 ? error : history_read(rooms, &room, range, NULL, true, out);
}

/* ---- what a member asked for -------------------------------------------------------------- */

struct request {
    struct room_question question; /* first */
    struct history_range range;
    bool has_client_id;
    char client_id[];
};

static void
end(struct request *request)
{
    struct member *member = request->question.job.member;

    member->operations->answered(member, 1);
    question_end(&request->question);
    free(request);
}

static void
tell_refusal(const struct request *request, int error)
{
    struct member *member = request->question.job.member;
    struct event_error refusal = {
        .refused = "history",
        .client_id = request->has_client_id ? request->client_id : NULL,
        .room_id = request->question.room->stored.id,
    };

    event_error_for(error, &refusal);
    struct message *message = event_error(&refusal);
    if (message != NULL) {
        member->operations->deliver(member, &message, 1);
        message_rele(message);
    }
}

static void
refuse(struct room_question *question, int error)
{
    tell_refusal((struct request *)question, error);
    end((struct request *)question);
}

static enum reading
answer(struct reading_job *job)
{
    struct request *request =
        (struct request *)((char *)job - offsetof(struct request, question.job));
    struct room *room = request->question.room;
    struct member *member = job->member;
    struct message *page;

    if (member->operations->is_behind(member))
        return READING_BEHIND;
    int error = history_read(room->rooms, &room->stored, &request->range,
                             request->has_client_id ? request->client_id : NULL, false, &page);
    if (error == 0) {
        member->operations->deliver_list(member, &page, 1);
        message_rele(page);
    } else {
        tell_refusal(request, error);
    }
    end(request);
    return READING_DONE;
}

int
member_read_history(struct member *member, const char *room_id, const struct history_range *range,
                    const char *client_id)
{
    size_t id_size = client_id != NULL ? strlen(client_id) + 1 : 0;
    struct request *request = calloc(1, sizeof(*request) + id_size);
    if (request == NULL)
        return -ENOMEM;
    request->question.job.read = answer;
    request->question.refuse = refuse;
    request->range = *range;
    request->has_client_id = client_id != NULL;
    if (client_id != NULL)
        memcpy(request->client_id, client_id, id_size);
    int error = member_ask(member, room_id, &request->question, true);
    if (error != 0)
        free(request);
    return error;
}
