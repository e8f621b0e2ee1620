/* Accounts, their sessions, invitation links, and the list of what was revoked. */
#include "repo/account.h"
#include "repo/revocation.h"
#include "repo/user_data.h"
#include "test/unit/repo_fixture.h"

#define HOUR INT64_C(3600000)

/* The hash of a token is its name, filled up. */
static const unsigned char *
hash_of(const char *name)
{
    static unsigned char hashes[8][REPO_TOKEN_HASH_BYTES];
    static size_t next;
    unsigned char *hash = hashes[next++ % 8];
    memset(hash, 0, REPO_TOKEN_HASH_BYTES);
    snprintf((char *)hash, REPO_TOKEN_HASH_BYTES, "%.30s", name);
    return hash;
}

static struct repo_session_start
make_start(const char *token, int64_t expires)
{
    struct repo_session_start start = {.agent = "a browser", .expires = expires};
    memcpy(start.hash, hash_of(token), sizeof(start.hash));
    return start;
}

static struct repo_registration
make_registration(const char *id, const char *folded)
{
    return (struct repo_registration){
        .id = id, .name = "A Name", .folded = folded, .password = "first", .now = 1000};
}

static int
create(struct repo *repo, const char *id, const char *folded)
{
    struct repo_registration registration = make_registration(id, folded);
    return repo_account_create(repo, &registration);
}

static struct repo_account
account_of(struct repo *repo, const char *id)
{
    struct repo_account account = {0};
    require(repo_account_find_by_id(repo, id, &account) == 0);
    return account;
}

/* Begins a session whose token is `token`, and returns its number. */
static int64_t
begin(struct repo *repo, const char *id, const char *token)
{
    struct repo_session_start start = make_start(token, 100 * HOUR);
    struct repo_account account = account_of(repo, id);
    int64_t number = 0;
    require(repo_session_begin(repo, id, account.password, NULL, &start, 2000, &number) == 0 &&
            number > 0);
    return number;
}

static bool
has_session(struct repo *repo, const char *token)
{
    struct repo_session_user user;
    int error = repo_session_find(repo, hash_of(token), 0, &user);
    require(error == 0 || error == -ENOENT);
    return error == 0;
}

static int
take_revocation(void *argument, const struct repo_revocation *revocation)
{
    *(struct repo_revocation *)argument = *revocation;
    return 0;
}

/* The last revocation, all zero when there is none after `after`. */
static struct repo_revocation
revocation_after(struct repo *repo, int64_t after)
{
    struct repo_revocation last = {0};
    require(repo_revocations_read(repo, after, take_revocation, &last) == 0);
    return last;
}

static int64_t
last_revocation(struct repo *repo)
{
    int64_t number = -1;
    require(repo_revocations_last(repo, &number) == 0);
    return number;
}

static enum repo_refusal
arrives(struct repo *repo, const char *id, const char *folded, int64_t session, int64_t now)
{
    struct repo_arrival arrival = {
        .folded = folded, .session = session, .expires = now + 50 * HOUR, .seen = now};
    snprintf(arrival.user.id, sizeof(arrival.user.id), "%s", id);
    snprintf(arrival.user.name, sizeof(arrival.user.name), "A Name");
    snprintf(arrival.user.instance, sizeof(arrival.user.instance), "one");
    memcpy(arrival.token_hash, hash_of(id), sizeof(arrival.token_hash));
    require(repo_users_arrive(repo, &arrival, 1) == 0);
    return arrival.refusal;
}

/* ---- registering -------------------------------------------------------------------------- */

static int
count_account(void *argument, const struct repo_account *account)
{
    int *count = argument;
    static const char *const order[] = {"ann", "bob"};
    return *count < 2 && strcmp(account->folded, order[(*count)++]) == 0 ? 0 : -1;
}

static void
test_create(struct repo *repo)
{
    struct repo_account found;
    int count = 0;
    ok(repo_account_find_by_name(repo, "bob", &found) == -ENOENT &&
           repo_account_find_by_id(repo, "b", &found) == -ENOENT,
       "nobody is -ENOENT");
    ok(create(repo, "b", "bob") == 0 && repo_account_find_by_name(repo, "bob", &found) == 0 &&
           strcmp(found.id, "b") == 0 && strcmp(found.name, "A Name") == 0 &&
           strcmp(found.password, "first") == 0 && found.created == 1000 && found.seen == 0 &&
           found.banned_until == 0,
       "an account is found by its folded name");
    struct repo_registration ann = make_registration("a", "ann");
    ok(repo_account_create(repo, &ann) == 0 && !ann.is_admin && found.is_admin &&
           !account_of(repo, "a").is_admin,
       "the first account is an admin, and no other one");
    ok(create(repo, "c", "ann") == -EEXIST && repo_account_find_by_id(repo, "c", &found) == -ENOENT,
       "a name that is taken is refused");
    ok(repo_accounts_all(repo, count_account, &count) == 0 && count == 2,
       "all are read in the order of their names");
    struct repo_identity identity;
    ok(repo_identity_find_by_id(repo, "a", &identity) == 0 && identity.expires == INT64_MAX &&
           strcmp(identity.name, "A Name") == 0,
       "who has an account is found among the users");
}

static void
test_invitations(struct repo *repo)
{
    struct repo_registration invited = make_registration("i", "ida");
    struct repo_registration second = make_registration("j", "jan");
    invited.invitation = second.invitation = hash_of("link");
    ok(repo_account_create(repo, &invited) == -EACCES &&
           repo_invite_link_find(repo, hash_of("link"), 0) == -ENOENT,
       "an unknown invitation is refused");
    require(repo_invite_link_add(repo, hash_of("link"), 1, 5000, 0) == 0);
    ok(repo_invite_link_add(repo, hash_of("link"), 1, 5000, 0) == -EEXIST,
       "no two links have one token");
    ok(repo_invite_link_find(repo, hash_of("link"), 5000) == 0 &&
           repo_invite_link_find(repo, hash_of("link"), 5001) == -ENOENT,
       "a link is good until it expires");
    invited.folded = "ann";
    ok(repo_account_create(repo, &invited) == -EEXIST, "a name that is taken is refused with it");
    invited.folded = "ida";
    invited.now = 5001;
    ok(repo_account_create(repo, &invited) == -EACCES, "an expired invitation is refused");
    invited.now = 5000;
    ok(repo_account_create(repo, &invited) == 0, "a good one lets in, and failures did not use it");
    ok(repo_account_create(repo, &second) == -EACCES &&
           repo_invite_link_find(repo, hash_of("link"), 0) == -ENOENT,
       "one that is used up is refused");
}

static void
test_guests(struct repo *repo)
{
    int64_t before = last_revocation(repo);
    ok(arrives(repo, "guest", "gil", 0, 1000) == REPO_REFUSED_NOT &&
           arrives(repo, "nameless", NULL, 0, 1000) == REPO_REFUSED_NOT,
       "guests whose names are nobody's are let in");
    require(create(repo, "h", "hal") == 0);
    ok(last_revocation(repo) == before, "an account of another name is told to nobody");
    require(create(repo, "g", "gil") == 0);
    struct repo_revocation last = revocation_after(repo, before);
    ok(last.kind == REPO_REVOKED_NAME && strcmp(last.folded, "gil") == 0 && last.number > before,
       "whoever registers a guest's name has it told");
    struct repo_identity identity;
    ok(arrives(repo, "guest", "gil", 0, 1000) == REPO_REFUSED_NAME &&
           arrives(repo, "other", "gil", 0, 1000) == REPO_REFUSED_NAME &&
           repo_identity_find_by_id(repo, "other", &identity) == -ENOENT,
       "guests of that name are refused, also those who were let in before");
}

/* ---- sessions ----------------------------------------------------------------------------- */

static int
take_session(void *argument, const struct repo_session *session)
{
    struct repo_session *last = argument;
    if (last->number != 0 && last->number <= session->number)
        return -1;
    *last = *session;
    return 0;
}

static void
test_sessions(struct repo *repo)
{
    struct repo_session_start start = make_start("s1", 10 * HOUR);
    struct repo_session_user user;
    struct repo_session listed = {0};
    int64_t first = 0, second = 0;
    ok(repo_session_begin(repo, "a", "second", NULL, &start, 1, &first) == -ENOENT &&
           !has_session(repo, "s1"),
       "no session begins by another password than is kept");
    ok(repo_session_begin(repo, "a", "first", "second", &start, 1, &first) == 0 && first > 0 &&
           strcmp(account_of(repo, "a").password, "second") == 0,
       "a session begins, and the password is kept in another form");
    second = begin(repo, "a", "s2");
    ok(second > first && repo_session_find(repo, start.hash, 10 * HOUR, &user) == 0 &&
           user.session == first && strcmp(user.id, "a") == 0 && !user.is_admin,
       "a session is found by its token's hash");
    ok(repo_session_find(repo, start.hash, 10 * HOUR + 1, &user) == -ENOENT,
       "an expired one is not");
    ok(repo_sessions_of(repo, "a", 0, take_session, &listed) == 0 && listed.number == first &&
           listed.created == 1 && strcmp(listed.agent, "a browser") == 0,
       "an account's sessions are read, the last one first");
    ok(arrives(repo, "a", NULL, first, HOUR) == REPO_REFUSED_NOT &&
           account_of(repo, "a").seen == HOUR &&
           repo_session_find(repo, start.hash, 51 * HOUR, &user) == 0,
       "who arrives by it was seen, and its end moves on");
    ok(arrives(repo, "b", NULL, first, HOUR) == REPO_REFUSED_SESSION,
       "another user does not arrive by it");
    ok(repo_sessions_extend(repo, &second, 1, 5, 200 * HOUR) == 0 &&
           repo_session_find(repo, hash_of("s2"), 200 * HOUR, &user) == 0,
       "what is in use is extended");

    int64_t before = last_revocation(repo);
    ok(repo_session_revoke(repo, "b", first, 1) == -ENOENT && has_session(repo, "s1"),
       "nobody ends another's session");
    ok(repo_session_revoke(repo, "a", first, 1) == 0 && !has_session(repo, "s1") &&
           has_session(repo, "s2") && repo_session_revoke(repo, "a", first, 1) == -ENOENT,
       "a session ends once");
    struct repo_revocation last = revocation_after(repo, before);
    ok(last.kind == REPO_REVOKED_SESSION && last.session == first &&
           strcmp(last.user_id, "a") == 0 && last.number == before + 1,
       "which is told");
    ok(arrives(repo, "a", NULL, first, HOUR) == REPO_REFUSED_SESSION,
       "nobody arrives by it any more");
}

static void
test_ends(struct repo *repo)
{
    int64_t third = begin(repo, "a", "s3"), before = last_revocation(repo);
    int64_t fourth = begin(repo, "a", "s4");
    ok(repo_sessions_revoke(repo, "a", third, 1) == 0 && has_session(repo, "s3") &&
           !has_session(repo, "s2") && !has_session(repo, "s4"),
       "all other sessions end");
    struct repo_revocation last = revocation_after(repo, before);
    ok(last.kind == REPO_REVOKED_USER && last.session == third && last.newest == fourth,
       "which tells the one that stays, and how far it goes");
    ok(repo_sessions_revoke(repo, "a", third, 1) == 0 && last_revocation(repo) == last.number,
       "where there are none nothing is told");
    begin(repo, "a", "s5");
    ok(repo_account_set_password(repo, "a", "first", "third", third, 1) == -ENOENT &&
           has_session(repo, "s5"),
       "the password is not changed by another one than is kept");
    ok(repo_account_set_password(repo, "a", "second", "third", third, 1) == 0 &&
           has_session(repo, "s3") && !has_session(repo, "s5") &&
           strcmp(account_of(repo, "a").password, "third") == 0,
       "another password ends the other sessions");
    ok(repo_account_set_password(repo, "a", NULL, "fourth", 0, 1) == 0 && !has_session(repo, "s3"),
       "and all of them where somebody else sets it");
    ok(repo_account_set_password(repo, "nobody", NULL, "x", 0, 1) == -ENOENT, "nobody is -ENOENT");
}

static void
test_many_sessions(struct repo *repo)
{
    char token[16];
    int64_t first = begin(repo, "a", "first of many"), before = last_revocation(repo);
    for (int i = 1; i <= REPO_SESSIONS_MAX; i++) {
        snprintf(token, sizeof(token), "m%d", i);
        begin(repo, "a", token);
        if (i == REPO_SESSIONS_MAX - 1)
            require(has_session(repo, "first of many") && last_revocation(repo) == before);
    }
    struct repo_revocation last = revocation_after(repo, before);
    ok(!has_session(repo, "first of many") && has_session(repo, "m1") &&
           last.kind == REPO_REVOKED_SESSION && last.session == first,
       "of more than %d sessions the one that was seen first ends", REPO_SESSIONS_MAX);
    ok(repo_sessions_expire(repo, 1000 * HOUR, 60) == 0 && !has_session(repo, "m1") &&
           has_session(repo, "m100") && repo_sessions_expire(repo, 1000 * HOUR, 60) == 0 &&
           !has_session(repo, "m100"),
       "what expired is removed, piece by piece");
}

/* ---- what is done to accounts ------------------------------------------------------------- */

static void
test_admin_and_ban(struct repo *repo)
{
    struct repo_session_user user;
    int64_t session = begin(repo, "a", "t1"), before = last_revocation(repo);
    ok(repo_account_set_admin(repo, "a", true, 1) == 0 && account_of(repo, "a").is_admin &&
           revocation_after(repo, before).kind == REPO_CHANGED_ADMIN &&
           revocation_after(repo, before).session == 1,
       "an account becomes an admin");
    ok(repo_account_set_admin(repo, "a", false, 1) == 0 && !account_of(repo, "a").is_admin &&
           revocation_after(repo, before).session == 0,
       "and ceases to be one");
    ok(repo_account_ban(repo, "a", 5000, 1) == 0 &&
           revocation_after(repo, before).kind == REPO_REVOKED_BANNED &&
           repo_session_find(repo, hash_of("t1"), 1, &user) == 0 && user.banned_until == 5000,
       "who is banned keeps its session");
    ok(arrives(repo, "a", NULL, session, 4999) == REPO_REFUSED_BANNED &&
           arrives(repo, "a", NULL, session, 5000) == REPO_REFUSED_NOT,
       "and does not arrive by it until then");
    before = last_revocation(repo);
    ok(repo_account_ban(repo, "a", 0, 1) == 0 && last_revocation(repo) == before &&
           arrives(repo, "a", NULL, session, 1) == REPO_REFUSED_NOT,
       "a ban ends, which puts nobody out");
    ok(repo_account_ban(repo, "nobody", 1, 1) == -ENOENT &&
           repo_account_set_admin(repo, "nobody", true, 1) == -ENOENT &&
           last_revocation(repo) == before,
       "nobody is -ENOENT");
}

static int
count_blank(void *argument, const struct repo_message *message)
{
    int *blank = argument;
    bool is_blank = message->text_length == 0 && strcmp(message->sender_name, "gone") == 0;
    *blank += is_blank;
    return strcmp(message->sender_id, "a") == 0 || !is_blank ? 0 : -1;
}

static void
test_delete(struct repo *repo)
{
    struct repo_roll_change joins = {"a", true};
    struct repo_account found;
    int64_t room = add_room(repo, "kitchen"), other = add_room(repo, "hall");
    int64_t before = last_revocation(repo), place = 0;
    for (int i = 0; i < 6; i++) {
        struct repo_post post = make_post(i % 2 == 0 ? "a" : "b", NULL, "text");
        require(append_one(repo, i < 4 ? room : other, &post) == 0);
    }
    require(repo_roll_change(repo, room, 0, &joins, 1) == 0);
    ok(repo_account_delete(repo, "a", 1) == 0 &&
           repo_account_find_by_id(repo, "a", &found) == -ENOENT && !has_session(repo, "t1") &&
           repo_roll_find(repo, room, "a") == -ENOENT &&
           revocation_after(repo, before).kind == REPO_REVOKED_USER,
       "an account goes with its sessions and its places on rolls");
    ok(repo_account_delete(repo, "a", 1) == -ENOENT && create(repo, "a2", "ann") == 0,
       "nobody is -ENOENT, and the name is free");
    bool done = true;
    int blank = 0, pieces = 1;
    require(repo_user_erase(repo, "a", "gone", 2, &place, &done) == 0);
    require(repo_read(repo, room, 0, 9, 9, false, count_blank, &blank) == 0);
    ok(!done && blank == 1, "its messages are blanked in pieces");
    for (; !done && pieces < 9; pieces++)
        require(repo_user_erase(repo, "a", "gone", 2, &place, &done) == 0);
    blank = 0;
    ok(done && repo_read(repo, room, 0, 9, 9, false, count_blank, &blank) == 0 &&
           repo_read(repo, other, 0, 9, 9, false, count_blank, &blank) == 0 && blank == 3,
       "until none is left, and nobody else's");
}

static void
test_expire(struct repo *repo)
{
    int64_t last = last_revocation(repo);
    ok(repo_revocations_expire(repo, INT64_MAX, 1) == 0 && revocation_after(repo, 0).number == last,
       "revocations are removed, piece by piece");
    ok(repo_revocations_expire(repo, INT64_MAX, 1000) == 0 &&
           revocation_after(repo, 0).number == 0 && last_revocation(repo) == last,
       "and their numbers are not used again");
}

int
main(void)
{
    fixture_begin();
    struct repo *repo = open_repo(1000);
    test_create(repo);
    test_invitations(repo);
    test_guests(repo);
    test_sessions(repo);
    test_ends(repo);
    test_many_sessions(repo);
    test_admin_and_ban(repo);
    test_delete(repo);
    test_expire(repo);
    repo_close(&repo);
    return fixture_end();
}
