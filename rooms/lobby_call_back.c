/*
 * Calling back: who comes back is brought into its private rooms in which something was said
 * meanwhile. A client that resumes them by itself is given the time to do so, also where it is
 * invited by then. The lobby's thread only, but for what is kept until then.
 */
#include "rooms/lobby_internal.h"

#include "rooms/log.h"
#include "rooms/rooms.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Somebody opened a private room with a member, or wrote to it there. */
struct invitation {
    struct invitation *next;
    uint64_t last_seq;
    char from_id[REPO_ID_SIZE];
};

void
lobby_keep_invitation(struct member *member, const char *from_id, uint64_t last_seq)
{
    size_t count = 0;

    /* The first one from somebody has the lowest number. */
    for (const struct invitation *at = member->invitations; at != NULL; at = at->next) {
        if (strcmp(at->from_id, from_id) == 0 || ++count == CALL_BACK_MAX)
            return;
    }
    struct invitation *kept = malloc(sizeof(*kept));
    if (kept == NULL) {
        log_warn(ENOMEM, "invitation-lost to=%s", member->id);
        return;
    }
    snprintf(kept->from_id, sizeof(kept->from_id), "%s", from_id);
    kept->last_seq = last_seq;
    kept->next = member->invitations;
    member->invitations = kept;
}

static void
free_invitations(struct invitation *invitations)
{
    while (invitations != NULL) {
        struct invitation *next = invitations->next;
        free(invitations);
        invitations = next;
    }
}

void
lobby_forget_invitations(struct member *member)
{
    free_invitations(member->invitations);
    member->invitations = NULL;
}

static void
call_back(struct lobby *lobby, struct member *member)
{
    struct calls calls = {.member = member};

    /* Before it is read, so that what comes in between comes in one of the two ways. */
    lock_take(&lobby->lock);
    struct invitation *invitations = member->invitations;
    member->invitations = NULL;
    member->called_back = true;
    lock_drop(&lobby->lock);
    lock_assert_none();
    int error = repo_private_missed(lobby->rooms->repo, member->id,
                                    member->arrival->identity.seen - CALL_BACK_MARGIN_MS,
                                    CALL_BACK_MAX, add_call, &calls);
    for (size_t i = 0; i < calls.count && error == 0; i++)
        error = member_accept_private(member, lobby->rooms, calls.rooms[i].other_id,
                                      calls.rooms[i].since);
    /* Those in whose rooms nothing was said yet. */
    for (const struct invitation *at = invitations; at != NULL && error == 0; at = at->next)
        error = member_accept_private(member, lobby->rooms, at->from_id, at->last_seq);
    free_invitations(invitations);
    /* Whoever has gone, or is in as many rooms as it may, is not for the log. */
    if (error != 0 && error != -ECANCELED && error != -EMFILE)
        log_warn(-error, "call-back-failed user=%s", member->id);
    free(member->arrival);
    member->arrival = NULL;
    member->operations->release(member);
}

void
lobby_handle_call_back(struct lobby *lobby, struct member *member)
{
    member->arrival->call_back_at = clock_monotonic_ms() + CALL_BACK_AFTER_MS;
    member->arrival->mail.mail.next = NULL;
    if (lobby->last_call != NULL)
        lobby->last_call->arrival->mail.mail.next = &member->arrival->mail.mail;
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
    struct lobby_mail *next = (struct lobby_mail *)member->arrival->mail.mail.next;

    lobby->first_call = next != NULL ? next->member : NULL;
    if (next == NULL)
        lobby->last_call = NULL;
    return member;
}

int64_t
lobby_call_back_at(const struct lobby *lobby)
{
    return lobby->first_call != NULL ? lobby->first_call->arrival->call_back_at : INT64_MAX;
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
