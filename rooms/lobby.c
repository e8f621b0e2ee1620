#include "rooms/lobby_internal.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "repo/revocation.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
handle_run(struct lobby *lobby, enum lobby_request request, struct member **run, size_t count)
{
    switch (request) {
    case LOBBY_ARRIVE:
        lobby_handle_arrivals(lobby, run, count);
        break;
    case LOBBY_DEPART:
        lobby_handle_departures(lobby, run, count);
        break;
    case LOBBY_CALL_BACK:
        for (size_t i = 0; i < count; i++)
            lobby_handle_call_back(lobby, run[i]);
        break;
    case LOBBY_PASS:
        lock_take(&lobby->lock);
        lobby->flushed = true;
        lock_condition_signal(&lobby->passed);
        lock_drop(&lobby->lock);
        break;
    }
}

/* Handles what is alike and in a row in one go. */
static void
handle_all(struct lobby *lobby, struct mail *batch)
{
    struct member *run[LOBBY_RUN_MAX];

    while (batch != NULL) {
        enum lobby_request request = ((struct lobby_mail *)batch)->request;
        size_t count = 0;
        while (batch != NULL && count < LOBBY_RUN_MAX &&
               ((struct lobby_mail *)batch)->request == request) {
            run[count++] = ((struct lobby_mail *)batch)->member;
            batch = batch->next;
        }
        handle_run(lobby, request, run, count);
    }
}

/* How long to wait for mail, in ms; -1: without a limit. */
static int64_t
patience(struct lobby *lobby)
{
    int64_t first = lobby_grace_end(lobby);
    int64_t call = lobby_call_back_at(lobby);
    int64_t now = clock_monotonic_ms();

    if (call < first)
        first = call;
    if (first == INT64_MAX)
        return -1;
    return first > now ? first - now : 0;
}

static void *
lobby_main(void *argument)
{
    struct lobby *lobby = argument;

    for (;;) {
        struct mail *batch = mailbox_take(&lobby->mailbox, patience(lobby));
        /* Whose grace was not over yet is left to the lease. */
        if (batch == NULL && atomic_load(&lobby->closing)) {
            lobby_drop_call_backs(lobby);
            return NULL;
        }
        handle_all(lobby, batch);
        lobby_end_graces(lobby);
        lobby_do_call_backs(lobby);
    }
}

static struct lobby *
lobby_new(struct rooms *rooms)
{
    struct lobby *lobby = calloc(1, sizeof(*lobby));
    if (lobby == NULL)
        return NULL;
    lobby->rooms = rooms;
    mailbox_init(&lobby->mailbox);
    lock_init(&lobby->lock, LOCK_LOBBY);
    lock_condition_init(&lobby->passed);
    roster_init(&lobby->roster);
    atomic_store(&lobby->unstored, true);
    return lobby;
}

static void
lobby_free(struct lobby *lobby)
{
    roster_destroy(&lobby->roster);
    lock_condition_destroy(&lobby->passed);
    lock_destroy(&lobby->lock);
    mailbox_destroy(&lobby->mailbox);
    free(lobby->announcements);
    free(lobby);
}

int
lobby_open(struct rooms *rooms, struct lobby **out)
{
    char channel[PUBSUB_CHANNEL_NAME_SIZE];

    struct lobby *lobby = lobby_new(rooms);
    if (lobby == NULL)
        return -ENOMEM;
    snprintf(channel, sizeof(channel), "%.64s:general", rooms->channel_prefix);
    int error = pubsub_channel_open(rooms->pubsub, channel, "general", &lobby->channel);
    if (error != 0)
        goto free_lobby;
    error = lobby_reconcile(lobby);
    if (error == 0)
        error = repo_revocations_last(rooms->repo, &lobby->revoked);
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
    lobby_free(lobby);
    return error;
}

void
lobby_close(struct lobby **pointer)
{
    struct lobby *lobby = *pointer;

    *pointer = NULL;
    atomic_store(&lobby->closing, true);
    mailbox_close(&lobby->mailbox);
    int error = pthread_join(lobby->thread, NULL);
    assert(error == 0);
    channel_stop(lobby->channel);
    error = pthread_join(lobby->subscriber, NULL);
    assert(error == 0);
    channel_close(&lobby->channel);
    assert(lobby->present == NULL && lobby->waiting == NULL);
    lobby_free(lobby);
}

static void
put(struct lobby *lobby, struct lobby_mail *mail, struct member *member, enum lobby_request request)
{
    mail->member = member;
    mail->request = request;
    int error = mailbox_put(&lobby->mailbox, &mail->mail);
    assert(error == 0); /* the lobby is closed after the last member has departed */
}

int
lobby_arrive(struct lobby *lobby, struct member *member, const struct member_identity *identity)
{
    member->arrival = malloc(sizeof(*member->arrival));
    if (member->arrival == NULL)
        return -ENOMEM;
    member->arrival->identity = *identity;
    member->operations->hold(member);
    put(lobby, &member->arrival->mail, member, LOBBY_ARRIVE);
    return 0;
}

void
lobby_depart(struct lobby *lobby, struct member *member)
{
    put(lobby, &member->departure, member, LOBBY_DEPART);
}

void
lobby_flush(struct lobby *lobby)
{
    struct lobby_mail pass = {.request = LOBBY_PASS};

    lock_take(&lobby->lock);
    lobby->flushed = false;
    lock_drop(&lobby->lock);
    put(lobby, &pass, NULL, LOBBY_PASS);
    lock_take(&lobby->lock);
    while (!lobby->flushed)
        lock_wait(&lobby->lock, &lobby->passed);
    lock_drop(&lobby->lock);
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
    if (user != NULL && roster_is_online(user)) {
        snprintf(name, REPO_USER_NAME_SIZE, "%s", roster_name(user));
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
