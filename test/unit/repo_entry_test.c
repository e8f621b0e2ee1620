/* Edits and deletes: entries of a room's log, and what they do to the message that they are about. */
#include "test/unit/repo_fixture.h"

/* What was read of one entry. */
struct entry {
    struct repo_message message;
    char text[64];
    char client_id[16];
};

static int
copy_entry(void *argument, const struct repo_message *message)
{
    struct entry *entry = argument;
    entry->message = *message;
    snprintf(entry->text, sizeof(entry->text), "%s", message->text);
    snprintf(entry->client_id, sizeof(entry->client_id), "%s",
             message->client_id != NULL ? message->client_id : "NULL");
    return 0;
}

static struct entry
read_entry(struct repo *repo, int64_t room, uint64_t seq)
{
    struct entry entry = {0};
    require(repo_read(repo, room, seq - 1, seq + 1, 2, false, copy_entry, &entry) == 0);
    require(entry.message.seq == seq);
    return entry;
}

static bool
is_entry(struct repo *repo, int64_t room, uint64_t seq, enum repo_kind kind, uint64_t of,
         uint64_t changed, const char *text)
{
    struct entry entry = read_entry(repo, room, seq);
    bool is = entry.message.kind == kind && entry.message.of == of &&
              entry.message.changed == changed && strcmp(entry.text, text) == 0 &&
              entry.message.text_length == strlen(text);
    if (!is)
        printf("# %lu: kind %d of %lu changed %lu text '%s'\n", (unsigned long)seq,
               (int)entry.message.kind, (unsigned long)entry.message.of,
               (unsigned long)entry.message.changed, entry.text);
    return is;
}

static struct repo_post
make_edit(const char *sender, const char *client_id, uint64_t of, const char *text)
{
    struct repo_post post = make_post(sender, client_id, text);
    post.kind = REPO_EDIT;
    post.of = of;
    return post;
}

static struct repo_post
make_delete(const char *sender, const char *client_id, uint64_t of)
{
    struct repo_post post = make_post(sender, client_id, "");
    post.kind = REPO_DELETE;
    post.of = of;
    return post;
}

static enum repo_outcome
append_as(struct repo *repo, int64_t room, struct repo_post post, uint64_t *seq)
{
    require(append_one(repo, room, &post) == 0);
    *seq = post.seq;
    return post.outcome;
}

static void
test_edits(struct repo *repo)
{
    int64_t room = add_room(repo, "edits");
    struct repo_post posts[4] = {
        make_post("ann", "1", "first"),
        make_edit("ann", "2", 1, "second"),
        make_post("bob", NULL, "between"),
        make_edit("ann", NULL, 1, "third"),
    };
    ok(repo_append(repo, room, 0, posts, 4) == 0 && posts[1].outcome == REPO_STORED &&
           posts[1].seq == 2 && posts[3].seq == 4 && holds_exactly(repo, room, 4),
       "an edit is an entry with a number of its own, also in the batch of its message");
    ok(is_entry(repo, room, 1, REPO_MESSAGE, 0, 4, "third"),
       "the message has its last text, and the last edit's number");
    ok(is_entry(repo, room, 2, REPO_EDIT, 1, 0, "second") &&
           is_entry(repo, room, 4, REPO_EDIT, 1, 0, "third"),
       "each edit has its own text");
    ok(is_entry(repo, room, 3, REPO_MESSAGE, 0, 0, "between"), "other messages stay as they were");
    struct entry edit = read_entry(repo, room, 2);
    ok(strcmp(edit.client_id, "2") == 0 && edit.message.ts == 1000,
       "an edit is read as it was given");
}

static void
test_refusals(struct repo *repo)
{
    int64_t room = add_room(repo, "refusals");
    int64_t other = add_room(repo, "other");
    uint64_t seq;
    require(append_as(repo, other, make_post("ann", NULL, "elsewhere"), &seq) == REPO_STORED);
    require(append_as(repo, other, make_post("ann", NULL, "elsewhere"), &seq) == REPO_STORED);
    require(append_as(repo, room, make_post("ann", NULL, "mine"), &seq) == REPO_STORED);
    ok(append_as(repo, room, make_edit("bob", NULL, 1, "his"), &seq) == REPO_FOREIGN &&
           append_as(repo, room, make_delete("bob", NULL, 1), &seq) == REPO_FOREIGN,
       "somebody else's message is neither edited nor deleted");
    struct repo_post edit = make_edit("bob", NULL, 1, "his");
    edit.of_anybody = true;
    ok(append_as(repo, room, edit, &seq) == REPO_FOREIGN, "nor edited by who may delete it");
    ok(append_as(repo, room, make_edit("ann", NULL, 2, "x"), &seq) == REPO_MISSING &&
           append_as(repo, room, make_delete("ann", NULL, 2), &seq) == REPO_MISSING &&
           append_as(repo, room, make_delete("ann", NULL, 0), &seq) == REPO_MISSING &&
           append_as(repo, room, make_delete("ann", NULL, UINT64_MAX), &seq) == REPO_MISSING &&
           append_as(repo, room, make_delete("ann", NULL, 0xfffffffff), &seq) == REPO_MISSING &&
           append_as(repo, room, make_delete("ann", NULL, UINT64_C(1) << 36 | 1), &seq) ==
               REPO_MISSING,
       "there is no message of another number, in no room");
    require(append_as(repo, room, make_edit("ann", NULL, 1, "still mine"), &seq) == REPO_STORED);
    ok(seq == 2 && append_as(repo, room, make_edit("ann", NULL, 2, "x"), &seq) == REPO_MISSING &&
           append_as(repo, room, make_delete("ann", NULL, 2), &seq) == REPO_MISSING,
       "an edit is not edited or deleted itself");
    ok(holds_exactly(repo, room, 2) && is_entry(repo, room, 1, REPO_MESSAGE, 0, 2, "still mine"),
       "what is refused takes no number and changes nothing");
}

static int
count_text(void *argument, const struct repo_message *message)
{
    *(size_t *)argument += message->text_length;
    return 0;
}

static void
test_deletes(struct repo *repo)
{
    int64_t room = add_room(repo, "deletes");
    uint64_t seq;
    require(append_as(repo, room, make_post("ann", "1", "secret"), &seq) == REPO_STORED);
    require(append_as(repo, room, make_edit("ann", "2", 1, "secret too"), &seq) == REPO_STORED);
    require(append_as(repo, room, make_post("ann", NULL, "stays"), &seq) == REPO_STORED);
    require(append_as(repo, room, make_edit("ann", NULL, 3, "stayed"), &seq) == REPO_STORED);
    ok(append_as(repo, room, make_delete("ann", "5", 1), &seq) == REPO_STORED && seq == 5 &&
           is_entry(repo, room, 5, REPO_DELETE, 1, 0, ""),
       "a delete is an entry without a text");
    ok(is_entry(repo, room, 1, REPO_MESSAGE, 0, 5, "") &&
           is_entry(repo, room, 2, REPO_EDIT, 1, 5, ""),
       "the message and its edits have no text any more");
    ok(is_entry(repo, room, 3, REPO_MESSAGE, 0, 4, "stayed") &&
           is_entry(repo, room, 4, REPO_EDIT, 3, 0, "stayed"),
       "other messages and their edits have theirs");
    ok(append_as(repo, room, make_edit("ann", NULL, 1, "again"), &seq) == REPO_MISSING &&
           append_as(repo, room, make_delete("ann", NULL, 1), &seq) == REPO_MISSING,
       "what is deleted is not edited or deleted again");
    struct repo_post by_other = make_delete("mod", NULL, 3);
    by_other.of_anybody = true;
    ok(append_as(repo, room, by_other, &seq) == REPO_STORED && seq == 6 &&
           is_entry(repo, room, 3, REPO_MESSAGE, 0, 6, ""),
       "who may deletes somebody else's message");
    size_t bytes = 0;
    require(repo_read(repo, room, 0, UINT64_MAX, 99, false, count_text, &bytes) == 0);
    ok(bytes == 0, "then nothing of what was said is left in the room");
}

static void
test_repeats(struct repo *repo)
{
    int64_t room = add_room(repo, "repeats");
    uint64_t seq;
    require(append_as(repo, room, make_post("ann", "m", "text"), &seq) == REPO_STORED);
    require(append_as(repo, room, make_edit("ann", "e", 1, "edited"), &seq) == REPO_STORED);
    ok(append_as(repo, room, make_edit("ann", "e", 1, "edited"), &seq) == REPO_REPEATED && seq == 2,
       "a repeated edit is found");
    ok(append_as(repo, room, make_edit("ann", "e", 1, "otherwise"), &seq) == REPO_CONFLICT &&
           append_as(repo, room, make_post("ann", "e", "edited"), &seq) == REPO_CONFLICT &&
           append_as(repo, room, make_edit("ann", "m", 1, "text"), &seq) == REPO_CONFLICT &&
           append_as(repo, room, make_delete("ann", "e", 1), &seq) == REPO_CONFLICT,
       "another text or kind with the same id is a conflict");
    ok(append_as(repo, room, make_post("ann", "m", "text"), &seq) == REPO_REPEATED && seq == 1 &&
           append_as(repo, room, make_post("ann", "m", "anything"), &seq) == REPO_REPEATED &&
           seq == 1,
       "a message that was edited is repeated, whatever its text");
    require(append_as(repo, room, make_delete("ann", "d", 1), &seq) == REPO_STORED);
    ok(append_as(repo, room, make_delete("ann", "d", 1), &seq) == REPO_REPEATED && seq == 3,
       "a repeated delete is found");
    ok(append_as(repo, room, make_delete("ann", "d", 2), &seq) == REPO_CONFLICT,
       "the same id for another message is a conflict");
    ok(append_as(repo, room, make_edit("ann", "e", 1, "edited"), &seq) == REPO_REPEATED &&
           append_as(repo, room, make_edit("ann", "e", 1, "anything"), &seq) == REPO_REPEATED &&
           append_as(repo, room, make_post("ann", "m", "text"), &seq) == REPO_REPEATED && seq == 1,
       "so are a message that was deleted, and its edits");
    ok(append_as(repo, room, make_edit("ann", "e", 2, "edited"), &seq) == REPO_CONFLICT,
       "but not an edit of another message");
    ok(holds_exactly(repo, room, 3), "none of them takes a number");
}

/* What an edit costs does not depend on how much is stored. */
static void
test_cost(struct repo *repo)
{
    int64_t room = add_room(repo, "cost");
    uint64_t seq;
    long steps[2];
    for (int round = 0; round < 2; round++) {
        uint64_t until = round == 0 ? 10 : 2000;
        while (last_seq(repo, room) < until) {
            struct repo_post post = make_post("ann", NULL, "text");
            require(append_one(repo, room, &post) == 0);
        }
        require(append_as(repo, room, make_edit("ann", "e", 5, "x"), &seq) != REPO_MISSING);
        (void)count_steps(repo);
        require(append_as(repo, room, make_edit("ann", NULL, 5, "y"), &seq) == REPO_STORED);
        require(append_as(repo, room, make_delete("ann", NULL, 6 + (uint64_t)round), &seq) ==
                REPO_STORED);
        steps[round] = count_steps(repo);
    }
    ok(steps[1] < steps[0] * 2, "an edit and a delete take %ld steps among 10 and %ld among 2,000",
       steps[0], steps[1]);
}

int
main(void)
{
    fixture_begin();
    struct repo *repo = open_repo(1000);
    test_edits(repo);
    test_refusals(repo);
    test_deletes(repo);
    test_repeats(repo);
    test_cost(repo);
    repo_close(&repo);
    return fixture_end();
}
