/*
 * The documents of the wire (PROTOCOL.md) that rooms and the lobby send, and the events of the
 * lobby's channel. Any thread; nothing here blocks.
 *
 * Each event_… returns a message with one reference that the caller owns, or NULL when memory is
 * out.
 */
#ifndef ROOMS_EVENT_H
#define ROOMS_EVENT_H

#include "rooms/rights.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct document;
struct message;

/* What `welcome` says of the server. */
struct event_welcome {
    const char *user_id;
    const char *user_name;
    bool is_account;
    bool is_admin;
    const char *token;     /* NULL: the client's browser has it, out of reach of its page */
    int64_t token_expires; /* milliseconds since 1970 */
    const char *version;
    const char *instance;
    unsigned message_bytes;
    unsigned frame_bytes;
    unsigned rooms;
    unsigned under_way;
    unsigned messages_per_second; /* 0: no limit */
    unsigned messages_at_once;    /* where there is a limit */
    unsigned resume;
};

/* A refusal. The pointers after `retry` may be NULL. */
struct event_error {
    const char *code;
    const char *message;    /* for a person */
    bool retry;             /* whether the same may succeed later */
    int64_t retry_after_ms; /* in how long; 0: nobody knows */
    const char *refused;    /* the action */
    const char *client_id;
    const char *room_id;
    int64_t until; /* milliseconds since 1970; 0 or REPO_FOR_EVER: not told */
};

struct message *event_welcome(const struct event_welcome *welcome);

struct message *event_error(const struct event_error *error);

/* What a room's member is told of itself. */
struct event_own {
    enum role role;
    bool is_muted;
    int64_t muted_until; /* milliseconds since 1970, or REPO_FOR_EVER */
};

/* What `room-joined` says. */
struct event_joined {
    const struct repo_room *room;
    const char *client_id; /* the request's own, or NULL */
    const char *other_id;  /* of a private room's other user, else NULL */
    const char *other_name;
    uint64_t last_seq;
    uint64_t since; /* what follows begins after this one; UINT64_MAX: after last_seq */
    bool truncated;
    const struct repo_rights *rights; /* of a room that is not private, else NULL */
    struct event_own own;             /* the same */
};

struct message *event_room_joined(const struct event_joined *joined);

/* Adds what a room says of itself, an end in time, or what a member is; of rooms/event*.c. */
void event_add_rights(struct document *document, const struct repo_rights *rights);
void event_add_until(struct document *document, int64_t until);
void event_add_own(struct document *document, const struct event_own *own);

/* What the room says of itself has changed; with `own`, for one member: what that is now. */
struct message *event_room_changed(const struct repo_room *room, const struct repo_rights *rights,
                                   const struct event_own *own);

/* The member was put out of the room; `by_id` may be "". */
struct message *event_room_left(const struct repo_room *room, const char *reason, int64_t until,
                                const char *by_id);

/* The request was carried out. `client_id` may be NULL, the other two "": then they are not told. */
struct message *event_done(const char *request, const char *client_id, const char *room_id,
                           const char *user_id);

/* The action of the document for an entry of that kind; a constant. */
const char *event_entry_action(enum repo_kind kind);

/* "edited" or "deleted", the field that has chat->changed then; NULL: it is as it was sent. */
const char *event_entry_state(const struct repo_message *chat);

/* A stored entry: send-message, edit-message or delete-message. */
struct message *event_chat(const struct repo_room *room, const struct repo_message *chat);

/* The same as an entry of a `history` document: not a whole one. */
struct message *event_history_entry(const struct repo_message *chat);

/* A notice: `text` is for people, and not stored. */
struct message *event_notice(const struct repo_room *room, const char *text);

/* The user is typing in the room. */
struct message *event_typing(const struct repo_room *room, const char *user_id,
                             const char *user_name);

struct message *event_ack(const char *room_id, const char *client_id, uint64_t seq, int64_t ts);

/* user-join or user-left. */
struct message *event_presence(bool online, const char *user_id, const char *user_name);

/*
 * Tells, on the lobby's channel, the user `to_id` that `from` opened their private room, whose last
 * seq was `last_seq` then.
 */
struct message *event_invitation(const char *to_id, const char *from_id, const char *from_name,
                                 uint64_t last_seq);

/* Tells, on the lobby's channel, that something is on the list of revocations. */
struct message *event_revocation(void);

/* What arrives on the lobby's channel. */
enum event_kind { EVENT_USER_JOIN, EVENT_USER_LEFT, EVENT_INVITATION, EVENT_REVOCATION };

struct event_general {
    enum event_kind kind;
    char user_id[REPO_ID_SIZE]; /* these two but for a revocation */
    char user_name[REPO_USER_NAME_SIZE];
    char to_id[REPO_ID_SIZE]; /* of an invitation */
    uint64_t last_seq;        /* of an invitation */
};

/*
 * Reads an event of the lobby's channel, which may come from anybody. Returns 0, or -EINVAL when it
 * is not valid.
 */
int event_general_parse(const char *text, size_t length, struct event_general *out);

/* The refusal that a negative errno from storing or joining stands for: code, message and retry. */
void event_error_for(int error, struct event_error *out);

#endif
