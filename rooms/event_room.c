/* The documents about rooms and who may what in them. */
#include "rooms/event.h"

#include "rooms/document.h"
#include "rooms/rights.h"

/* {id} under that key, or null where there is nobody. */
static void
add_id(struct document *document, const char *key, const char *id)
{
    if (id[0] != '\0')
        document_string(document, document_object(document, key), "id", id);
    else if (!document->failed)
        document->failed = cJSON_AddNullToObject(document->root, key) == NULL;
}

void
event_add_rights(struct document *document, const struct repo_rights *rights)
{
    document_string(document, document->root, "kind", kind_name(rights->kind));
    document_string(document, document->root, "topic", rights->topic);
    add_id(document, "owner", rights->owner_id);
}

void
event_add_until(struct document *document, int64_t until)
{
    if (until != 0 && until != REPO_FOR_EVER)
        document_integer(document, document->root, "until", until);
}

void
event_add_own(struct document *document, const struct event_own *own)
{
    document_string(document, document->root, "role", role_name(own->role));
    if (own->is_muted) {
        document_bool(document, document->root, "muted", true);
        event_add_until(document, own->muted_until);
    }
}

struct message *
event_room_changed(const struct repo_room *room, const struct repo_rights *rights,
                   const struct event_own *own)
{
    struct document document = document_begin("room-changed");

    document_room(&document, room);
    event_add_rights(&document, rights);
    if (own != NULL)
        event_add_own(&document, own);
    return document_finish(&document, 0, 512);
}

struct message *
event_room_left(const struct repo_room *room, const char *reason, int64_t until, const char *by_id)
{
    struct document document = document_begin("room-left");

    document_room(&document, room);
    document_string(&document, document.root, "reason", reason);
    event_add_until(&document, until);
    if (by_id[0] != '\0')
        add_id(&document, "by", by_id);
    return document_finish(&document, 0, 256);
}

struct message *
event_done(const char *request, const char *client_id, const char *room_id, const char *user_id)
{
    struct document document = document_begin("done");

    document_string(&document, document.root, "request", request);
    if (client_id != NULL)
        document_string(&document, document.root, "id", client_id);
    if (room_id[0] != '\0')
        add_id(&document, "target", room_id);
    if (user_id[0] != '\0')
        add_id(&document, "user", user_id);
    return document_finish(&document, 0, 256);
}
