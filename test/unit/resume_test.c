/* What a member missed, and the past of a room: in order, whole, and never in the room's way. */
#include "pubsub/message.h"
#include "repo/repo.h"
#include "rooms/history.h"
#include "rooms/lock.h"
#include "rooms/registry.h"
#include "test/unit/fake_member.h"
#include "test/unit/tap.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_rooms rooms;

static void
post(struct fake_member *fake, const char *room_id, const char *text)
{
    atomic_fetch_add(&fake->under_way, 1);
    if (member_post(&fake->member, room_id, text, strlen(text), NULL) != 0)
        abort();
}

/* Posts that many messages and waits until they are stored. */
static void
fill(struct fake_member *fake, const char *room_id, int count)
{
    for (int i = 0; i < count; i++) {
        post(fake, room_id, "text");
        if (i % MEMBER_UNDER_WAY_MAX == 0)
            fake_wait_answered(fake);
    }
    fake_wait_answered(fake);
}

/* Whether what comes next are exactly the messages from `first` to `last`. */
static bool
gets_range(struct fake_member *fake, long long first, long long last)
{
    for (long long seq = first; seq <= last; seq++) {
        const char *document = fake_expect(fake, "\"seq\":", NULL);
        if (fake_number(document, "seq") != seq) {
            printf("# %s instead of seq %lld\n", document != NULL ? document : "nothing", seq);
            return false;
        }
    }
    return true;
}

static void
test_since(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    char id[IDENTIFIER_SIZE];

    fake_join(ann, &rooms, "resume", id);
    fill(ann, id, 150);

    struct fake_member *bob = fake_member_new("Bob");
    const char *joined = fake_join_since(bob, &rooms, "resume", 140);
    ok(fake_number(joined, "lastSeq") == 150 && fake_number(joined, "since") == 140 &&
           strstr(joined, "truncated") == NULL,
       "the answer says what follows");
    ok(gets_range(bob, 141, 150), "who missed ten gets these");
    post(ann, id, "live");
    ok(gets_range(bob, 151, 151), "and then what is live");

    struct fake_member *cid = fake_member_new("Cid");
    joined = fake_join_since(cid, &rooms, "resume", 0);
    ok(fake_number(joined, "since") == 51 && strstr(joined, "\"truncated\":true") != NULL,
       "who missed more than the limit is told so");
    ok(gets_range(cid, 52, 151), "and gets the newest part");

    struct fake_member *dan = fake_member_new("Dan");
    joined = fake_join_since(dan, &rooms, "resume", 151);
    ok(fake_number(joined, "since") == 151, "who missed nothing gets nothing");
    struct fake_member *eve = fake_member_new("Eve");
    joined = fake_join_since(eve, &rooms, "resume", 4711);
    ok(fake_number(joined, "since") == 151, "a seq that is still to come counts as the last one");
    post(ann, id, "live");
    ok(gets_range(dan, 152, 152) && gets_range(eve, 152, 152), "both get what is live");

    joined = fake_join_since(dan, &rooms, "resume", 3);
    ok(fake_number(joined, "lastSeq") == 152 && strstr(joined, "since") == NULL,
       "who is in already is given nothing again");
    ok(fake_count(ann, "joined the room") == 1, "who comes back is not told of as new");
    fake_member_free(ann);
    fake_member_free(bob);
    fake_member_free(cid);
    fake_member_free(dan);
    fake_member_free(eve);
}

/* Stores messages as another instance does of which nothing is heard here. */
static void
store_elsewhere(const char *room_id, int count)
{
    struct repo_room room;

    if (repo_room_find_by_id(rooms.rooms.repo, room_id, &room) != 0)
        abort();
    for (int i = 0; i < count; i++) {
        struct repo_post said = {
            .sender_id = "elsewhere", .sender_name = "Eve", .text = "text", .text_length = 4};
        if (repo_append(rooms.rooms.repo, room.number, 0, &said, 1) != 0)
            abort();
    }
}

static void
test_since_elsewhere(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct fake_member *bob = fake_member_new("Bob");
    char id[IDENTIFIER_SIZE];

    fake_join(ann, &rooms, "elsewhere", id);
    fill(ann, id, 3);
    store_elsewhere(id, 5);
    const char *joined = fake_join_since(bob, &rooms, "elsewhere", 7);
    ok(fake_number(joined, "since") == 7 && fake_number(joined, "lastSeq") == 8,
       "what a member has from elsewhere is read here first");
    ok(gets_range(bob, 8, 8), "and it gets what comes after that");
    ok(gets_range(ann, 1, 8), "as do the others");
    store_elsewhere(id, 1);
    struct fake_member *cid = fake_member_new("Cid");
    joined = fake_join_since(cid, &rooms, "elsewhere", 4711);
    ok(fake_number(joined, "since") == 9, "a seq that nobody has counts as the last one there is");
    fake_member_free(ann);
    fake_member_free(bob);
    fake_member_free(cid);
}

static void
wake(struct fake_member *fake)
{
    atomic_store(&fake->is_behind, false);
    member_drained(&fake->member, &rooms.rooms);
}

static void
test_behind(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    char id[IDENTIFIER_SIZE];

    fake_join(ann, &rooms, "behind", id);
    fill(ann, id, 100);
    struct fake_member *bob = fake_member_new("Bob");
    atomic_store(&bob->is_behind, true);
    const char *joined = fake_join_since(bob, &rooms, "behind", 0);
    ok(fake_number(joined, "lastSeq") == 100, "who reads slowly is answered");
    post(ann, id, "meanwhile");
    (void)fake_expect(ann, "\"seq\":101", NULL);
    ok(fake_count(bob, "\"seq\":") == 0, "and is given nothing while much waits for it");
    post(bob, id, "from Bob");
    fake_wait_answered(bob);
    ok(fake_count(bob, "\"error\"") == 0, "but may post");
    wake(bob);
    ok(gets_range(bob, 1, 102), "then it gets everything, in order");

    struct fake_member *cid = fake_member_new("Cid");
    atomic_store(&cid->is_behind, true);
    (void)fake_join_since(cid, &rooms, "behind", 0);
    ok(member_leave(&cid->member, id) == 0, "who has not caught up yet may leave");
    fill(ann, id, 1); /* behind which the leave is handled */
    (void)fake_join_since(cid, &rooms, "behind", 101);
    wake(cid); /* for the first time as well as for the second */
    ok(gets_range(cid, 102, 103) && fake_count(cid, "\"seq\":") == 2,
       "and come back, and gets nothing of the first time");

    struct fake_member *dan = fake_member_new("Dan");
    atomic_store(&dan->is_behind, true);
    (void)fake_join_since(dan, &rooms, "behind", 0);
    member_leave_all(&dan->member);
    wake(dan);
    fake_member_free(ann);
    fake_member_free(bob);
    fake_member_free(cid);
    fake_member_free(dan);
}

struct traffic {
    struct fake_member *sender;
    const char *room_id;
    int count;
};

static void *
send_traffic(void *argument)
{
    struct traffic *traffic = argument;

    fill(traffic->sender, traffic->room_id, traffic->count);
    return NULL;
}

static void
test_traffic(void)
{
    enum { SENDERS = 3, POSTS = 1500, RESUMES = 40 };
    const long long total = (long long)SENDERS * POSTS;
    struct traffic traffic[SENDERS];
    pthread_t threads[SENDERS];
    char id[IDENTIFIER_SIZE];
    int bad = 0;

    for (int i = 0; i < SENDERS; i++) {
        traffic[i].sender = fake_member_new("Sender");
        fake_join(traffic[i].sender, &rooms, "traffic", id);
        traffic[i].room_id = id;
        traffic[i].count = POSTS;
    }
    for (int i = 0; i < SENDERS; i++)
        if (pthread_create(&threads[i], NULL, send_traffic, &traffic[i]) != 0)
            abort();
    long long seen = 0;
    for (int i = 0; i < RESUMES; i++) {
        struct fake_member *one = fake_member_new("Comer");
        const char *joined = fake_join_since(one, &rooms, "traffic", (uint64_t)seen);
        long long since = fake_number(joined, "since");
        long long last = fake_number(joined, "lastSeq");
        long long end = last + 5 < total ? last + 5 : total;
        bad += since < seen || last < since || !gets_range(one, since + 1, end);
        seen = last;
        fake_member_free(one);
        if (last + 100 > total)
            break;
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    ok(bad == 0, "under traffic, nothing is missing, twice or out of order");
    for (int i = 0; i < SENDERS; i++) {
        ok(gets_range(traffic[i].sender,
                      fake_number(traffic[i].sender->documents[0], "lastSeq") + 1, total),
           "nor for who was there all along");
        fake_member_free(traffic[i].sender);
    }
}

static const char *
read_page(struct fake_member *fake, const char *room_id, struct history_range range)
{
    atomic_fetch_add(&fake->under_way, 1);
    if (member_read_history(&fake->member, room_id, &range, "q\"1") != 0)
        return NULL;
    return fake_expect(fake, "\"action\":\"history\"", NULL);
}

static size_t
count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (; text != NULL && (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

static void
test_history(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct fake_member *bob = fake_member_new("Bob");
    struct history_range newest = {.before = UINT64_MAX, .limit = 5, .newest = true};
    char id[IDENTIFIER_SIZE];
    struct message *page;

    fake_join(ann, &rooms, "past", id);
    fill(ann, id, 20);
    const char *document = read_page(ann, id, newest);
    ok(fake_number(document, "seq") == 16 && count_of(document, "\"seq\":") == 5 &&
           strstr(document, "\"seq\":20") != NULL && strstr(document, "\"more\":true") != NULL,
       "the newest page");
    ok(document != NULL && strstr(document, "\"id\":\"q\\\"1\"}") != NULL, "has the request's id");
    document = read_page(ann, id, (struct history_range){.before = 4, .limit = 5, .newest = true});
    ok(fake_number(document, "seq") == 1 && count_of(document, "\"seq\":") == 3 &&
           strstr(document, "\"more\":false") != NULL,
       "the oldest page has no more before it");
    document =
        read_page(ann, id, (struct history_range){.after = 18, .before = UINT64_MAX, .limit = 2});
    ok(fake_number(document, "seq") == 19 && strstr(document, "\"more\":false") != NULL,
       "what comes after a seq");
    document =
        read_page(ann, id, (struct history_range){.after = 20, .before = UINT64_MAX, .limit = 2});
    ok(document != NULL && strstr(document, "\"messages\":[]") != NULL, "an empty page");
    ok(member_read_history(&bob->member, id, &newest, NULL) == -ENOENT, "only for members");
    ok(history_read_for(&rooms.rooms, id, ann->member.id, &newest, &page) == 0,
       "who is on the roll may read without a connection");
    message_rele(page);
    ok(history_read_for(&rooms.rooms, id, bob->member.id, &newest, &page) == -ENOENT,
       "nobody else may");
    ok(history_read_for(&rooms.rooms, "nothing", bob->member.id, &newest, &page) == -ENOENT,
       "nor is there a room that is none");

    char *text = malloc(9001);
    if (text == NULL)
        abort();
    memset(text, 'x', 9000);
    text[9000] = '\0';
    for (int i = 0; i < 60; i++) {
        post(ann, id, text);
        fake_wait_answered(ann);
    }
    free(text);
    newest.limit = HISTORY_MAX;
    document = read_page(ann, id, newest);
    size_t entries = count_of(document, "\"seq\":");
    ok(document != NULL && strlen(document) < 300000 && entries > 20 && entries < 40 &&
           strstr(document, "\"more\":true") != NULL && strstr(document, "\"seq\":80") != NULL,
       "a page has a limit in bytes, and keeps what is nearest");

    atomic_store(&ann->is_behind, true);
    atomic_fetch_add(&ann->under_way, 1);
    size_t before = fake_count(ann, "\"history\"");
    if (member_read_history(&ann->member, id, &newest, NULL) != 0)
        abort();
    post(ann, id, "not held up");
    (void)fake_expect(ann, "not held up", NULL);
    ok(fake_count(ann, "\"history\"") == before, "a page waits for who reads slowly");
    wake(ann);
    fake_wait_answered(ann);
    ok(fake_count(ann, "\"history\"") == before + 1, "and comes then");
    fake_member_free(ann);
    fake_member_free(bob);
}

/* Bob keeps busy whoever reads for him, and has much more to be read. */
static void
test_turns(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct fake_member *bob = fake_member_new("Bob");
    struct history_range newest = {.before = UINT64_MAX, .limit = 5, .newest = true};
    enum { PAGES = 10 };
    char id[IDENTIFIER_SIZE];

    fake_join(ann, &rooms, "turns", id);
    fake_join(bob, &rooms, "turns", NULL);
    fill(ann, id, 5);
    pthread_mutex_lock(&bob->mutex);
    atomic_fetch_add(&bob->under_way, PAGES);
    for (int i = 0; i < PAGES; i++)
        if (member_read_history(&bob->member, id, &newest, NULL) != 0)
            abort();
    ok(read_page(ann, id, newest) != NULL, "who asks for much does not keep others waiting");
    pthread_mutex_unlock(&bob->mutex);
    fake_wait_answered(bob);
    ok(fake_count(bob, "\"history\"") == PAGES, "and gets all of it");
    fake_member_free(ann);
    fake_member_free(bob);
}

static void
test_typing(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct fake_member *bob = fake_member_new("Bob");
    char id[IDENTIFIER_SIZE];

    fake_join(ann, &rooms, "keys", id);
    ok(member_type(&bob->member, id) == -ENOENT, "who is not in the room types for himself");
    fake_join(bob, &rooms, "keys", id);
    ok(member_type(&ann->member, id) == 0, "Ann types");
    ok(member_type(&ann->member, id) == 0, "and types on");
    ok(fake_expect(bob, "\"typing\"", ann->member.id) != NULL, "Bob is told");
    post(ann, id, "typed");
    (void)fake_expect(bob, "typed", NULL);
    ok(fake_count(bob, "\"typing\"") == 1, "once in a while");
    fake_wait_answered(ann);
    fake_member_free(ann);
    fake_member_free(bob);
}

static void
execute(const char *sql)
{
    sqlite3 *database;
    if (sqlite3_open(rooms.database, &database) != SQLITE_OK ||
        sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        abort();
    sqlite3_close(database);
}

/* Makes messages unreadable, or readable again. */
static void
hide_messages(bool hide)
{
    execute(hide ? "ALTER TABLE message RENAME TO hidden" : "ALTER TABLE hidden RENAME TO message");
}

/* Who joined while that could not be stored is on the roll as soon as it can. */
static void
test_roll(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct repo_room room;
    int error = -ENOENT;

    execute("ALTER TABLE roll RENAME TO hidden_roll");
    fake_join(ann, &rooms, "rolled", NULL);
    fake_wait_answered(ann);
    execute("ALTER TABLE hidden_roll RENAME TO roll");
    if (repo_room_find_by_name(rooms.rooms.repo, "rolled", &room) != 0)
        abort();
    for (int i = 0; i < 1000 && error != 0; i++) {
        error = repo_roll_find(rooms.rooms.repo, room.number, ann->member.id);
        if (error != 0 && poll(NULL, 0, 20) < 0)
            abort();
    }
    ok(error == 0, "a change of the roll that could not be stored is tried again");
    fake_member_free(ann);
}

/* The repository cannot be read for a while: who catches up is out, and told so. */
static void
test_unreadable(void)
{
    struct fake_member *ann = fake_member_new("Ann");
    struct fake_member *bob = fake_member_new("Bob");
    char id[IDENTIFIER_SIZE];

    fake_join(ann, &rooms, "unreadable", id);
    fill(ann, id, 10);
    atomic_store(&bob->is_behind, true);
    (void)fake_join_since(bob, &rooms, "unreadable", 0);
    hide_messages(true);
    wake(bob);
    const char *error = fake_expect(bob, "\"error\"", "\"refused\":\"join-room\"");
    ok(error != NULL && strstr(error, id) != NULL,
       "who cannot be given what it missed is told so, and of which room");
    hide_messages(false);
    ok(member_leave(&bob->member, id) == -ENOENT, "and is not in the room");
    (void)fake_join_since(bob, &rooms, "unreadable", 0);
    ok(gets_range(bob, 1, 10), "but can come again");
    fake_member_free(ann);
    fake_member_free(bob);
}

int
main(void)
{
    fake_rooms_open(&rooms, 0, 100);
    test_since();
    test_since_elsewhere();
    test_behind();
    test_traffic();
    test_history();
    test_turns();
    test_typing();
    test_unreadable();
    test_roll();
    fake_rooms_close(&rooms);
    return done_testing();
}
