#include "rooms/listing.h"

#include "pubsub/message.h"
#include "repo/listing.h"
#include "rooms/document.h"
#include "rooms/event.h"
#include "rooms/historian.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* What a member asked for. */
struct request {
    struct room_question question; /* first; its room is NULL where the member is in none */
    struct rooms *rooms;
    struct listing listing;
    int64_t banned_until; /* of who is refused as it is banned */
};

/* A list in the making. */
struct list {
    struct document document;
    cJSON *array;
    const struct repo_rights *rights; /* of the room whose members these are, or NULL */
    int64_t now;
    size_t limit;
    size_t count;
};

static void
begin_array(struct list *list, const char *key)
{
    cJSON *root = list->document.root;

    list->array = list->document.failed ? NULL : cJSON_AddArrayToObject(root, key);
    list->document.failed = list->array == NULL;
    list->count = 0;
}

/* One more entry, or NULL: there are enough, or it has failed. */
static cJSON *
add_entry(struct list *list)
{
    if (list->document.failed || list->count++ == list->limit)
        return NULL;
    cJSON *entry = cJSON_CreateObject();
    if (entry == NULL || !cJSON_AddItemToArray(list->array, entry)) {
        cJSON_Delete(entry);
        list->document.failed = true;
        return NULL;
    }
    return entry;
}

static int
add_room(void *argument, const struct repo_listed_room *room)
{
    struct list *list = argument;
    struct document *document = &list->document;

    cJSON *entry = add_entry(list);
    if (entry == NULL)
        return document->failed ? -ENOMEM : 0;
    document_string(document, entry, "id", room->id);
    document_string(document, entry, "name", room->name);
    document_string(document, entry, "kind", kind_name(room->kind));
    document_string(document, entry, "topic", room->topic);
    document_integer(document, entry, "online", (int64_t)room->online);
    if (room->owner_id[0] == '\0') {
        document->failed = document->failed || cJSON_AddNullToObject(entry, "owner") == NULL;
        return 0;
    }
    cJSON *owner = document->failed ? NULL : cJSON_AddObjectToObject(entry, "owner");
    document->failed = owner == NULL;
    document_string(document, owner, "id", room->owner_id);
    return 0;
}

static void
add_until(struct document *document, cJSON *entry, int64_t until)
{
    if (until != REPO_FOR_EVER)
        document_integer(document, entry, "until", until);
}

/* A member of a room, somebody who is banned from it, or somebody who is blocked. */
static int
add_user(void *argument, const struct repo_listed_user *user)
{
    struct list *list = argument;
    struct document *document = &list->document;
    const struct repo_standing *standing = &user->standing;

    cJSON *entry = add_entry(list);
    if (entry == NULL)
        return document->failed ? -ENOMEM : 0;
    document_string(document, entry, "id", user->id);
    document_string(document, entry, "name", user->name);
    if (standing->banned_until > list->now) {
        add_until(document, entry, standing->banned_until);
    } else if (list->rights != NULL) {
        enum role role = rights_role(list->rights, standing, user->id, standing->is_admin, true);
        document_string(document, entry, "role", role_name(role));
        if (standing->muted_until > list->now) {
            document_bool(document, entry, "muted", true);
            add_until(document, entry, standing->muted_until);
        }
    }
    return 0;
}

/* `more`: the key that says whether there are others. */
static void
end_array(struct list *list, const char *more)
{
    document_bool(&list->document, list->document.root, more, list->count > list->limit);
}

/* Ends the document, or throws it away. */
static int
finish(struct list *list, const struct listing *listing, int error, struct message **out)
{
    if (listing->has_client_id)
        document_string(&list->document, list->document.root, "id", listing->client_id);
    list->document.failed = list->document.failed || error != 0;
    *out = document_finish(&list->document, 0, 4096);
    if (error != 0)
        return error;
    return *out != NULL ? 0 : -ENOMEM;
}

int
listing_read_rooms(struct rooms *rooms, const char *user_id, bool is_admin,
                   const struct listing *listing, struct message **out)
{
    struct list list = {.document = document_begin("rooms"), .limit = listing->limit};

    begin_array(&list, "rooms");
    /* One more than is given tells whether there is more. */
    int error = repo_rooms_list(rooms->repo, user_id, is_admin, listing->after, listing->limit + 1,
                                add_room, &list);
    end_array(&list, "more");
    return finish(&list, listing, error, out);
}

static int
read_blocks(struct rooms *rooms, const char *user_id, const struct listing *listing,
            struct message **out)
{
    struct list list = {.document = document_begin("blocks"), .limit = listing->limit};

    begin_array(&list, "users");
    int error =
        repo_blocks(rooms->repo, user_id, listing->after, listing->limit + 1, add_user, &list);
    end_array(&list, "more");
    return finish(&list, listing, error, out);
}

/* Finds the room, and whether the member may see who is in it, and who is kept out. */
static int
check_members(struct request *request, struct repo_room *room, struct repo_rights *rights,
              bool *sees_banned)
{
    const struct member *member = request->question.job.member;
    struct repo *repo = request->rooms->repo;
    bool is_in = request->question.room != NULL;
    struct repo_standing own = {0};
    int64_t now = clock_realtime_ms();

    int error = repo_room_find_by_id(repo, request->listing.room_id, room);
    if (error == 0)
        error = repo_rights_read(repo, room->number, rights);
    if (error == -ENOENT || (error == 0 && (room->is_private || rights->is_deleted)))
        return NO_SUCH_ROOM;
    if (error == 0)
        error = repo_standing_find(repo, room->number, member->id, &own);
    if (error != 0)
        return error;
    enum role role = rights_role(rights, &own, member->id, atomic_load(&member->is_admin), is_in);
    *sees_banned = rights_check(RIGHT_LIST_BANNED, role, &own, now) == 0;
    request->banned_until = own.banned_until;
    error = rights_check(RIGHT_LIST_MEMBERS, role, &own, now);
    bool is_hidden = rights->kind == REPO_INVITE_ONLY && !own.is_invited;
    return error == DENIED && is_hidden ? NO_SUCH_ROOM : error;
}

static int
read_members(struct request *request, struct message **out)
{
    const struct listing *listing = &request->listing;
    struct repo *repo = request->rooms->repo;
    struct repo_room room;
    struct repo_rights rights;
    bool sees_banned;

    int error = check_members(request, &room, &rights, &sees_banned);
    if (error != 0)
        return error;
    struct list list = {
        .document = document_begin("room-members"),
        .rights = &rights,
        .now = clock_realtime_ms(),
        .limit = listing->limit,
    };
    document_string(&list.document, document_object(&list.document, "target"), "id", room.id);
    begin_array(&list, "users");
    error = repo_room_users(repo, room.number, listing->after, listing->limit + 1, add_user, &list);
    end_array(&list, "more");
    if (error == 0 && sees_banned) {
        begin_array(&list, "banned");
        error = repo_room_banned(repo, room.number, list.now, listing->banned_after,
                                 listing->limit + 1, add_user, &list);
        end_array(&list, "moreBanned");
    }
    return finish(&list, listing, error, out);
}

/* ---- what a member asked for -------------------------------------------------------------- */

static const char *
action_of(enum listing_kind kind)
{
    static const char *const actions[] = {
        [LISTING_ROOMS] = "rooms",
        [LISTING_MEMBERS] = "room-members",
        [LISTING_BLOCKS] = "blocks",
    };

    return actions[kind];
}

static void
end(struct request *request)
{
    struct member *member = request->question.job.member;

    member->operations->answered(member, 1);
    if (request->question.room != NULL)
        question_end(&request->question);
    else
        member->operations->release(member);
    free(request);
}

static void
tell_refusal(const struct request *request, int error)
{
    const struct listing *listing = &request->listing;
    struct member *member = request->question.job.member;
    struct event_error refusal = {
        .refused = action_of(listing->kind),
        .client_id = listing->has_client_id ? listing->client_id : NULL,
        .room_id = listing->kind == LISTING_MEMBERS ? listing->room_id : NULL,
    };

    event_error_for(error, &refusal);
    if (error == DENIED_BANNED)
        refusal.until = request->banned_until;
    struct message *message = event_error(&refusal);
    if (message != NULL) {
        member->operations->deliver(member, &message, 1);
        message_rele(message);
    }
}

static int
read_list(struct request *request, struct message **out)
{
    struct member *member = request->question.job.member;
    const struct listing *listing = &request->listing;

    switch (listing->kind) {
    case LISTING_MEMBERS:
        return read_members(request, out);
    case LISTING_BLOCKS:
        return read_blocks(request->rooms, member->id, listing, out);
    case LISTING_ROOMS:
        break;
    }
    return listing_read_rooms(request->rooms, member->id, atomic_load(&member->is_admin), listing,
                              out);
}

static enum reading
answer(struct reading_job *job)
{
    struct request *request =
        (struct request *)((char *)job - offsetof(struct request, question.job));
    struct member *member = job->member;
    struct message *list;

    if (member->operations->is_behind(member))
        return READING_BEHIND;
    int error = read_list(request, &list);
    if (error == 0) {
        member->operations->deliver_list(member, &list, 1);
        message_rele(list);
    } else {
        tell_refusal(request, error);
    }
    end(request);
    return READING_DONE;
}

static void
refuse(struct room_question *question, int error)
{
    tell_refusal((struct request *)question, error);
    end((struct request *)question);
}

int
member_list(struct member *member, struct rooms *rooms, const struct listing *listing)
{
    int error = -ENOENT;

    assert(listing->limit >= 1 && listing->limit <= LISTING_MAX);
    struct request *request = calloc(1, sizeof(*request));
    if (request == NULL)
        return -ENOMEM;
    request->rooms = rooms;
    request->listing = *listing;
    request->question.job.read = answer;
    request->question.refuse = refuse;
    /* Who is in the room is told by it, so that the roll has who was let in before. */
    if (listing->kind == LISTING_MEMBERS)
        error = member_ask(member, listing->room_id, &request->question, false);
    if (error == 0)
        return 0;
    request->question.room = NULL;
    request->question.job.member = member;
    member->operations->hold(member);
    historian_add(rooms->historian, &request->question.job);
    return 0;
}
