/*
 * Who may not be here any more: the list of revocations is read in the auditor's turn, once a second,
 * and as soon as the lobby's channel says that there is something. Whoever arrives after a revocation
 * is refused by the repository, in its transaction; so here only those are looked for who arrived
 * before it, and each of them is in the roster from before it is stored.
 */
#include "rooms/lobby_internal.h"

#include "pubsub/message.h"
#include "pubsub/pubsub.h"
#include "repo/revocation.h"
#include "repo/session.h"
#include "rooms/event.h"
#include "rooms/log.h"
#include "rooms/name_fold.h"
#include "rooms/rooms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXTEND_MAX 256 /* sessions that are extended in one go */

void
lobby_tell_revoked(struct lobby *lobby)
{
    struct message *event = event_revocation();
    if (event == NULL) {
        log_warn(ENOMEM, "revocation-not-told"); /* then it is found within a second */
        return;
    }
    channel_publish(lobby->channel, &event, 1);
    message_rele(event);
}

/* What is done about one revocation. */
struct dismissal {
    const struct repo_revocation *revocation;
    const char *word;
    struct message *document; /* or NULL, when memory was out */
    size_t count;             /* of those whom it was about */
};

static bool
is_about(const struct repo_revocation *revocation, const struct member *member)
{
    char folded[NAME_FOLD_SIZE];

    switch (revocation->kind) {
    case REPO_REVOKED_SESSION:
        return member->session == revocation->session;
    case REPO_REVOKED_USER:
        return member->session <= revocation->newest && member->session != revocation->session;
    case REPO_REVOKED_BANNED:
    case REPO_CHANGED_ADMIN:
        return true;
    case REPO_REVOKED_NAME:
        return !member->is_account && name_fold(member->name, folded) == 0 &&
               strcmp(folded, revocation->folded) == 0;
    }
    return false;
}

/* Sees to the user's connections here; the lobby's lock is held. */
static void
dismiss_user(struct roster_user *user, void *argument)
{
    struct dismissal *dismissal = argument;

    user->is_banned = dismissal->revocation->kind == REPO_REVOKED_BANNED;
    for (struct member *at = user->local; at != NULL; at = at->same_user) {
        if (!is_about(dismissal->revocation, at))
            continue;
        dismissal->count++;
        if (dismissal->revocation->kind == REPO_CHANGED_ADMIN)
            atomic_store(&at->is_admin, dismissal->revocation->session != 0);
        else
            at->operations->dismiss(at, dismissal->document, dismissal->word);
    }
}

/* The refusal that goes with each kind. */
static struct event_error
describe(enum repo_revocation_kind kind)
{
    switch (kind) {
    case REPO_REVOKED_NAME:
        return (struct event_error){.code = "name-taken", .message = "This name is an account's."};
    case REPO_REVOKED_BANNED:
        return (struct event_error){.code = "banned",
                                    .message = "You are banned from this server."};
    case REPO_REVOKED_SESSION:
    case REPO_REVOKED_USER:
    case REPO_CHANGED_ADMIN:
        break;
    }
    return (struct event_error){.code = "session-revoked", .message = "Your session has ended."};
}

static int
apply(void *argument, const struct repo_revocation *revocation)
{
    struct lobby *lobby = argument;
    const struct event_error refusal = describe(revocation->kind);
    struct dismissal dismissal = {
        .revocation = revocation, .word = refusal.code, .document = event_error(&refusal)};

    lock_take(&lobby->lock);
    struct roster_user *user = roster_find(&lobby->roster, revocation->user_id);
    if (revocation->kind == REPO_REVOKED_NAME)
        roster_walk(&lobby->roster, dismiss_user, &dismissal);
    else if (user != NULL)
        dismiss_user(user, &dismissal);
    lock_drop(&lobby->lock);
    if (dismissal.document != NULL)
        message_rele(dismissal.document);
    if (dismissal.count > 0)
        log_info("revoked number=%lld kind=%d connections=%zu", (long long)revocation->number,
                 revocation->kind, dismissal.count);
    lobby->revoked = revocation->number;
    return 0;
}

int
lobby_apply_revocations(struct lobby *lobby)
{
    lock_assert_none();
    return repo_revocations_read(lobby->rooms->repo, lobby->revoked, apply, lobby);
}

/* ---- sessions in use ---------------------------------------------------------------------- */

struct sessions {
    int64_t *numbers;
    size_t count;
    size_t capacity;
};

static void
collect(struct roster_user *user, void *argument)
{
    struct sessions *sessions = argument;

    for (const struct member *at = user->local; at != NULL; at = at->same_user) {
        if (at->session == 0)
            continue;
        if (sessions->count < sessions->capacity)
            sessions->numbers[sessions->count] = at->session;
        sessions->count++;
    }
}

/* Fills in the sessions that fit, and counts them all. */
static void
collect_all(struct lobby *lobby, struct sessions *sessions)
{
    sessions->count = 0;
    lock_take(&lobby->lock);
    roster_walk(&lobby->roster, collect, sessions);
    lock_drop(&lobby->lock);
}

int
lobby_extend_sessions(struct lobby *lobby)
{
    struct sessions sessions = {0};
    int64_t now = clock_realtime_ms();
    int error = 0;

    collect_all(lobby, &sessions);
    if (sessions.count == 0)
        return 0;
    sessions.capacity = sessions.count;
    sessions.numbers = malloc(sessions.capacity * sizeof(int64_t));
    if (sessions.numbers == NULL)
        return -ENOMEM;
    collect_all(lobby, &sessions);
    /* Who came since was extended as it came. */
    size_t count = sessions.count < sessions.capacity ? sessions.count : sessions.capacity;
    for (size_t done = 0; done < count && error == 0; done += EXTEND_MAX)
        error = repo_sessions_extend(lobby->rooms->repo, sessions.numbers + done,
                                     count - done < EXTEND_MAX ? count - done : EXTEND_MAX, now,
                                     now + lobby->rooms->token_lifetime_ms);
    free(sessions.numbers);
    return error;
}
