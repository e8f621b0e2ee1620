#include "rooms/room.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STORE_MAX    128 /* posts of one append */
#define ATTEMPTS_MAX 100 /* of an append while one change of the rights follows on the other */
#define SMALL_MAX    16  /* members up to which an answer goes along with the message */

static const char *
client_id(const struct room_post *post)
{
    return post->has_client_id ? post->data + post->text_length + 1 : NULL;
}

static struct message *
refusal(const struct room *room, const struct room_post *post, struct event_error *error)
{
    error->refused = event_entry_action(post->kind);
    error->client_id = client_id(post);
    error->room_id = room->stored.id;
    return event_error(error);
}

/* Why the post was not stored; false: it was, now or before. */
static bool
is_refused(enum repo_outcome outcome, struct event_error *error)
{
    switch (outcome) {
    case REPO_CONFLICT:
        error->code = "id-conflict";
        error->message = "This id was used for another message in this room.";
        return true;
    case REPO_MISSING:
        error->code = "no-such-message";
        error->message = "There is no such message in this room, or it was deleted.";
        return true;
    case REPO_FOREIGN:
        error->code = "forbidden";
        error->message = "This message is somebody else's.";
        return true;
    case REPO_STORED:
    case REPO_REPEATED:
        break;
    }
    return false;
}

/* The answer to a post, or NULL where the sender wants none or memory is out. */
static struct message *
answer(const struct room *room, const struct room_post *post, const struct repo_post *stored)
{
    struct event_error error = {0};

    if (is_refused(stored->outcome, &error))
        return refusal(room, post, &error);
    if (!post->has_client_id)
        return NULL;
    return event_ack(room->stored.id, stored->client_id, stored->seq, stored->ts);
}

void
room_refuse_post(struct room *room, struct room_post *post, int error)
{
    struct member *member = post->head.membership->member;
    struct event_error described = {0};

    event_error_for(error, &described);
    if (error == DENIED_BANNED || error == DENIED_MUTED)
        described.until = post->head.membership->until;
    struct message *message = refusal(room, post, &described);
    if (message != NULL) {
        member->operations->deliver(member, &message, 1);
        message_rele(message);
    }
    member->operations->answered(member, 1);
    free(post);
}

/* Encodes what is new, in its order. Returns how many that are. */
static size_t
encode(struct room *room, const struct repo_post *stored, size_t count, struct message **messages)
{
    size_t message_count = 0;
    bool is_whole = true;

    for (size_t i = 0; i < count; i++) {
        if (stored[i].outcome != REPO_STORED)
            continue;
        struct repo_message chat = {
            .kind = stored[i].kind,
            .of = stored[i].of,
            .seq = stored[i].seq,
            .ts = stored[i].ts,
            .sender_id = stored[i].sender_id,
            .sender_name = stored[i].sender_name,
            .client_id = stored[i].client_id,
            .text = stored[i].text,
            .text_length = stored[i].text_length,
        };
        room->published = chat.seq;
        if (!is_whole)
            continue;
        /* What cannot be published now, and what comes behind it, is found by the auditor. */
        struct message *message = event_chat(&room->stored, &chat);
        is_whole = message != NULL;
        if (is_whole)
            messages[message_count++] = message;
    }
    return message_count;
}

/* Answers the posts, those of one sender that follow each other in one go, and frees them. */
static void
answer_all(struct room *room, struct room_post **posts, const struct repo_post *stored,
           size_t count)
{
    struct message *answers[STORE_MAX];

    for (size_t i = 0; i < count;) {
        struct member *member = posts[i]->head.membership->member;
        size_t answer_count = 0;
        unsigned answered = 0;
        for (; i < count && posts[i]->head.membership->member == member; i++, answered++) {
            struct message *message = answer(room, posts[i], &stored[i]);
            if (message != NULL)
                answers[answer_count++] = message;
            free(posts[i]);
        }
        if (answer_count > 0)
            member->operations->deliver(member, answers, answer_count);
        for (size_t k = 0; k < answer_count; k++)
            message_rele(answers[k]);
        member->operations->answered(member, answered);
    }
}

bool
room_has(const struct room *room, const char *user_id)
{
    for (size_t i = 0; i < room->member_count; i++) {
        if (strcmp(room->members[i]->member->id, user_id) == 0)
            return true;
    }
    return false;
}

/*
 * Whoever is written to in a private room is brought in, after having left it for example. On which
 * other instances somebody is in a room is not known here; there it is no news.
 */
static void
bring_in(struct room *room, struct room_post **posts, const struct repo_post *stored, size_t count)
{
    bool told[2] = {false, false};

    for (size_t i = 0; i < count && room->stored.is_private; i++) {
        const struct member *sender = posts[i]->head.membership->member;
        size_t other = strcmp(room->stored.users[0], sender->id) == 0 ? 1 : 0;
        if (told[other] || stored[i].outcome != REPO_STORED)
            continue;
        told[other] = true;
        if (!room_has(room, room->stored.users[other]))
            room_invite_other(room, sender, stored[i].seq - 1);
    }
}

/* Hands out a lone message and what its sender is answered, which goes along where that can be. */
static void
hand_out_lone(struct room *room, struct room_post *post, const struct repo_post *stored,
              struct message *message)
{
    struct member *member = post->head.membership->member;
    struct room_answer given = {.member = member, .message = answer(room, post, stored)};

    free(post);
    bool was_next = room_hand_out(room, &message, 1, given.message != NULL ? &given : NULL);
    assert(was_next);
    if (given.message != NULL && !given.is_given)
        member->operations->deliver(member, &given.message, 1);
    if (given.message != NULL)
        message_rele(given.message);
    member->operations->answered(member, 1);
}

/*
 * Answers the posts and frees them, and hands out the messages. Answers come first: meanwhile the
 * senders go on, and what they send makes a batch. In a small room that of a lone message goes along
 * with it, which spares a send.
 */
static void
hand_out(struct room *room, struct room_post **posts, const struct repo_post *stored, size_t count,
         struct message *const *messages, size_t message_count)
{
    if (count == 1 && message_count == 1 && room->member_count <= SMALL_MAX) {
        hand_out_lone(room, posts[0], stored, messages[0]);
        return;
    }
    answer_all(room, posts, stored, count);
    if (message_count > 0) {
        bool was_next = room_hand_out(room, messages, message_count, NULL);
        assert(was_next);
    }
}

/*
 * Publishes what is new, answers, and hands out. What others said before and was not handed out yet
 * comes first: then the order is the subscriber's to make.
 */
static void
tell(struct room *room, struct room_post **posts, const struct repo_post *stored, size_t count)
{
    struct message *messages[STORE_MAX];
    size_t message_count = encode(room, stored, count, messages);
    bool is_next =
        message_count > 0 && message_seq(messages[0]) == atomic_load(&room->delivered) + 1;

    if (is_next)
        channel_publish_elsewhere(room->channel, messages, message_count);
    else if (message_count > 0)
        channel_publish(room->channel, messages, message_count);
    hand_out(room, posts, stored, count, messages, is_next ? message_count : 0);
    for (size_t i = 0; i < message_count; i++)
        message_rele(messages[i]);
}

/* Refuses all of them, and says so once, however many are refused until it works again. */
static void
refuse_all(struct room *room, struct room_post **posts, size_t count, int error)
{
    if (!room->failing)
        log_warn(-error, "append-failed room=%s", room->stored.id);
    room->failing = true;
    for (size_t i = 0; i < count; i++)
        room_refuse_post(room, posts[i], error);
}

/* Answers those that may not be stored. Returns how many are left. */
static size_t
refuse_denied(struct room *room, struct room_post **posts, size_t count, int64_t now)
{
    static const enum right rights[] = {
        [REPO_MESSAGE] = RIGHT_POST,
        [REPO_EDIT] = RIGHT_EDIT_OWN,
        [REPO_DELETE] = RIGHT_DELETE_OWN,
    };
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        int error = room_rights_may(room, posts[i]->head.membership, rights[posts[i]->kind], now);
        if (error == 0)
            posts[left++] = posts[i];
        else
            room_refuse_post(room, posts[i], error);
    }
    return left;
}

static void
describe(struct room *room, struct room_post *const *posts, size_t count, int64_t now,
         struct repo_post *stored)
{
    for (size_t i = 0; i < count; i++) {
        const struct member *sender = posts[i]->head.membership->member;
        stored[i].kind = posts[i]->kind;
        stored[i].of_anybody =
            posts[i]->kind == REPO_DELETE &&
            room_rights_may(room, posts[i]->head.membership, RIGHT_DELETE_ANY, now) == 0;
        stored[i].of = posts[i]->of;
        stored[i].sender_id = sender->id;
        stored[i].sender_name = sender->name;
        stored[i].client_id = client_id(posts[i]);
        stored[i].text = posts[i]->data;
        stored[i].text_length = posts[i]->text_length;
        stored[i].ts = now;
    }
}

/*
 * Appends those of the posts that their senders may post, by rights that are still of today when that
 * is committed; the others are answered. *count is how many are left.
 */
static int
append(struct room *room, struct room_post **posts, size_t *count, struct repo_post *stored)
{
    int error = -ESTALE;

    for (int i = 0; i < ATTEMPTS_MAX && error == -ESTALE; i++) {
        int64_t now = clock_realtime_ms();
        *count = refuse_denied(room, posts, *count, now);
        describe(room, posts, *count, now, stored);
        lock_assert_none();
        error = repo_append(room->rooms->repo, room->stored.number, room->rights.version, stored,
                            *count);
        if (error == -ESTALE) {
            int unread = room_rights_load(room);
            error = unread != 0 ? unread : error;
        }
    }
    return error != -ESTALE ? error : -EBUSY;
}

static void
store(struct room *room, struct room_post **posts, size_t count)
{
    assert(count <= STORE_MAX);
    /* Not on the stack, of which each room has its own. */
    struct repo_post *stored = calloc(count, sizeof(*stored));
    if (stored == NULL) {
        refuse_all(room, posts, count, -ENOMEM);
        return;
    }
    int error = append(room, posts, &count, stored);
    if (error != 0) {
        refuse_all(room, posts, count, error);
        free(stored);
        return;
    }
    if (count == 0) {
        free(stored);
        return;
    }
    if (room->failing)
        log_info("append-recovered room=%s", room->stored.id);
    room->failing = false;
    bring_in(room, posts, stored, count);
    tell(room, posts, stored, count);
    free(stored);
}

void
room_handle_posts(struct room *room, struct room_post **posts, size_t count)
{
    if (count == 0)
        return;
    atomic_fetch_add_explicit(&room->rooms->counters.posts, count, memory_order_relaxed);
    /* Senders are held back by their unanswered posts until the members have what there is. */
    channel_wait_ready(room->channel);
    for (size_t done = 0; done < count;) {
        size_t some = count - done < STORE_MAX ? count - done : STORE_MAX;
        store(room, posts + done, some);
        done += some;
    }
}
