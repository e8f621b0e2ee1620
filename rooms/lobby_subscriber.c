/*
 * The lobby's subscriber: applies what arrives on the general channel, and tells everybody here, a
 * round at a time. In a round, first who has the list is told of the changes, then who waits is
 * given the list, which has them already: nobody misses a change, nobody hears of one twice.
 */
#include "rooms/lobby_internal.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "rooms/auditor.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "rooms/rooms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX          256
#define ROUND_MS           100   /* from one round to the next, at least */
#define ROUND_FRAME_BYTES  32768 /* about where a round's frame ends and the next one begins */
#define ROUND_MESSAGES_MAX 4     /* frames of one round */
#define ANNOUNCEMENTS_MANY 4096  /* that are told without waiting for more */
#define CROWD_MIN          500   /* changes that are told before memory is given back */
#define QUIET_MS           200   /* without a change, after which a crowd is over */

static void
announce(struct lobby *lobby, bool online, struct roster_user *user)
{
    if (lobby->announcement_count == lobby->announcement_capacity) {
        size_t capacity = lobby->announcement_capacity > 0 ? lobby->announcement_capacity * 2 : 16;
        struct announcement *more =
            realloc(lobby->announcements, capacity * sizeof(struct announcement));
        if (more == NULL) {
            log_warnx("announcement-lost user=%s", user->id);
            return;
        }
        lobby->announcements = more;
        lobby->announcement_capacity = capacity;
    }
    struct announcement *announcement = &lobby->announcements[lobby->announcement_count++];
    announcement->online = online;
    announcement->cancelled = false;
    snprintf(announcement->id, sizeof(announcement->id), "%s", user->id);
    snprintf(announcement->name, sizeof(announcement->name), "%s", roster_name(user));
    user->announcement = online ? (unsigned)lobby->announcement_count : 0;
    /* What the bus brought may be old, or sent again by somebody: the repository has the last word. */
    atomic_store(&lobby->unstored, true);
}

void
lobby_apply_join(struct lobby *lobby, const char *id, const char *name)
{
    lock_assert_held(&lobby->lock);
    struct roster_user *user = roster_find(&lobby->roster, id);
    if (user == NULL)
        user = roster_add(&lobby->roster, id, name);
    if (user != NULL && !roster_is_online(user) && roster_set_online(&lobby->roster, user) == 0)
        announce(lobby, true, user);
}

void
lobby_apply_left(struct lobby *lobby, const char *id)
{
    lock_assert_held(&lobby->lock);
    struct roster_user *user = roster_find(&lobby->roster, id);
    /* Whether somebody who is here has left is for this instance alone to say. */
    if (user == NULL || !roster_is_online(user) || roster_is_held(user))
        return;
    atomic_store(&lobby->unstored, true);
    if (user->announcement != 0)
        lobby->announcements[user->announcement - 1].cancelled = true;
    else
        announce(lobby, false, user);
    roster_remove(&lobby->roster, user);
}

/*
 * Who is here of the user that an invitation is for, each held, but for those that are still to be
 * called back, for which it is kept; the lobby's lock is held.
 */
static struct member **
invited(struct lobby *lobby, const struct event_general *event, size_t *count)
{
    const struct roster_user *to = roster_find(&lobby->roster, event->to_id);
    struct member **members = NULL;

    *count = 0;
    if (to == NULL || strcmp(event->to_id, event->user_id) == 0)
        return NULL;
    for (struct member *at = to->local; at != NULL; at = at->same_user) {
        if (at->called_back)
            (*count)++;
        else
            lobby_keep_invitation(at, event->user_id, event->last_seq);
    }
    if (*count > 0)
        members = malloc(*count * sizeof(struct member *));
    *count = 0;
    for (struct member *at = to->local; at != NULL && members != NULL; at = at->same_user) {
        if (!at->called_back)
            continue;
        at->operations->hold(at);
        members[(*count)++] = at;
    }
    return members;
}

static void
accept(struct lobby *lobby, const struct event_general *event, struct member *member)
{
    int error = member_accept_private(member, lobby->rooms, event->user_id, event->last_seq);
    /* Whoever has gone, or is in as many rooms as it may, is not for the log. */
    if (error == -ENOMEM || error == -ENFILE)
        log_warn(-error, "invitation-not-accepted user=%s", event->to_id);
    member->operations->release(member);
}

static void
apply(struct lobby *lobby, struct message *message)
{
    struct event_general event;
    struct member **members = NULL;
    size_t count = 0;
    size_t length;
    const char *text = message_text(message, &length);

    if (event_general_parse(text, length, &event) != 0) {
        atomic_fetch_add(&lobby->rooms->counters.invalid_payloads, 1);
        log_warnx("invalid-payload channel=general bytes=%zu", length);
        return;
    }
    lock_take(&lobby->lock);
    switch (event.kind) {
    case EVENT_USER_JOIN:
        lobby_apply_join(lobby, event.user_id, event.user_name);
        break;
    case EVENT_USER_LEFT:
        lobby_apply_left(lobby, event.user_id);
        break;
    case EVENT_INVITATION:
        members = invited(lobby, &event, &count);
        break;
    case EVENT_REVOCATION:
        break;
    }
    lock_drop(&lobby->lock);
    if (event.kind == EVENT_REVOCATION)
        auditor_hurry(lobby->rooms->auditor);
    for (size_t i = 0; i < count; i++)
        accept(lobby, &event, members[i]);
    free(members);
}

/*
 * Encodes announcements from *at on, several documents a frame, into `messages`, and moves *at
 * behind them; the lobby's lock is held.
 */
static size_t
encode(struct lobby *lobby, size_t *at, struct message **messages)
{
    size_t count = 0;

    while (*at < lobby->announcement_count && count < ROUND_MESSAGES_MAX) {
        char *text = NULL;
        size_t length = 0;
        size_t used = 0;
        FILE *stream = open_memstream(&text, &length);
        if (stream == NULL)
            break;
        for (; *at < lobby->announcement_count && used < ROUND_FRAME_BYTES; (*at)++) {
            const struct announcement *one = &lobby->announcements[*at];
            struct message *event =
                one->cancelled ? NULL : event_presence(one->online, one->id, one->name);
            if (event == NULL)
                continue;
            size_t event_length;
            const char *event_text = message_text(event, &event_length);
            fprintf(stream, "%s%.*s", used > 0 ? "\n" : "", (int)event_length, event_text);
            used += event_length + 1;
            message_rele(event);
        }
        bool is_complete = fclose(stream) == 0;
        if (is_complete && length > 0)
            messages[count] = message_new(text, length, 0);
        if (is_complete && length > 0 && messages[count] != NULL)
            count++;
        free(text);
    }
    return count;
}

/* Forgets the announcements before `at`, which were told, and finds the others anew. */
static void
forget_told(struct lobby *lobby, size_t at)
{
    for (size_t i = 0; i < lobby->announcement_count; i++) {
        const struct announcement *one = &lobby->announcements[i];
        struct roster_user *user = one->online ? roster_find(&lobby->roster, one->id) : NULL;
        if (user != NULL && user->announcement == i + 1)
            user->announcement = i < at ? 0 : (unsigned)(i - at + 1);
    }
    lobby->announcement_count -= at;
    memmove(lobby->announcements, lobby->announcements + at,
            lobby->announcement_count * sizeof(struct announcement));
    if (lobby->announcement_count > 0)
        return;
    free(lobby->announcements);
    lobby->announcements = NULL;
    lobby->announcement_capacity = 0;
}

/*
 * Tells who has the list of the changes, no more of them in a round than a client can be expected
 * to read until the next one; the lobby's lock is held.
 */
static void
tell_changes(struct lobby *lobby)
{
    struct message *messages[ROUND_MESSAGES_MAX];
    size_t at = 0;

    if (lobby->announcement_count == 0)
        return;
    size_t count = encode(lobby, &at, messages);
    lobby->crowd += at;
    for (struct member *member = lobby->present; member != NULL && count > 0;
         member = member->lobby_next)
        member->operations->deliver(member, messages, count);
    for (size_t i = 0; i < count; i++)
        message_rele(messages[i]);
    forget_told(lobby, at);
}

/*
 * Has the member brought into its private rooms with news, once it had the time to join those that
 * it knows of; the lobby's lock is held.
 */
static void
call_back(struct lobby *lobby, struct member *member)
{
    if (member->arrival == NULL)
        return;
    struct lobby_mail *mail = &member->arrival->mail; /* which was handled */
    member->operations->hold(member);
    mail->request = LOBBY_CALL_BACK;
    if (mailbox_put(&lobby->mailbox, &mail->mail) != 0)
        member->operations->release(member); /* the lobby closes, and the member departs */
}

/*
 * Gives who waits the list, once it has nothing that is still to be told; the lobby's lock is held.
 */
static void
give_list(struct lobby *lobby)
{
    if (lobby->waiting == NULL || lobby->announcement_count > 0 ||
        roster_encode(&lobby->roster) != 0)
        return;
    while (lobby->waiting != NULL) {
        struct member *member = lobby->waiting;
        lobby->waiting = member->lobby_next;
        if (lobby->waiting != NULL)
            lobby->waiting->lobby_previous = NULL;
        member->lobby_next = lobby->present;
        if (lobby->present != NULL)
            lobby->present->lobby_previous = member;
        lobby->present = member;
        member->presence = MEMBER_PRESENT;
        member->operations->deliver_list(member, lobby->roster.list, lobby->roster.list_count);
        call_back(lobby, member);
    }
}

enum news { NEWS_NONE, NEWS_SOME, NEWS_MANY };

/* Whether there is something to tell. */
static enum news
news(struct lobby *lobby)
{
    lock_take(&lobby->lock);
    bool has = lobby->announcement_count > 0 || lobby->waiting != NULL;
    bool has_many = lobby->announcement_count >= ANNOUNCEMENTS_MANY;
    lock_drop(&lobby->lock);
    return has_many ? NEWS_MANY : has ? NEWS_SOME : NEWS_NONE;
}

/* How long to wait for what arrives, in ms; -1: without a limit. */
static int
patience(struct lobby *lobby, int64_t next_round)
{
    int64_t now = clock_monotonic_ms();

    if (news(lobby) != NEWS_NONE)
        return next_round > now ? (int)(next_round - now) : 0;
    return lobby->crowd >= CROWD_MIN ? QUIET_MS : -1;
}

/* Says that what a crowd took while it came or went can be given back. */
static void
settle(struct lobby *lobby)
{
    lobby->crowd = 0;
    atomic_store(&lobby->settled, true);
}

void *
lobby_subscriber_main(void *argument)
{
    struct lobby *lobby = argument;
    struct message *received[BATCH_MAX];
    int64_t next_round = 0;

    for (;;) {
        int timeout = patience(lobby, next_round);
        int count = channel_receive(lobby->channel, received, BATCH_MAX, timeout);
        if (count == -ESTALE)
            atomic_store(&lobby->unstored, true); /* the auditor compares */
        else if (count < 0)
            return NULL;
        for (int i = 0; i < count; i++) {
            apply(lobby, received[i]);
            message_rele(received[i]);
        }
        int64_t now = clock_monotonic_ms();
        enum news what = news(lobby);
        if (what == NEWS_NONE && count == 0 && lobby->crowd >= CROWD_MIN)
            settle(lobby);
        /* What has arrived already goes into this round, so that a crowd costs few of them. */
        if (now < next_round || what == NEWS_NONE || (count == BATCH_MAX && what == NEWS_SOME))
            continue;
        lock_take(&lobby->lock);
        tell_changes(lobby);
        give_list(lobby);
        lock_drop(&lobby->lock);
        int64_t end = clock_monotonic_ms();
        /* A round that takes long, to very many, is followed by as long a pause. */
        next_round = now + ROUND_MS > end + (end - now) ? now + ROUND_MS : end + (end - now);
    }
}
