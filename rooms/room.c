#include "rooms/room.h"

#include "rooms/log.h"
#include "rooms/registry.h"
#include "rooms/rooms.h"
#include "rooms/stack.h"

#include <assert.h>
#include <errno.h>
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
            room_handle_join_again(room, (struct room_join_again *)mail);
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

static void *
room_main(void *argument)
{
    struct room *room = argument;

    int error = room_open(room);
    if (error == 0) {
        serve(room);
        room_close(room);
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
