#include "rooms/roster.h"

#include "pubsub/message.h"
#include "rooms/event.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With the longest names of characters that JSON writes as six, a segment stays below 64 KiB. */
#define SEGMENT_USERS 128

struct roster_segment {
    struct message *message; /* the documents of its users, or NULL: to be encoded */
    unsigned count;
    struct roster_user *users[SEGMENT_USERS];
};

void
roster_init(struct roster *roster)
{
    memset(roster, 0, sizeof(*roster));
}

static void
forget(void *user)
{
    free(user);
}

void
roster_destroy(struct roster *roster)
{
    tdestroy(roster->tree, forget);
    for (size_t i = 0; i < roster->segment_count; i++) {
        if (roster->segments[i]->message != NULL)
            message_rele(roster->segments[i]->message);
        free(roster->segments[i]);
    }
    free(roster->segments);
    free(roster->list);
}

static int
compare(const void *one, const void *other)
{
    return strcmp(((const struct roster_user *)one)->id, ((const struct roster_user *)other)->id);
}

static int
compare_id(const void *id, const void *user)
{
    return strcmp(id, ((const struct roster_user *)user)->id);
}

bool
roster_is_held(const struct roster_user *user)
{
    return user->local != NULL || user->grace_end != 0;
}

struct roster_user *
roster_find(const struct roster *roster, const char *id)
{
    struct roster_user *const *node = tfind(id, &roster->tree, compare_id);
    return node != NULL ? *node : NULL;
}

struct roster_user *
roster_add(struct roster *roster, const char *id, const char *name)
{
    size_t name_size = strlen(name) + 1;
    struct roster_user *user = calloc(1, sizeof(*user) + name_size);
    if (user == NULL)
        return NULL;
    snprintf(user->id, sizeof(user->id), "%s", id);
    memcpy(user->name, name, name_size);
    struct roster_user *const *node = tsearch(user, &roster->tree, compare);
    if (node == NULL) {
        free(user);
        return NULL;
    }
    assert(*node == user);
    return user;
}

void
roster_remove(struct roster *roster, struct roster_user *user)
{
    if (user->segment != NULL)
        roster_set_offline(roster, user);
    void *found = tdelete(user, &roster->tree, compare);
    assert(found != NULL);
    free(user);
}

static void
forget_encoding(struct roster_segment *segment)
{
    if (segment->message != NULL)
        message_rele(segment->message);
    segment->message = NULL;
}

/* One more segment, behind the others, and the place in the list for its message. */
static int
grow(struct roster *roster)
{
    size_t count = roster->segment_count + 1;
    struct roster_segment **segments =
        realloc(roster->segments, count * sizeof(struct roster_segment *));
    if (segments == NULL)
        return -ENOMEM;
    roster->segments = segments;
    struct message **list = realloc(roster->list, count * sizeof(struct message *));
    if (list == NULL)
        return -ENOMEM;
    roster->list = list;
    struct roster_segment *segment = calloc(1, sizeof(*segment));
    if (segment == NULL)
        return -ENOMEM;
    roster->segments[roster->segment_count++] = segment;
    return 0;
}

int
roster_set_online(struct roster *roster, struct roster_user *user)
{
    assert(user->segment == NULL);
    if (roster->online == roster->segment_count * SEGMENT_USERS) {
        int error = grow(roster);
        if (error != 0)
            return error;
    }
    /* All segments but the last one are full: roster_set_offline fills holes from the end. */
    struct roster_segment *segment = roster->segments[roster->online / SEGMENT_USERS];
    user->segment = segment;
    user->slot = segment->count;
    segment->users[segment->count++] = user;
    roster->online++;
    forget_encoding(segment);
    return 0;
}

void
roster_set_offline(struct roster *roster, struct roster_user *user)
{
    roster->online--;
    struct roster_segment *last = roster->segments[roster->online / SEGMENT_USERS];
    struct roster_user *moved = last->users[--last->count];
    struct roster_segment *segment = user->segment;

    segment->users[user->slot] = moved;
    moved->segment = segment;
    moved->slot = user->slot;
    user->segment = NULL;
    forget_encoding(segment);
    forget_encoding(last);
}

static struct message *
encode(const struct roster_segment *segment)
{
    char *text = NULL;
    size_t length = 0;
    struct message *whole = NULL;

    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        return NULL;
    bool is_complete = true;
    for (unsigned i = 0; i < segment->count; i++) {
        struct message *one = event_presence(true, segment->users[i]->id, segment->users[i]->name);
        if (one == NULL) {
            is_complete = false;
            break;
        }
        size_t one_length;
        const char *one_text = message_text(one, &one_length);
        is_complete = (i == 0 || fputc('\n', stream) != EOF) &&
                      fwrite(one_text, 1, one_length, stream) == one_length && is_complete;
        message_rele(one);
    }
    is_complete = fclose(stream) == 0 && is_complete;
    if (is_complete)
        whole = message_new(text, length, 0);
    free(text);
    return whole;
}

int
roster_encode(struct roster *roster)
{
    roster->list_count = 0;
    for (size_t i = 0; i < roster->segment_count; i++) {
        struct roster_segment *segment = roster->segments[i];
        if (segment->count == 0)
            continue;
        if (segment->message == NULL)
            segment->message = encode(segment);
        if (segment->message == NULL)
            return -ENOMEM;
        roster->list[roster->list_count++] = segment->message;
    }
    return 0;
}

struct walk {
    void (*each)(struct roster_user *user, void *argument);
    void *argument;
};

static void
visit_user(const void *node, VISIT visit, void *argument)
{
    const struct walk *walk = argument;

    if (visit == postorder || visit == leaf)
        walk->each(*(struct roster_user *const *)node, walk->argument);
}

void
roster_walk(const struct roster *roster, void (*each)(struct roster_user *user, void *argument),
            void *argument)
{
    struct walk walk = {.each = each, .argument = argument};
    twalk_r(roster->tree, visit_user, &walk);
}
