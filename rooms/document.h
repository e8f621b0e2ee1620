/*
 * A JSON document of the wire in the making. What fails on the way is remembered, so that only the end
 * has to be looked at. Within rooms/event*.c. Any thread; nothing here blocks.
 */
#ifndef ROOMS_DOCUMENT_H
#define ROOMS_DOCUMENT_H

#include "repo/repo.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;

/* One failure on the way, and there is no document. */
struct document {
    cJSON *root;
    bool failed;
};

/* Begins a document with that action. It is ended by document_finish. */
struct document document_begin(const char *action);

/* Each adds a field to an object of the document, which is NULL only where that has failed. */
void document_string(struct document *document, cJSON *object, const char *key, const char *value);
void document_bool(struct document *document, cJSON *object, const char *key, bool value);
void document_integer(struct document *document, cJSON *object, const char *key, int64_t value);

/* Adds an empty object to the document itself; it belongs to that. NULL: it has failed. */
cJSON *document_object(struct document *document, const char *key);

/* Adds {id, name} of a user under that key; or of a room, as `target`. */
void document_user(struct document *document, const char *key, const char *id, const char *name);
void document_room(struct document *document, const struct repo_room *room);

/*
 * Prints and frees the document; `expected` is about how many bytes it takes. Returns a message with
 * that seq and one reference, which is the caller's, or NULL when memory was out.
 */
struct message *document_finish(struct document *document, uint64_t seq, size_t expected);

#endif
