/*
 * A room's subscriber: hands out what was published to the room's local members, strictly by seq:
 * the next one at once, an old one never, and before one that comes too early what is missing is
 * read from the repository. What has no seq is a notice and goes out as it comes.
 */
#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>

#define READ_MAX  256 /* messages that are read in one go */
#define PIECE_MAX 64  /* and that are received, and handed out: their array is on each stack */

_Static_assert(PIECE_MAX <= HAND_OUT_MAX, "a piece is handed out in one go");

/* What is about to be handed out; it holds each message. */
struct batch {
    struct room *room;
    uint64_t next; /* the seq that comes next */
    size_t count;
    bool hints; /* what is in it has no seq */
    struct message *messages[PIECE_MAX];
};

/*
 * The room's thread hands out what is posted here by itself, so that `delivered` moves on meanwhile;
 * but what is in the batch begins right behind where it was, and so no gap is left.
 */
static void
hand_out(struct batch *batch)
{
    struct room *room = batch->room;

    if (batch->hints) {
        room_hand_out_hints(room, batch->messages, batch->count);
    } else if (batch->count > 0) {
        bool is_next = room_hand_out(room, batch->messages, batch->count, NULL);
        assert(is_next);
    }
    for (size_t i = 0; i < batch->count; i++)
        message_rele(batch->messages[i]);
    batch->count = 0;
    batch->next = atomic_load(&room->delivered) + 1;
}

/* Adds a message, with the caller's reference. */
static void
add(struct batch *batch, struct message *message)
{
    bool is_hint = message_seq(message) == 0;

    if (batch->count == PIECE_MAX || (batch->count > 0 && batch->hints != is_hint))
        hand_out(batch);
    batch->hints = is_hint;
    batch->messages[batch->count++] = message;
    if (!is_hint)
        batch->next = message_seq(message) + 1;
}

static int
add_stored(void *argument, const struct repo_message *chat)
{
    struct batch *batch = argument;

    struct message *message = event_chat(&batch->room->stored, chat);
    if (message == NULL)
        return -ENOMEM;
    add(batch, message);
    return 0;
}

/*
 * Reads from the repository what comes before `until`. What cannot be read now is read when the
 * auditor finds that it is still missing.
 */
static bool
fill_gap(struct batch *batch, uint64_t until)
{
    struct room *room = batch->room;

#ifdef CHATD_BREAK_GAPS /* test/chaos: what pub/sub lost is lost */
    return true;
#endif
    while (batch->next < until) {
        uint64_t before = batch->next;
        int error = repo_read(room->rooms->repo, room->stored.number, batch->next - 1, until,
                              READ_MAX, false, add_stored, batch);
        atomic_fetch_add_explicit(&room->rooms->counters.repaired, batch->next - before,
                                  memory_order_relaxed);
        if (error != 0 || batch->next == before) {
            log_warn(error != 0 ? -error : ENODATA, "gap-not-read room=%s seq=%llu",
                     room->stored.id, (unsigned long long)batch->next);
            return false;
        }
    }
    return true;
}

/* The subscription has begun: what was posted elsewhere until now may never come through it. */
static void
catch_up(struct batch *batch)
{
    struct room *room = batch->room;
    uint64_t before;
    int error;

#ifdef CHATD_BREAK_GAPS
    return;
#endif
    do {
        before = batch->next;
        error = repo_read(room->rooms->repo, room->stored.number, before - 1, UINT64_MAX, READ_MAX,
                          false, add_stored, batch);
        atomic_fetch_add_explicit(&room->rooms->counters.repaired, batch->next - before,
                                  memory_order_relaxed);
    } while (error == 0 && batch->next - before == READ_MAX);
    if (error != 0)
        log_warn(-error, "gap-not-read room=%s seq=%llu", room->stored.id,
                 (unsigned long long)batch->next);
}

/* Takes over one received message, with its reference. */
static void
take(struct batch *batch, struct message *message)
{
    uint64_t seq = message_seq(message);

    if (seq == RIGHTS_HINT_SEQ) {
        room_rights_ask(batch->room, false);
        message_rele(message);
        return;
    }
    if (seq != 0 && (seq < batch->next || (seq > batch->next && !fill_gap(batch, seq))))
        message_rele(message);
    else
        add(batch, message);
}

void *
subscriber_main(void *argument)
{
    struct room *room = argument;
    struct batch batch = {.room = room, .next = atomic_load(&room->delivered) + 1};
    struct message *received[PIECE_MAX];
    int count;

    while ((count = channel_receive(room->channel, received, PIECE_MAX, -1)) != -ESHUTDOWN) {
        batch.next = atomic_load(&room->delivered) + 1;
        if (count == -ESTALE)
            catch_up(&batch);
        for (int i = 0; i < count; i++)
            take(&batch, received[i]);
        /* Only once nothing is waiting: what is under way needs no repair. */
        uint64_t known = atomic_load(&room->known);
        if (count == 0 && known >= batch.next)
            fill_gap(&batch, known + 1);
        hand_out(&batch);
    }
    return NULL;
}

void
subscriber_nudge(struct room *room, uint64_t seq)
{
    atomic_store(&room->known, seq);
    channel_nudge(room->channel);
}
