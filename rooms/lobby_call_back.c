/*
 * Calling back: who comes back is brought into its private rooms in which something was said
 * meanwhile. A client that resumes them by itself is given the time to do so. The lobby's thread
 * only.
 */
#include "rooms/lobby_internal.h"

#include "rooms/log.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CALL_BACK_AFTER_MS  1000 /* the list of who is online was given */
#define CALL_BACK_MAX       50   /* rooms into which somebody is brought */
#define CALL_BACK_MARGIN_MS 5000 /* the clock of a message may be that far behind its storing */

struct calls {
    const struct member *member;
    size_t count;
    struct {
        char other_id[REPO_ID_SIZE];
        uint64_t since;
    } rooms[CALL_BACK_MAX];
};

static int
add_call(void *argument, const struct repo_room *room, uint64_t since)
{
    struct calls *calls = argument;
    bool is_first = strcmp(room->users[0], calls->member->id) == 0;

    snprintf(calls->rooms[calls->count].other_id, REPO_ID_SIZE, "%s",
             room->users[is_first ? 1 : 0]);
    calls->rooms[calls->count++].since = since;
    return 0;
}

static void
call_back(struct lobby *lobby, struct member *member)
{
    struct calls calls = {.member = member};

    lock_assert_none();
    int error =
        repo_private_missed(lobby->rooms->repo, member->id, member->seen - CALL_BACK_MARGIN_MS,
                            CALL_BACK_MAX, add_call, &calls);
    for (size_t i = 0; i < calls.count && error == 0; i++)
        error = member_accept_private(member, lobby->rooms, calls.rooms[i].other_id,
                                      calls.rooms[i].since);
    /* Whoever has gone, or is in as many rooms as it may, is not for the log. */
    if (error != 0 && error != -ECANCELED && error != -EMFILE)
        log_warn(-error, "call-back-failed user=%s", member->id);
    member->operations->release(member);
}

void
lobby_handle_call_back(struct lobby *lobby, struct member *member)
{
    member->call_back_at = clock_monotonic_ms() + CALL_BACK_AFTER_MS;
    member->arrival.mail.next = NULL;
    if (lobby->last_call != NULL)
        lobby->last_call->arrival.mail.next = &member->arrival.mail;
    else
        lobby->first_call = member;
    lobby->last_call = member;
}

/* Takes the first one off the list. */
static struct member *
take_first(struct lobby *lobby)
{
    struct member *member = lobby->first_call;

    assert(member != NULL);
    struct lobby_mail *next = (struct lobby_mail *)member->arrival.mail.next;

    lobby->first_call = next != NULL ? next->member : NULL;
    if (next == NULL)
        lobby->last_call = NULL;
    return member;
}

int64_t
lobby_call_back_at(const struct lobby *lobby)
{
    return lobby->first_call != NULL ? lobby->first_call->call_back_at : INT64_MAX;
}

void
lobby_do_call_backs(struct lobby *lobby)
{
    while (lobby_call_back_at(lobby) <= clock_monotonic_ms())
        call_back(lobby, take_first(lobby));
}

void
lobby_drop_call_backs(struct lobby *lobby)
{
    while (lobby->first_call != NULL) {
        struct member *member = take_first(lobby);
        member->operations->release(member);
    }
}
