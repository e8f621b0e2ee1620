/* What a member says in its rooms, and asks of them: into the room's mailbox. */
#include "rooms/member.h"

#include "repo/repo.h"
#include "rooms/historian.h"
#include "rooms/room.h"
#include "rooms/rooms.h"
#include "rooms/wake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct room_post *
make_post(const char *text, size_t length, const char *client_id)
{
    size_t id_size = client_id != NULL ? strlen(client_id) + 1 : 0;
    struct room_post *post = malloc(sizeof(*post) + length + 1 + id_size);
    if (post == NULL)
        return NULL;
    post->head.request = ROOM_POST;
    post->kind = REPO_MESSAGE;
    post->of = 0;
    post->text_length = length;
    post->has_client_id = client_id != NULL;
    memcpy(post->data, text, length);
    post->data[length] = '\0';
    if (client_id != NULL)
        memcpy(post->data + length + 1, client_id, id_size);
    return post;
}

/* Puts the post, which may be NULL for a lack of memory, into the room's mailbox. */
static int
put_post(struct member *member, const char *room_id, struct room_post *post)
{
    if (post == NULL)
        return -ENOMEM;
    bool must_wake = false;
    int error = -ENOENT;
    lock_take(&member->lock);
    struct membership *membership = membership_find(member, room_id);
    if (membership != NULL) {
        post->head.membership = membership;
        error = mailbox_put_quietly(&membership->room->mailbox, &post->head.mail, &must_wake);
        if (must_wake)
            wake_room(membership->room);
    }
    lock_drop(&member->lock);
    if (error != 0)
        free(post);
    return error;
}

int
member_post(struct member *member, const char *room_id, const char *text, size_t length,
            const char *client_id)
{
    return put_post(member, room_id, make_post(text, length, client_id));
}

int
member_edit(struct member *member, const char *room_id, uint64_t of, const char *text,
            size_t length, const char *client_id)
{
    struct room_post *post = make_post(text, length, client_id);
    if (post != NULL) {
        post->kind = REPO_EDIT;
        post->of = of;
    }
    return put_post(member, room_id, post);
}

int
member_delete(struct member *member, const char *room_id, uint64_t of, const char *client_id)
{
    struct room_post *post = make_post("", 0, client_id);
    if (post != NULL) {
        post->kind = REPO_DELETE;
        post->of = of;
    }
    return put_post(member, room_id, post);
}

int
member_type(struct member *member, const char *room_id)
{
    int error = -ENOENT;

    lock_take(&member->lock);
    struct membership *membership = membership_find(member, room_id);
    if (membership != NULL) {
        error = 0;
        /* One at a time: what is still to be told says it all. */
        if (!atomic_exchange(&membership->types, true))
            error = mailbox_put(&membership->room->mailbox, &membership->typing.mail);
    }
    lock_drop(&member->lock);
    return error;
}

int
member_ask(struct member *member, const char *room_id, struct room_question *question, bool at_once)
{
    int error = -ENOENT;
    bool goes_on = false;

    lock_take(&member->lock);
    struct membership *membership = membership_find(member, room_id);
    if (membership != NULL) {
        struct room *room = membership->room;
        room_hold(room);
        member->operations->hold(member);
        question->room = room;
        question->job.member = member;
        question->mail.request = ROOM_QUESTION;
        question->mail.membership = membership;
        goes_on = at_once && atomic_load(&membership->admitted);
        /* Whether it is let in is for the room to say, behind the request to join. */
        error = goes_on ? 0 : mailbox_put(&room->mailbox, &question->mail.mail);
        if (error != 0)
            question_end(question);
    }
    lock_drop(&member->lock);
    if (goes_on)
        historian_add(question->room->rooms->historian, &question->job);
    return error;
}
