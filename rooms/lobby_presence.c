/*
 * Who comes and goes here: arrivals and departures, stored and then published, and the grace in
 * which a user without a connection stays online. The lobby's thread only.
 */
#include "rooms/lobby_internal.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
describe(const struct lobby *lobby, const char *id, const char *name, struct repo_user *user)
{
    snprintf(user->id, sizeof(user->id), "%s", id);
    snprintf(user->name, sizeof(user->name), "%s", name);
    snprintf(user->instance, sizeof(user->instance), "%s", lobby->rooms->instance);
}

/* What is not told now is told when the auditor has compared. */
void
lobby_publish(struct lobby *lobby, bool online, const struct repo_user *users, size_t count)
{
    struct message *events[LOBBY_RUN_MAX];

    for (size_t done = 0; done < count;) {
        size_t event_count = 0;
        for (; done < count && event_count < LOBBY_RUN_MAX; done++) {
            struct message *event = event_presence(online, users[done].id, users[done].name);
            if (event != NULL)
                events[event_count++] = event;
        }
        if (event_count > 0)
            channel_publish(lobby->channel, events, event_count);
        for (size_t i = 0; i < event_count; i++)
            message_rele(events[i]);
    }
}

static void
report(struct lobby *lobby, int error, size_t count)
{
    if (error == 0)
        return;
    log_warn(-error, "presence-not-stored users=%zu", count);
    atomic_store(&lobby->unstored, true);
}

/* ---- the grace ---------------------------------------------------------------------------- */

/* Ends the user's grace, if it has one; the lobby's lock is held. */
static void
end_grace(struct lobby *lobby, struct roster_user *user)
{
    struct roster_grace *grace = user->grace;

    if (grace == NULL)
        return;
    if (grace->previous != NULL)
        grace->previous->next = grace->next;
    else
        lobby->grace_first = grace->next;
    if (grace->next != NULL)
        grace->next->previous = grace->previous;
    else
        lobby->grace_last = grace->previous;
    user->grace = NULL;
    free(grace);
}

/*
 * Begins it; all are equally long, so the list is in the order of their ends. Without memory there is
 * none: then the user's row is a ghost, which the auditor removes, and tells that it has left.
 */
static void
begin_grace(struct lobby *lobby, struct roster_user *user)
{
    struct roster_grace *grace = malloc(sizeof(*grace));
    if (grace == NULL) {
        log_warn(ENOMEM, "grace-not-begun user=%s", user->id);
        atomic_store(&lobby->unstored, true);
        return;
    }
    grace->user = user;
    grace->end = clock_monotonic_ms() + lobby->rooms->presence_grace_ms;
    grace->left_at = clock_realtime_ms();
    grace->next = NULL;
    grace->previous = lobby->grace_last;
    if (lobby->grace_last != NULL)
        lobby->grace_last->next = grace;
    else
        lobby->grace_first = grace;
    lobby->grace_last = grace;
    user->grace = grace;
}

int64_t
lobby_grace_end(struct lobby *lobby)
{
    lock_take(&lobby->lock);
    int64_t end = lobby->grace_first != NULL ? lobby->grace_first->end : INT64_MAX;
    lock_drop(&lobby->lock);
    return end;
}

/* ---- arrivals ----------------------------------------------------------------------------- */

static void
link_member(struct member **list, struct member *member)
{
    member->lobby_previous = NULL;
    member->lobby_next = *list;
    if (*list != NULL)
        (*list)->lobby_previous = member;
    *list = member;
}

static void
unlink_member(struct lobby *lobby, struct member *member)
{
    struct member **list = member->presence == MEMBER_WAITING ? &lobby->waiting : &lobby->present;

    if (member->lobby_previous != NULL)
        member->lobby_previous->lobby_next = member->lobby_next;
    else
        *list = member->lobby_next;
    if (member->lobby_next != NULL)
        member->lobby_next->lobby_previous = member->lobby_previous;
}

/* Notes that the members are here, before it is stored: a row of ours without them is a ghost. */
static void
take_in(struct lobby *lobby, struct member **members, size_t count)
{
    lock_take(&lobby->lock);
    for (size_t i = 0; i < count; i++) {
        struct roster_user *user = roster_find(&lobby->roster, members[i]->id);
        if (user == NULL)
            user = roster_add(&lobby->roster, members[i]->id, members[i]->name);
        if (user == NULL)
            continue;
        end_grace(lobby, user);
        user->is_banned = false;
        members[i]->same_user = user->local;
        user->local = members[i];
    }
    lock_drop(&lobby->lock);
}

/* Takes the member off its user's connections; the lobby's lock is held. */
static void
forget_connection(struct roster_user *user, const struct member *member)
{
    struct member **at = &user->local;

    while (*at != NULL && *at != member)
        at = &(*at)->same_user;
    if (*at != NULL)
        *at = member->same_user;
}

/* Forgets the members, whose arrival could not be stored: nobody has heard of them. */
static void
turn_away(struct lobby *lobby, struct member **members, size_t count)
{
    lock_take(&lobby->lock);
    for (size_t i = 0; i < count; i++) {
        struct roster_user *user = roster_find(&lobby->roster, members[i]->id);
        if (user == NULL)
            continue;
        forget_connection(user, members[i]);
        if (roster_is_held(user))
            continue;
        if (roster_is_online(user))
            begin_grace(lobby, user);
        else
            roster_remove(&lobby->roster, user);
    }
    lock_drop(&lobby->lock);
}

/* Frees what is not needed any more: who is new, or was not let in, is not called back. */
static void
forget_arrivals(struct member **members, size_t count, int error)
{
    for (size_t i = 0; i < count; i++) {
        if (error == 0 && members[i]->arrival->identity.seen != 0)
            continue;
        free(members[i]->arrival);
        members[i]->arrival = NULL;
    }
}

/* The members, all of them for the same reason, are not let in. */
static void
refuse(struct lobby *lobby, struct member **members, size_t count, int error)
{
    turn_away(lobby, members, count);
    forget_arrivals(members, count, error);
    for (size_t i = 0; i < count; i++)
        members[i]->operations->arrived(members[i], error);
}

/* Refuses those whom the repository did not let in; returns how many are left, now in front. */
static size_t
refuse_some(struct lobby *lobby, struct member **members, const struct repo_arrival *arrivals,
            size_t count)
{
    static const int errors[] = {
        [REPO_REFUSED_SESSION] = -ENOKEY,
        [REPO_REFUSED_BANNED] = -EACCES,
        [REPO_REFUSED_NAME] = -EADDRINUSE,
    };
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        if (arrivals[i].refusal != REPO_REFUSED_NOT)
            refuse(lobby, &members[i], 1, errors[arrivals[i].refusal]);
        else
            members[left++] = members[i];
    }
    return left;
}

static void
describe_arrival(const struct lobby *lobby, const struct member *member,
                 struct repo_arrival *arrival)
{
    const struct member_identity *identity = &member->arrival->identity;

    describe(lobby, member->id, member->name, &arrival->user);
    memcpy(arrival->token_hash, identity->token_hash, sizeof(identity->token_hash));
    arrival->folded = identity->folded[0] != '\0' ? identity->folded : NULL;
    arrival->session = member->session;
    arrival->expires = identity->expires;
    arrival->seen = clock_realtime_ms();
}

void
lobby_handle_arrivals(struct lobby *lobby, struct member **members, size_t count)
{
    struct repo_arrival arrivals[LOBBY_RUN_MAX];
    struct repo_user users[LOBBY_RUN_MAX];

    assert(count > 0 && count <= LOBBY_RUN_MAX);
    for (size_t i = 0; i < count; i++)
        describe_arrival(lobby, members[i], &arrivals[i]);
    take_in(lobby, members, count);
    lock_assert_none();
    int error = repo_users_arrive(lobby->rooms->repo, arrivals, count);
    report(lobby, error, count);
    if (error != 0) {
        refuse(lobby, members, count, error);
        return;
    }
    count = refuse_some(lobby, members, arrivals, count);
    forget_arrivals(members, count, 0);
    for (size_t i = 0; i < count; i++) {
        describe(lobby, members[i]->id, members[i]->name, &users[i]);
        members[i]->operations->arrived(members[i], 0);
    }
    lobby_publish(lobby, true, users, count);
    lock_take(&lobby->lock);
    for (size_t i = 0; i < count; i++) {
        members[i]->presence = MEMBER_WAITING;
        members[i]->called_back = members[i]->arrival == NULL;
        link_member(&lobby->waiting, members[i]);
    }
    lock_drop(&lobby->lock);
    channel_nudge(lobby->channel);
}

/* ---- departures --------------------------------------------------------------------------- */

/* Stores that the users are not here any more, and tells of those who are nowhere. */
static void
store_departures(struct lobby *lobby, struct repo_departure *departures, size_t count)
{
    struct repo_user gone[LOBBY_RUN_MAX];
    size_t gone_count = 0;

    if (count == 0)
        return;
    lock_assert_none();
    int error = repo_users_depart(lobby->rooms->repo, departures, count);
    report(lobby, error, count);
    for (size_t i = 0; i < count && error == 0; i++) {
        if (departures[i].is_last)
            gone[gone_count++] = departures[i].user;
    }
    lobby_publish(lobby, false, gone, gone_count);
}

/* The user, whose grace is over, is not here any more; the lobby's lock is held. */
static void
let_go(struct lobby *lobby, struct roster_user *user, struct repo_departure *departure)
{
    describe(lobby, user->id, roster_name(user), &departure->user);
    departure->seen = user->grace->left_at;
    departure->expires = clock_realtime_ms() + lobby->rooms->token_lifetime_ms;
    departure->is_last = false;
    end_grace(lobby, user);
    if (!roster_is_online(user))
        roster_remove(&lobby->roster, user);
}

void
lobby_handle_departures(struct lobby *lobby, struct member **members, size_t count)
{
    struct repo_departure departures[LOBBY_RUN_MAX];
    size_t departure_count = 0;

    assert(count > 0 && count <= LOBBY_RUN_MAX);
    lock_take(&lobby->lock);
    for (size_t i = 0; i < count; i++) {
        if (members[i]->presence != MEMBER_ABSENT)
            unlink_member(lobby, members[i]);
        members[i]->presence = MEMBER_ABSENT;
        lobby_forget_invitations(members[i]);
        struct roster_user *user = roster_find(&lobby->roster, members[i]->id);
        if (user == NULL || user->local == NULL)
            continue;
        forget_connection(user, members[i]);
        if (user->local != NULL)
            continue;
        begin_grace(lobby, user);
        bool is_awaited = lobby->rooms->presence_grace_ms > 0 && !user->is_banned;
        if (!is_awaited && user->grace != NULL)
            let_go(lobby, user, &departures[departure_count++]);
    }
    lock_drop(&lobby->lock);
    store_departures(lobby, departures, departure_count);
    for (size_t i = 0; i < count; i++)
        members[i]->operations->release(members[i]);
}

void
lobby_end_graces(struct lobby *lobby)
{
    struct repo_departure departures[LOBBY_RUN_MAX];
    size_t count;

    do {
        int64_t now = clock_monotonic_ms();
        count = 0;
        lock_take(&lobby->lock);
        while (lobby->grace_first != NULL && lobby->grace_first->end <= now &&
               count < LOBBY_RUN_MAX)
            let_go(lobby, lobby->grace_first->user, &departures[count++]);
        lock_drop(&lobby->lock);
        store_departures(lobby, departures, count);
    } while (count == LOBBY_RUN_MAX);
}
