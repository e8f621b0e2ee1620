#include "rooms/room.h"

#include "pubsub/pubsub.h"
#include "rooms/event.h"
#include "rooms/lobby.h"
#include "rooms/log.h"
#include "rooms/registry.h"
#include "rooms/rooms.h"
#include "rooms/stack.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX     256   /* posts that are stored in one go */
#define ROLL_RETRY_MS 1000  /* after which a roll that was not stored is tried again */
#define SILENCE_MS    30000 /* after which a room gives back the memory that it does not need */

struct room *
room_new(struct rooms *rooms, const char *key)
{
    size_t key_size = strlen(key) + 1;
    struct room *room = calloc(1, sizeof(*room) + key_size);
    if (room == NULL)
        return NULL;
    atomic_init(&room->references, 1);
    room->rooms = rooms;
    memcpy(room->key, key, key_size);
    room->rights_mail.request = ROOM_RIGHTS;
    mailbox_init(&room->mailbox);
    lock_init(&room->lock, LOCK_ROOM);
    lock_condition_init(&room->caught_up);
    return room;
}

void
room_hold(struct room *room)
{
    atomic_fetch_add_explicit(&room->references, 1, memory_order_relaxed);
}

void
room_rele(struct room *room)
{
    if (atomic_fetch_sub_explicit(&room->references, 1, memory_order_acq_rel) != 1)
        return;
    assert(room->member_count == 0);
    assert(room->notice_count == 0 && room->users.count == 0);
    free(room->members);
    free(room->roll);
    room_users_free(&room->users);
    lock_condition_destroy(&room->caught_up);
    lock_destroy(&room->lock);
    mailbox_destroy(&room->mailbox);
    free(room);
}

/* Both names, cut between two characters where they are too long together. */
static void
join_names(const char *one, const char *other, char out[REPO_ROOM_NAME_SIZE])
{
    char whole[2 * REPO_USER_NAME_SIZE + 2];

    size_t length = (size_t)snprintf(whole, sizeof(whole), "%s, %s", one, other);
    if (length >= REPO_ROOM_NAME_SIZE) {
        length = REPO_ROOM_NAME_SIZE - 1;
        while (((unsigned char)whole[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(out, whole, length);
    out[length] = '\0';
}

/* A private room's name for people, where there is none yet: it takes two who are known. */
static int
name_private(struct room *room)
{
    struct repo_room *stored = &room->stored;
    struct repo_room there;
    struct repo_identity identity;
    char other[REPO_USER_NAME_SIZE];
    bool opener_is_first = strcmp(stored->users[0], room->opener_id) == 0;
    const char *other_id = stored->users[opener_is_first ? 1 : 0];

    int error = lobby_find_name(room->rooms->lobby, other_id, other);
    if (error == -ENOENT) {
        /* Somebody who is away, or whose arrival was not heard of yet. */
        error = repo_identity_find_by_id(room->rooms->repo, other_id, &identity);
        if (error == -ENOENT)
            return repo_room_find_by_users(room->rooms->repo, stored->users[0], stored->users[1],
                                           &there);
        if (error == 0)
            snprintf(other, sizeof(other), "%s", identity.name);
    }
    if (error == 0)
        join_names(room->opener_name, other, stored->name);
    return error;
}

/* What is asked for, from the key: a public room by its name, or a private one by its pair. */
static int
describe(struct room *room)
{
    struct repo_room *stored = &room->stored;

    identifier_make(stored->id);
    stored->is_private = room->key[0] == 'p';
    if (!stored->is_private) {
        snprintf(stored->name, sizeof(stored->name), "%s", room->key + 1);
        return 0;
    }
    const char *separator = strchr(room->key, ':');
    assert(separator != NULL);
    snprintf(stored->users[0], sizeof(stored->users[0]), "%.*s", (int)(separator - room->key - 1),
             room->key + 1);
    snprintf(stored->users[1], sizeof(stored->users[1]), "%s", separator + 1);
    return name_private(room);
}

/* Everything that must stand before the first request is handled. */
static int
open_room(struct room *room)
{
    struct rooms *rooms = room->rooms;
    struct repo_room *stored = &room->stored;
    char channel[PUBSUB_CHANNEL_NAME_SIZE];
    char label[sizeof("private:") + REPO_ROOM_NAME_SIZE];
    struct repo_room_origin origin = {
        .owner_id = room->opener_id,
        .kind = REPO_PUBLIC,
        .created = clock_realtime_ms(),
    };
    bool created = false;
    uint64_t last;

    int error = describe(room);
    if (error == 0)
        error = room->makes ? room_make(rooms, stored, &origin, room->opener_id, &created)
                            : room_find(rooms, stored);
    if (error != 0)
        return error;
    snprintf(channel, sizeof(channel), "%.64s:room:%s", rooms->channel_prefix, stored->id);
    snprintf(label, sizeof(label), "%s:%s", stored->is_private ? "private" : "room",
             stored->is_private ? stored->id : stored->name);
    error = pubsub_channel_open(rooms->pubsub, channel, label, &room->channel);
    if (error != 0)
        return error == -EMFILE ? -ENFILE : error; /* the process's limit, not the member's */
    /* Read with the subscription standing: whatever is stored from here on is received. */
    error = repo_last_seqs(rooms->repo, &stored->number, &last, NULL, 1);
    if (error == 0)
        error = room_rights_open(room);
    if (error != 0)
        goto close_channel;
    atomic_store(&room->delivered, last);
    atomic_store(&room->known, last);
    room->published = last;
    if (pthread_create(&room->subscriber, NULL, subscriber_main, room) != 0) {
        error = -EAGAIN;
        goto close_channel;
    }
    atomic_store_explicit(&room->opened, true, memory_order_release);
    log_info("room-open id=%s private=%d created=%d last-seq=%llu", stored->id, stored->is_private,
             created, (unsigned long long)last);
    return 0;

close_channel:
    channel_close(&room->channel);
    return error;
}

static void
close_room(struct room *room)
{
    channel_stop(room->channel);
    int error = pthread_join(room->subscriber, NULL);
    assert(error == 0);
    channel_close(&room->channel);
    log_info("room-close id=%s", room->stored.id);
}

/* Stores the posts; who joined before is told of before it speaks. */
static void
handle_posts(struct room *room, struct room_post **posts, size_t *count)
{
    if (*count == 0)
        return;
    room_tell_notices(room);
    room_handle_posts(room, posts, *count);
    *count = 0;
}

/* What a historian reads for who is in: as of now, with who is on the roll by what was told. */
static void
handle_question(struct room *room, struct room_question *question)
{
    const struct membership *membership = question->mail.membership;

    room_roll_store(room);
    if (atomic_load(&membership->admitted))
        historian_add(room->rooms->historian, &question->job);
    else
        question->refuse(question, -EPERM);
}

static void
handle_rights(struct room *room)
{
    /* Before they are read: a change from now on is asked for anew. */
    atomic_store(&room->rights_asked, false);
    int error = room_rights_load(room);
    if (error != 0)
        log_warn(-error, "rights-not-read room=%s", room->stored.id); /* the auditor asks again */
    room_rights_publish(room);
}

/*
 * Handles a batch: joins and leaves at once, and posts, in their order, in one go at its end. Not
 * inlined, so that its array is not on the stack of a room that sleeps.
 */
static __attribute__((noinline)) void
handle(struct room *room, struct mail *batch)
{
    struct room_post *posts[BATCH_MAX];
    size_t post_count = 0;

    room->rights_checked = false;
    while (batch != NULL) {
        struct room_mail *mail = (struct room_mail *)batch;
        batch = batch->next;
        switch (mail->request) {
        case ROOM_POST:
            posts[post_count++] = (struct room_post *)mail;
            break;
        case ROOM_JOIN:
            room_handle_join(room, mail->membership);
            break;
        case ROOM_JOIN_AGAIN:
            room_handle_join_again(room, mail->membership, mail->makes);
            free(mail);
            break;
        case ROOM_CAUGHT_UP:
            room_handle_caught_up(room, mail->membership);
            break;
        case ROOM_TYPING:
            room_handle_typing(room, mail->membership);
            break;
        case ROOM_LEAVE:
            /* What it posted before it left still refers to its membership. */
            handle_posts(room, posts, &post_count);
            room_handle_leave(room, mail->membership);
            break;
        case ROOM_QUESTION:
            handle_question(room, (struct room_question *)mail);
            break;
        case ROOM_RIGHTS:
            handle_posts(room, posts, &post_count);
            handle_rights(room);
            break;
        case ROOM_STOP:
            room->stopping = true;
            break;
        }
        if (post_count == BATCH_MAX)
            handle_posts(room, posts, &post_count);
    }
    handle_posts(room, posts, &post_count);
    room_tell_notices(room);
    room_roll_store(room);
}

static bool
is_empty(const struct room *room)
{
    return room->member_count == 0 && room->first_behind == NULL;
}

/* How long to wait for mail: without a limit, or until the grace period of an empty room ends. */
static int64_t
patience(const struct room *room)
{
    if (!is_empty(room))
        return room->roll_count > 0 ? ROLL_RETRY_MS : -1;
    if (room->stopping || room->rights.is_deleted)
        return 0;
    if (room->roll_count > 0)
        return ROLL_RETRY_MS;
    int64_t left = room->empty_since + room->rooms->grace_ms - clock_monotonic_ms();
    return left > 0 ? left : 0;
}

/* Handles a batch; returns whether somebody has come in. */
static bool
take_in(struct room *room, struct mail *batch)
{
    bool was_empty = is_empty(room);
    size_t before = room->users.count;

    handle(room, batch);
    atomic_store_explicit(&room->online, room->users.distinct, memory_order_relaxed);
    if (is_empty(room) && !was_empty)
        room->empty_since = clock_monotonic_ms();
    return room->users.count > before;
}

/*
 * Until nobody needs the room. Storing touches several pages of stack, and of thousands of rooms most
 * sleep most of the time: they are given back when somebody has come in, and after a long silence.
 */
static void
serve(struct room *room)
{
    struct stack stack = stack_own();
    bool is_deep = true; /* it was opened */

    room->empty_since = clock_monotonic_ms();
    for (;;) {
        int64_t limit = patience(room);
        bool is_long = is_deep && (limit < 0 || limit > SILENCE_MS);
        struct mail *batch = mailbox_take(&room->mailbox, is_long ? SILENCE_MS : limit);
        if (batch == NULL)
            room_roll_store(room);
        if (batch != NULL) {
            is_deep = !take_in(room, batch);
            if (!is_deep)
                stack_trim(&stack);
        } else if (is_long) {
            stack_trim(&stack);
            is_deep = false;
        } else if (is_empty(room) && patience(room) == 0 &&
                   registry_retire(room->rooms->registry, room)) {
            return;
        }
    }
}

/* Answers what is in the mailbox with the error. */
static void
refuse_all(struct room *room, int error)
{
    struct mail *rest = mailbox_take(&room->mailbox, 0);

    while (rest != NULL) {
        struct room_mail *mail = (struct room_mail *)rest;
        rest = rest->next;
        switch (mail->request) {
        case ROOM_POST:
            room_refuse_post(room, (struct room_post *)mail, error);
            break;
        case ROOM_JOIN:
            room_refuse_join(room, mail->membership, error);
            break;
        case ROOM_LEAVE:
            membership_free(mail->membership);
            break;
        case ROOM_JOIN_AGAIN:
            room_refuse_again(room, mail->membership, mail->makes, error);
            free(mail);
            break;
        case ROOM_QUESTION:
            ((struct room_question *)mail)->refuse((struct room_question *)mail, error);
            break;
        case ROOM_TYPING:
        case ROOM_RIGHTS:
        case ROOM_CAUGHT_UP: /* of a room that was opened only */
        case ROOM_STOP:
            break;
        }
    }
}

void
room_give_up(struct room *room, int error)
{
    registry_unlist(room->rooms->registry, room);
    /* Each refusal puts a leave in, and who has found the room before may still ask. */
    do
        refuse_all(room, error);
    while (!registry_retire(room->rooms->registry, room));
}

static void *
room_main(void *argument)
{
    struct room *room = argument;

    int error = open_room(room);
    if (error == 0) {
        serve(room);
        close_room(room);
    } else {
        /* Of the first three only clients are told. */
        if (error != -ENOENT && error != NO_SUCH_ROOM && error != -EDQUOT)
            log_warn(-error, "room-open-failed key=%s", room->key);
        room_give_up(room, error);
    }
    registry_bury(room->rooms->registry, room);
    return NULL;
}

int
room_start(struct room *room)
{
    room_hold(room);
    if (pthread_create(&room->thread, NULL, room_main, room) != 0) {
        room_rele(room);
        return -EAGAIN;
    }
    return 0;
}
