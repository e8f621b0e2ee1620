#include "test/unit/fake_member.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "repo/repo.h"
#include "rooms/lobby.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 30

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    printf("Bail out! %s\n", what);
    exit(1);
}

void
fake_rooms_open(struct fake_rooms *fake, unsigned grace_ms, unsigned max_rooms)
{
    char why[256];

    unsigned presence_grace_ms = fake->rooms.presence_grace_ms;
    memset(fake, 0, sizeof(*fake));
    fake->rooms.presence_grace_ms = presence_grace_ms;
    snprintf(fake->directory, sizeof(fake->directory), "/tmp/chatd-rooms-XXXXXX");
    must(mkdtemp(fake->directory) != NULL, "mkdtemp");
    snprintf(fake->database, sizeof(fake->database), "%s/chat.db", fake->directory);
    struct repo_options options = {.path = fake->database, .busy_timeout_ms = 200};
    must(repo_open(&options, &fake->rooms.repo, why, sizeof(why)) == 0, "repo_open");
    must(pubsub_open_local(&fake->rooms.pubsub) == 0, "pubsub_open_local");
    fake->rooms.channel_prefix = "test";
    fake->rooms.max_rooms = max_rooms;
    fake->rooms.max_rooms_per_member = 8;
    fake->rooms.grace_ms = grace_ms;
    fake->rooms.resume_limit = 100;
    fake->rooms.helpers = 3;
    must(rooms_open(&fake->rooms) == 0, "rooms_open");
}

void
fake_rooms_close(struct fake_rooms *fake)
{
    char path[96];

    rooms_close(&fake->rooms);
    pubsub_close(&fake->rooms.pubsub);
    repo_close(&fake->rooms.repo);
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s", fake->database, suffixes[i]);
        if (access(path, F_OK) == 0)
            must(unlink(path) == 0, "unlink");
    }
    must(rmdir(fake->directory) == 0, "rmdir");
}

static struct fake_member *
fake_of(struct member *member)
{
    return (struct fake_member *)member;
}

static void
remember(struct fake_member *fake, const char *text, size_t length)
{
    if (fake->count == fake->capacity) {
        fake->capacity = fake->capacity > 0 ? fake->capacity * 2 : 64;
        fake->documents = realloc(fake->documents, fake->capacity * sizeof(char *));
        must(fake->documents != NULL, "memory");
    }
    fake->documents[fake->count] = strndup(text, length);
    must(fake->documents[fake->count] != NULL, "memory");
    fake->count++;
}

/* The documents of one frame, a line each. */
static void
remember_lines(struct fake_member *fake, const char *text, size_t length)
{
    while (length > 0) {
        const char *newline = memchr(text, '\n', length);
        size_t one = newline != NULL ? (size_t)(newline - text) : length;
        remember(fake, text, one);
        one += newline != NULL;
        text += one;
        length -= one;
    }
}

/* A message may be several frames, whose headers have no mask (RFC 6455, 5.2). */
static void
remember_frames(struct fake_member *fake, const unsigned char *frame, size_t length)
{
    while (length > 0) {
        size_t extended = frame[1] < 126 ? 0 : frame[1] == 126 ? 2 : 8;
        size_t size = extended > 0 ? 0 : frame[1];
        for (size_t i = 0; i < extended; i++)
            size = size << 8 | frame[2 + i];
        must(2 + extended + size <= length, "whole frames");
        remember_lines(fake, (const char *)frame + 2 + extended, size);
        frame += 2 + extended + size;
        length -= 2 + extended + size;
    }
}

static void
deliver(struct member *member, struct message *const *messages, size_t count)
{
    struct fake_member *fake = fake_of(member);

    pthread_mutex_lock(&fake->mutex);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const void *frame = message_frame(messages[i], &length);
        remember_frames(fake, frame, length);
    }
    fake->pieces++;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->mutex);
}

static void
answered(struct member *member, unsigned count)
{
    struct fake_member *fake = fake_of(member);

    pthread_mutex_lock(&fake->mutex);
    atomic_fetch_sub(&fake->under_way, (int)count);
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->mutex);
}

static void
arrived(struct member *member, int error)
{
    struct fake_member *fake = fake_of(member);

    fake->arrival_error = error;
    if (fake->on_arrival != NULL)
        fake->on_arrival(fake);
}

static bool
is_behind(struct member *member)
{
    return atomic_load(&fake_of(member)->is_behind);
}

static void
hold(struct member *member)
{
    atomic_fetch_add(&fake_of(member)->references, 1);
}

static void
release(struct member *member)
{
    struct fake_member *fake = fake_of(member);

    if (atomic_fetch_sub(&fake->references, 1) != 1)
        return;
    for (size_t i = 0; i < fake->count; i++)
        free(fake->documents[i]);
    free(fake->documents);
    member_destroy(member);
    pthread_cond_destroy(&fake->changed);
    pthread_mutex_destroy(&fake->mutex);
    free(fake);
}

static void
dismiss(struct member *member, struct message *document, const char *word)
{
    (void)word;
    deliver(member, &document, 1);
}

static const struct member_operations operations = {
    .deliver = deliver,
    .deliver_list = deliver,
    .deliver_hints = deliver,
    .answered = answered,
    .arrived = arrived,
    .is_behind = is_behind,
    .dismiss = dismiss,
    .hold = hold,
    .release = release,
};

static struct fake_member *
make(const char *id, const char *name)
{
    struct fake_member *fake = calloc(1, sizeof(*fake));

    must(fake != NULL, "memory");
    member_init(&fake->member, &operations, id, name);
    atomic_init(&fake->references, 1);
    pthread_mutex_init(&fake->mutex, NULL);
    pthread_cond_init(&fake->changed, NULL);
    return fake;
}

struct fake_member *
fake_member_new(const char *name)
{
    char id[IDENTIFIER_SIZE];

    identifier_make(id);
    return make(id, name);
}

struct fake_member *
fake_member_again(const struct fake_member *fake)
{
    return make(fake->member.id, fake->member.name);
}

void
fake_arrive(struct fake_member *fake, struct fake_rooms *rooms, int64_t seen)
{
    struct member_identity identity = {.expires = INT64_MAX, .seen = seen};

    memcpy(identity.token_hash, fake->member.id, strlen(fake->member.id));
    must(lobby_arrive(rooms->rooms.lobby, &fake->member, &identity) == 0, "lobby_arrive");
}

void
fake_member_free(struct fake_member *fake)
{
    member_leave_all(&fake->member);
    release(&fake->member);
}

static struct timespec
patience(void)
{
    struct timespec until;
    must(clock_gettime(CLOCK_REALTIME, &until) == 0, "clock_gettime");
    until.tv_sec += PATIENCE_S;
    return until;
}

const char *
fake_expect(struct fake_member *fake, const char *text, const char *other)
{
    struct timespec until = patience();
    const char *found = NULL;
    int error = 0;

    pthread_mutex_lock(&fake->mutex);
    while (found == NULL && error == 0) {
        for (; fake->looked_at < fake->count && found == NULL; fake->looked_at++) {
            const char *document = fake->documents[fake->looked_at];
            if (strstr(document, text) != NULL &&
                (other == NULL || strstr(document, other) != NULL))
                found = document;
        }
        if (found == NULL)
            error = pthread_cond_timedwait(&fake->changed, &fake->mutex, &until);
    }
    pthread_mutex_unlock(&fake->mutex);
    return found;
}

size_t
fake_count(struct fake_member *fake, const char *text)
{
    size_t count = 0;

    pthread_mutex_lock(&fake->mutex);
    for (size_t i = 0; i < fake->count; i++)
        count += strstr(fake->documents[i], text) != NULL;
    pthread_mutex_unlock(&fake->mutex);
    return count;
}

size_t
fake_pieces(struct fake_member *fake)
{
    pthread_mutex_lock(&fake->mutex);
    size_t pieces = fake->pieces;
    pthread_mutex_unlock(&fake->mutex);
    return pieces;
}

long long
fake_number(const char *document, const char *key)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = document != NULL ? strstr(document, quoted) : NULL;
    return at != NULL ? strtoll(at + strlen(quoted), NULL, 10) : -1;
}

const char *
fake_join_since(struct fake_member *fake, struct fake_rooms *rooms, const char *name,
                uint64_t since)
{
    char quoted[160];

    snprintf(quoted, sizeof(quoted), "\"name\":\"%s\"", name);
    atomic_fetch_add(&fake->under_way, 1);
    if (member_join(&fake->member, &rooms->rooms, name, strlen(name),
                    &(struct joining){.since = since, .makes = true}) != 0)
        return NULL;
    return fake_expect(fake, "\"room-joined\"", quoted);
}

long long
fake_join(struct fake_member *fake, struct fake_rooms *rooms, const char *name, char *room_id)
{
    const char *joined = fake_join_since(fake, rooms, name, MEMBER_SINCE_NONE);
    const char *id = joined != NULL ? strstr(joined, "\"id\":\"") : NULL;
    if (id == NULL)
        return -1;
    if (room_id != NULL)
        snprintf(room_id, IDENTIFIER_SIZE, "%s", id + strlen("\"id\":\""));
    return fake_number(joined, "lastSeq");
}

void
fake_wait_answered(struct fake_member *fake)
{
    struct timespec until = patience();
    int error = 0;

    pthread_mutex_lock(&fake->mutex);
    while (atomic_load(&fake->under_way) > 0 && error == 0)
        error = pthread_cond_timedwait(&fake->changed, &fake->mutex, &until);
    pthread_mutex_unlock(&fake->mutex);
    must(error == 0, "every request is answered");
}
