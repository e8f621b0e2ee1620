#include "rooms/document.h"

#include "pubsub/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct document
document_begin(const char *action)
{
    struct document document = {.root = cJSON_CreateObject()};
    document.failed =
        document.root == NULL || cJSON_AddStringToObject(document.root, "action", action) == NULL;
    return document;
}

void
document_string(struct document *document, cJSON *object, const char *key, const char *value)
{
    document->failed = document->failed || cJSON_AddStringToObject(object, key, value) == NULL;
}

void
document_bool(struct document *document, cJSON *object, const char *key, bool value)
{
    document->failed = document->failed || cJSON_AddBoolToObject(object, key, value) == NULL;
}

/* As raw digits: the library's numbers are doubles, printed slowly and not for all of 64 bits. */
void
document_integer(struct document *document, cJSON *object, const char *key, int64_t value)
{
    char digits[24];

    if (document->failed)
        return;
    snprintf(digits, sizeof(digits), "%" PRId64, value);
    document->failed = cJSON_AddRawToObject(object, key, digits) == NULL;
}

cJSON *
document_object(struct document *document, const char *key)
{
    cJSON *object = document->failed ? NULL : cJSON_AddObjectToObject(document->root, key);
    document->failed = object == NULL;
    return object;
}

void
document_user(struct document *document, const char *key, const char *id, const char *name)
{
    cJSON *user = document_object(document, key);
    document_string(document, user, "id", id);
    document_string(document, user, "name", name);
}

void
document_room(struct document *document, const struct repo_room *room)
{
    cJSON *target = document_object(document, "target");
    document_string(document, target, "id", room->id);
    document_string(document, target, "name", room->name);
}

struct message *
document_finish(struct document *document, uint64_t seq, size_t expected)
{
    char *text = NULL;
    struct message *message = NULL;

    if (!document->failed)
        text = cJSON_PrintBuffered(document->root, (int)expected, false);
    if (text != NULL)
        message = message_new(text, strlen(text), seq);
    cJSON_free(text);
    cJSON_Delete(document->root);
    return message;
}
