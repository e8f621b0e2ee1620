#include "rooms/roster.h"

#include "pubsub/message.h"
#include "rooms/event.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With the longest names of characters that JSON writes as six, a segment stays below 64 KiB. */
#define SEGMENT_USERS 128
#define BUCKETS_MIN   64

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

void
roster_destroy(struct roster *roster)
{
    for (size_t i = 0; i < roster->bucket_count; i++) {
        while (roster->buckets[i] != NULL) {
            struct roster_user *user = roster->buckets[i];
            roster->buckets[i] = user->next;
            free(user->grace);
            free(user);
        }
    }
    free(roster->buckets);
    for (size_t i = 0; i < roster->segment_count; i++) {
        if (roster->segments[i]->message != NULL)
            message_rele(roster->segments[i]->message);
        free(roster->segments[i]);
    }
    free(roster->segments);
    free(roster->list);
}

const char *
roster_name(const struct roster_user *user)
{
    return user->id + strlen(user->id) + 1;
}

bool
roster_is_online(const struct roster_user *user)
{
    return user->place != 0;
}

bool
roster_is_held(const struct roster_user *user)
{
    return user->local != NULL || user->grace != NULL;
}

/* Where the first user of the id's bucket is linked: FNV-1a, since ids are made by us, at random. */
static struct roster_user **
bucket_of(struct roster_user **buckets, size_t count, const char *id)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *id != '\0'; id++)
        hash = (hash ^ (unsigned char)*id) * 0x100000001b3;
    return &buckets[(hash ^ hash >> 32) & (count - 1)];
}

struct roster_user *
roster_find(const struct roster *roster, const char *id)
{
    if (roster->bucket_count == 0)
        return NULL;
    struct roster_user *user = *bucket_of(roster->buckets, roster->bucket_count, id);
    while (user != NULL && strcmp(user->id, id) != 0)
        user = user->next;
    return user;
}

/* Sees to it that there are about as many buckets as users. */
static int
grow_buckets(struct roster *roster)
{
    size_t count = roster->bucket_count > 0 ? roster->bucket_count * 2 : BUCKETS_MIN;
    struct roster_user **buckets = calloc(count, sizeof(struct roster_user *));
    if (buckets == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < roster->bucket_count; i++) {
        while (roster->buckets[i] != NULL) {
            struct roster_user *user = roster->buckets[i];
            struct roster_user **first = bucket_of(buckets, count, user->id);
            roster->buckets[i] = user->next;
            user->next = *first;
            *first = user;
        }
    }
    free(roster->buckets);
    roster->buckets = buckets;
    roster->bucket_count = count;
    return 0;
}

struct roster_user *
roster_add(struct roster *roster, const char *id, const char *name)
{
    size_t id_size = strlen(id) + 1;
    size_t name_size = strlen(name) + 1;

    if (roster->count == roster->bucket_count && grow_buckets(roster) != 0)
        return NULL;
    struct roster_user *user = calloc(1, sizeof(*user) + id_size + name_size);
    if (user == NULL)
        return NULL;
    memcpy(user->id, id, id_size);
    memcpy(user->id + id_size, name, name_size);
    struct roster_user **first = bucket_of(roster->buckets, roster->bucket_count, id);
    user->next = *first;
    *first = user;
    roster->count++;
    return user;
}

void
roster_remove(struct roster *roster, struct roster_user *user)
{
    assert(user->grace == NULL);
    if (roster_is_online(user))
        roster_set_offline(roster, user);
    struct roster_user **at = bucket_of(roster->buckets, roster->bucket_count, user->id);
    while (*at != user) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = user->next;
    roster->count--;
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
    assert(!roster_is_online(user));
    if (roster->online == roster->segment_count * SEGMENT_USERS) {
        int error = grow(roster);
        if (error != 0)
            return error;
    }
    /* All segments but the last one are full: roster_set_offline fills holes from the end. */
    struct roster_segment *segment = roster->segments[roster->online / SEGMENT_USERS];
    segment->users[segment->count++] = user;
    user->place = (unsigned)++roster->online;
    forget_encoding(segment);
    return 0;
}

void
roster_set_offline(struct roster *roster, struct roster_user *user)
{
    unsigned place = user->place - 1;
    struct roster_segment *segment = roster->segments[place / SEGMENT_USERS];

    roster->online--;
    struct roster_segment *last = roster->segments[roster->online / SEGMENT_USERS];
    struct roster_user *moved = last->users[--last->count];

    segment->users[place % SEGMENT_USERS] = moved;
    moved->place = place + 1;
    user->place = 0;
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
        struct message *one =
            event_presence(true, segment->users[i]->id, roster_name(segment->users[i]));
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

void
roster_walk(const struct roster *roster, void (*each)(struct roster_user *user, void *argument),
            void *argument)
{
    for (size_t i = 0; i < roster->bucket_count; i++) {
        for (struct roster_user *user = roster->buckets[i]; user != NULL; user = user->next)
            each(user, argument);
    }
}
