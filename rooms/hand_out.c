/*
 * Handing out: what everybody who is in a room here gets, strictly by seq. Whoever has the next
 * message hands it out, the room's thread what was just stored, its subscriber what comes from
 * elsewhere; a message that comes a second time is dropped, one that comes too early is refused.
 */
#include "pubsub/message.h"
#include "rooms/fan_out.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <string.h>

#define JOINED_BYTES 65536 /* of messages that are sent as one piece */
#define SHARED_MIN   500   /* members from which on other cores help */

/* Joins messages into pieces that cost one send each. Returns how many, or 0 without memory. */
static size_t
join(struct message *const *messages, size_t count, struct message **pieces)
{
    size_t piece_count = 0;

    for (size_t done = 0; done < count;) {
        size_t taken = 0;
        struct message *piece =
            message_new_joined(messages + done, count - done, JOINED_BYTES, &taken);
        if (piece == NULL) {
            while (piece_count > 0)
                message_rele(pieces[--piece_count]);
            return 0;
        }
        pieces[piece_count++] = piece;
        done += taken;
    }
    return piece_count;
}

/* What goes to each member. */
struct parcel {
    struct room *room;
    struct message *const *messages;
    size_t count;
    bool hints;
    struct room_answer *answer; /* or NULL */
};

/* In one send, which costs more than all else that a member of a small room does. */
static void
deliver_with_answer(const struct parcel *parcel)
{
    struct room_answer *answer = parcel->answer;
    struct message *both[] = {answer->message, parcel->messages[0]};

    assert(parcel->count == 1);
    answer->member->operations->deliver(answer->member, both, 2);
    answer->is_given = true;
}

static void
deliver_to(void *argument, size_t from, size_t to)
{
    const struct parcel *parcel = argument;

    lock_assert_held(&parcel->room->lock);
    for (size_t i = from; i < to; i++) {
        struct member *member = parcel->room->members[i]->member;
        if (parcel->answer != NULL && parcel->answer->member == member)
            deliver_with_answer(parcel);
        else if (parcel->hints)
            member->operations->deliver_hints(member, parcel->messages, parcel->count);
        else
            member->operations->deliver(member, parcel->messages, parcel->count);
    }
}

/* Gives the messages to each member; the room's lock is held. */
static void
deliver(struct room *room, struct message *const *messages, size_t count, bool hints,
        struct room_answer *answer)
{
    struct message *pieces[HAND_OUT_MAX];
    size_t piece_count = 0;

    lock_assert_held(&room->lock);
#ifdef CHATD_BREAK_ORDER /* test/chaos: two neighbours change places */
    struct message *swapped[HAND_OUT_MAX];
    memcpy(swapped, messages, count * sizeof(struct message *));
    if (count > 1 && !hints) {
        swapped[0] = messages[1];
        swapped[1] = messages[0];
    }
    messages = swapped;
#endif
    /* One copy for all costs less than each send of many small parts. */
    if (count > 1 && room->member_count > 1)
        piece_count = join(messages, count, pieces);
    struct parcel parcel = {
        .room = room,
        .messages = piece_count > 0 ? pieces : messages,
        .count = piece_count > 0 ? piece_count : count,
        .hints = hints,
        .answer = answer,
    };
    if (room->member_count < SHARED_MIN)
        deliver_to(&parcel, 0, room->member_count);
    else
        fan_out_run(room->rooms->fan_out, &room->lock, room->member_count, deliver_to, &parcel);
    atomic_fetch_add_explicit(&room->rooms->counters.deliveries, count * room->member_count,
                              memory_order_relaxed);
    for (size_t i = 0; i < piece_count; i++)
        message_rele(pieces[i]);
}

bool
room_hand_out(struct room *room, struct message *const *messages, size_t count,
              struct room_answer *answer)
{
    bool is_next = true;

    assert(count <= HAND_OUT_MAX);
    lock_take(&room->lock);
    uint64_t delivered = atomic_load(&room->delivered);
    while (count > 0 && message_seq(messages[0]) <= delivered) {
        messages++;
        count--;
    }
    if (count > 0)
        is_next = message_seq(messages[0]) == delivered + 1;
#ifdef CHATD_BREAK_GAPS /* test/chaos: what pub/sub lost is lost */
    is_next = true;
#endif
    if (count > 0 && is_next) {
        deliver(room, messages, count, false, answer);
        atomic_store(&room->delivered, message_seq(messages[count - 1]));
        if (room->awaits_delivery)
            lock_condition_signal(&room->caught_up);
    }
    lock_drop(&room->lock);
    return is_next;
}

void
room_hand_out_hints(struct room *room, struct message *const *messages, size_t count)
{
    assert(count <= HAND_OUT_MAX);
    lock_take(&room->lock);
    /* Among so many nobody reads them, and they would cost more than what is said. */
    if (room->member_count <= HINTED_MEMBERS_MAX)
        deliver(room, messages, count, true, NULL);
    lock_drop(&room->lock);
}
