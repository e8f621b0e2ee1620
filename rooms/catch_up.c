#include "rooms/catch_up.h"

#include "pubsub/message.h"
#include "rooms/event.h"
#include "rooms/historian.h"
#include "rooms/room.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#define PIECE_MAX   64    /* messages that are read and delivered in one go */
#define PIECE_BYTES 65536 /* about as many bytes */

/* Messages on their way from the repository to one member. */
struct piece {
    struct membership *membership;
    size_t count;
    size_t bytes;
    struct message *messages[PIECE_MAX];
};

static int
add(void *argument, const struct repo_message *chat)
{
    struct piece *piece = argument;

    struct message *message = event_chat(&piece->membership->room->stored, chat);
    if (message == NULL)
        return -ENOMEM;
    piece->messages[piece->count++] = message;
    piece->membership->last = chat->seq;
    piece->bytes += chat->text_length;
    return piece->bytes < PIECE_BYTES ? 0 : 1;
}

/*
 * Makes one message of the piece, for who takes it compressed: that is where most is spared. NULL
 * where there is no need, or no memory.
 */
static struct message *
join(const struct piece *piece)
{
    size_t taken;
    size_t length;

    if (piece->count < 2 || !piece->membership->member->deflates)
        return NULL;
    struct message *joined = message_new_joined(piece->messages, piece->count, SIZE_MAX, &taken);
    if (joined != NULL)
        (void)message_deflated_frame(joined, &length); /* before a lock is held */
    return joined;
}

/* Reads and delivers a piece of what was handed out until `until`. */
static int
deliver_piece(struct membership *membership, uint64_t until)
{
    struct piece piece = {.membership = membership};
    struct room *room = membership->room;
    struct member *member = membership->member;

    int error = repo_read(room->rooms->repo, room->stored.number, membership->last, until + 1,
                          PIECE_MAX, false, add, &piece);
    struct message *joined = join(&piece);
    /* Who has left may be in again by now: then nothing of this comes any more. */
    lock_take(&room->lock);
    if (piece.count > 0 && !atomic_load(&membership->left))
        member->operations->deliver_list(member, joined != NULL ? &joined : piece.messages,
                                         joined != NULL ? 1 : piece.count);
    lock_drop(&room->lock);
    if (joined != NULL)
        message_rele(joined);
    for (size_t i = 0; i < piece.count; i++)
        message_rele(piece.messages[i]);
    atomic_fetch_add_explicit(&room->rooms->counters.resumed, piece.count, memory_order_relaxed);
    if (error < 0)
        return error;
    return piece.count > 0 ? 0 : -ENODATA;
}

static struct membership *
membership_of(struct reading_job *job)
{
    return (struct membership *)((char *)job - offsetof(struct membership, catching_up));
}

static enum reading
read_piece(struct reading_job *job)
{
    struct membership *membership = membership_of(job);
    struct room *room = membership->room;
    struct member *member = membership->member;
    uint64_t until = atomic_load(&room->delivered);
    int error = 0;

    if (!atomic_load(&membership->left) && membership->last < until) {
        if (member->operations->is_behind(member))
            return READING_BEHIND;
        error = deliver_piece(membership, until);
        if (error == 0)
            return READING_MORE;
    }
    membership->failure = error;
    /* The room runs as long as somebody catches up, so its mailbox is open. */
    error = mailbox_put(&room->mailbox, &membership->caught_up.mail);
    assert(error == 0);
    return READING_DONE;
}

void
catch_up_begin(struct membership *membership)
{
    membership->failure = 0;
    membership->catching_up.member = membership->member;
    membership->catching_up.read = read_piece;
    historian_add(membership->room->rooms->historian, &membership->catching_up);
}

int
catch_up_rest(struct membership *membership)
{
    uint64_t until = atomic_load(&membership->room->delivered);

    if (membership->last >= until)
        return 0;
    if (until - membership->last > PIECE_MAX)
        return -EAGAIN;
    return deliver_piece(membership, until);
}
