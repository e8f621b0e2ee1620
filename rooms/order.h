/*
 * Orders: what a member decides about a room, about somebody in it, or about another user. The clerk
 * carries them out: each is judged by the rights of the moment in which it is stored.
 */
#ifndef ROOMS_ORDER_H
#define ROOMS_ORDER_H

#include "rooms/member.h"
#include "rooms/rights.h"

#define ORDER_CLIENT_ID_SIZE 257 /* 64 characters of UTF-8, and the NUL */

enum order_kind {
    ORDER_ABOUT_ROOM, /* `right` says what */
    ORDER_CREATE_ROOM,
    ORDER_BLOCK,
    ORDER_UNBLOCK,
};

struct order {
    enum order_kind order;
    enum right right;         /* of ORDER_ABOUT_ROOM: RIGHT_INVITE and what comes after it */
    const char *action;       /* the wire's word for it; a constant */
    enum repo_room_kind kind; /* RIGHT_SET_KIND, ORDER_CREATE_ROOM */
    int64_t seconds;          /* how long RIGHT_BAN and RIGHT_MUTE hold; 0: for ever */
    bool has_client_id;
    char client_id[ORDER_CLIENT_ID_SIZE]; /* the request's own id, valid UTF-8 */
    char room_id[REPO_ID_SIZE];
    char user_id[REPO_ID_SIZE];     /* whom it is about */
    char name[REPO_ROOM_NAME_SIZE]; /* ORDER_CREATE_ROOM; a valid one */
    char topic[REPO_TOPIC_SIZE];    /* RIGHT_SET_TOPIC, ORDER_CREATE_ROOM */
};

/*
 * Hands the order, which is copied, to the clerk. It is under way until `answered`, as said in
 * member.h. Any thread; does not block. Returns 0, -ENOMEM or -ESHUTDOWN.
 */
int member_order(struct member *member, struct rooms *rooms, const struct order *order);

#endif
