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

#define RUN_MAX 256 /* arrivals or departures that are handled in one go */

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

static void
describe(const struct lobby *lobby, const struct member *member, struct repo_user *user)
{
    snprintf(user->id, sizeof(user->id), "%s", member->id);
    snprintf(user->name, sizeof(user->name), "%s", member->name);
    snprintf(user->instance, sizeof(user->instance), "%s", lobby->rooms->instance);
}

/* What is not told now is told when the auditor has compared. */
void
lobby_publish(struct lobby *lobby, bool online, const struct repo_user *users, size_t count)
{
    struct message *events[RUN_MAX];

    for (size_t done = 0; done < count;) {
        size_t event_count = 0;
        for (; done < count && event_count < RUN_MAX; done++) {
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
store(struct lobby *lobby, bool online, const struct repo_user *users, size_t count)
{
    lock_assert_none();
    int error = online ? repo_users_add(lobby->rooms->repo, users, count)
                       : repo_users_remove(lobby->rooms->repo, users, count);
    if (error == 0)
        return;
    log_warn(-error, "presence-not-stored users=%zu", count);
    atomic_store(&lobby->unstored, true);
}

static void
arrive(struct lobby *lobby, struct member **members, size_t count)
{
    struct repo_user users[RUN_MAX];

    assert(count > 0);
    for (size_t i = 0; i < count; i++)
        describe(lobby, members[i], &users[i]);
    /* Here before there: a row of ours without a member is taken for a ghost. */
    lock_take(&lobby->lock);
    for (size_t i = 0; i < count; i++) {
        struct roster_user *user = roster_find(&lobby->roster, members[i]->id);
        if (user == NULL)
            user = roster_add(&lobby->roster, members[i]->id, members[i]->name);
        if (user != NULL)
            user->local = members[i];
        members[i]->presence = MEMBER_WAITING;
        link_member(&lobby->waiting, members[i]);
    }
    lock_drop(&lobby->lock);
    store(lobby, true, users, count);
    lobby_publish(lobby, true, users, count);
    channel_nudge(lobby->channel);
}

static void
depart(struct lobby *lobby, struct member **members, size_t count)
{
    struct repo_user users[RUN_MAX];

    assert(count > 0);
    lock_take(&lobby->lock);
    for (size_t i = 0; i < count; i++) {
        describe(lobby, members[i], &users[i]);
        unlink_member(lobby, members[i]);
        members[i]->presence = MEMBER_ABSENT;
        struct roster_user *user = roster_find(&lobby->roster, members[i]->id);
        if (user != NULL)
            user->local = NULL;
        if (user != NULL && user->segment == NULL)
            roster_remove(&lobby->roster, user);
    }
    lock_drop(&lobby->lock);
    store(lobby, false, users, count);
    lobby_publish(lobby, false, users, count);
    for (size_t i = 0; i < count; i++)
        members[i]->operations->release(members[i]);
}

static void *
lobby_main(void *argument)
{
    struct lobby *lobby = argument;
    struct member *run[RUN_MAX];
    struct mail *batch;

    while ((batch = mailbox_take(&lobby->mailbox, -1)) != NULL) {
        while (batch != NULL) {
            bool arrives = ((struct lobby_mail *)batch)->arrives;
            size_t count = 0;
            while (batch != NULL && count < RUN_MAX &&
                   ((struct lobby_mail *)batch)->arrives == arrives) {
                run[count++] = ((struct lobby_mail *)batch)->member;
                batch = batch->next;
            }
            if (arrives)
                arrive(lobby, run, count);
            else
                depart(lobby, run, count);
        }
    }
    return NULL;
}

int
lobby_open(struct rooms *rooms, struct lobby **out)
{
    char channel[PUBSUB_CHANNEL_NAME_SIZE];

    struct lobby *lobby = calloc(1, sizeof(*lobby));
    if (lobby == NULL)
        return -ENOMEM;
    lobby->rooms = rooms;
    mailbox_init(&lobby->mailbox);
    lock_init(&lobby->lock, LOCK_LOBBY);
    roster_init(&lobby->roster);
    atomic_store(&lobby->unstored, true);
    snprintf(channel, sizeof(channel), "%.64s:general", rooms->channel_prefix);
    int error = pubsub_channel_open(rooms->pubsub, channel, "general", &lobby->channel);
    if (error != 0)
        goto free_lobby;
    error = lobby_reconcile(lobby);
    if (error != 0)
        goto close_channel;
    error = -pthread_create(&lobby->subscriber, NULL, lobby_subscriber_main, lobby);
    if (error != 0)
        goto close_channel;
    error = -pthread_create(&lobby->thread, NULL, lobby_main, lobby);
    if (error != 0)
        goto stop_subscriber;
    *out = lobby;
    return 0;

stop_subscriber:
    channel_stop(lobby->channel);
    pthread_join(lobby->subscriber, NULL);
close_channel:
    channel_close(&lobby->channel);
free_lobby:
    roster_destroy(&lobby->roster);
    lock_destroy(&lobby->lock);
    mailbox_destroy(&lobby->mailbox);
    free(lobby->announcements);
    free(lobby);
    return error;
}

void
lobby_close(struct lobby **pointer)
{
    struct lobby *lobby = *pointer;

    *pointer = NULL;
    mailbox_close(&lobby->mailbox);
    int error = pthread_join(lobby->thread, NULL);
    assert(error == 0);
    channel_stop(lobby->channel);
    error = pthread_join(lobby->subscriber, NULL);
    assert(error == 0);
    channel_close(&lobby->channel);
    assert(lobby->present == NULL && lobby->waiting == NULL);
    roster_destroy(&lobby->roster);
    lock_destroy(&lobby->lock);
    mailbox_destroy(&lobby->mailbox);
    free(lobby->announcements);
    free(lobby);
}

static void
put(struct lobby *lobby, struct lobby_mail *mail, struct member *member, bool arrives)
{
    mail->member = member;
    mail->arrives = arrives;
    int error = mailbox_put(&lobby->mailbox, &mail->mail);
    assert(error == 0); /* the lobby is closed after the last member has departed */
}

void
lobby_arrive(struct lobby *lobby, struct member *member)
{
    member->operations->hold(member);
    put(lobby, &member->arrival, member, true);
}

void
lobby_depart(struct lobby *lobby, struct member *member)
{
    put(lobby, &member->departure, member, false);
}

void
lobby_invite(struct lobby *lobby, const struct member *from, const char *to_id, uint64_t last_seq)
{
    struct message *event = event_invitation(to_id, from->id, from->name, last_seq);
    if (event == NULL) {
        log_warn(ENOMEM, "invitation-lost to=%s", to_id);
        return;
    }
    channel_publish(lobby->channel, &event, 1);
    message_rele(event);
}

void
lobby_tell_left(struct lobby *lobby, const struct repo_user *users, size_t count)
{
    lobby_publish(lobby, false, users, count);
}

void
lobby_restore(struct lobby *lobby)
{
    atomic_store(&lobby->unstored, true);
}

int
lobby_find_name(struct lobby *lobby, const char *id, char name[REPO_USER_NAME_SIZE])
{
    int error = -ENOENT;

    lock_take(&lobby->lock);
    const struct roster_user *user = roster_find(&lobby->roster, id);
    if (user != NULL && user->segment != NULL) {
        snprintf(name, REPO_USER_NAME_SIZE, "%s", user->name);
        error = 0;
    }
    lock_drop(&lobby->lock);
    return error;
}

size_t
lobby_online(struct lobby *lobby)
{
    lock_take(&lobby->lock);
    size_t count = lobby->roster.online;
    lock_drop(&lobby->lock);
    return count;
}

size_t
lobby_backlog(struct lobby *lobby)
{
    return mailbox_count(&lobby->mailbox);
}
