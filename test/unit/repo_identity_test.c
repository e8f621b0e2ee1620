/* Users who come and go and may come back: identities, arrivals and departures. */
#include "repo/repo.h"
#include "repo/sqlite.h"
#include "test/unit/repo_fixture.h"

#include <sys/resource.h>
#include <sys/stat.h>

#define HOUR INT64_C(3600000)

/* The user's token hash is its id, filled up. */
static struct repo_arrival
make_arrival(const char *id, const char *instance, int64_t expires, int64_t seen)
{
    struct repo_arrival arrival = {.expires = expires, .seen = seen};
    snprintf(arrival.user.id, sizeof(arrival.user.id), "%s", id);
    snprintf(arrival.user.name, sizeof(arrival.user.name), "name of %.50s", id);
    snprintf(arrival.user.instance, sizeof(arrival.user.instance), "%s", instance);
    snprintf((char *)arrival.token_hash, sizeof(arrival.token_hash), "%.30s", id);
    return arrival;
}

static int
arrive(struct repo *repo, const char *id, const char *instance, int64_t expires, int64_t seen)
{
    struct repo_arrival arrival = make_arrival(id, instance, expires, seen);
    return repo_users_arrive(repo, &arrival, 1);
}

static struct repo_departure
make_departure(const char *id, const char *instance, int64_t seen)
{
    struct repo_departure departure = {.seen = seen, .is_last = true};
    snprintf(departure.user.id, sizeof(departure.user.id), "%s", id);
    snprintf(departure.user.instance, sizeof(departure.user.instance), "%s", instance);
    return departure;
}

/* Whether the departure worked, and said this about being the last one. */
static bool
departs(struct repo *repo, const char *id, const char *instance, int64_t seen, bool is_last)
{
    struct repo_departure departure = make_departure(id, instance, seen);
    return repo_users_depart(repo, &departure, 1) == 0 && departure.is_last == is_last;
}

static int
find(struct repo *repo, const char *id, int64_t now, struct repo_identity *out)
{
    struct repo_arrival arrival = make_arrival(id, "", 0, 0);
    return repo_identity_find(repo, arrival.token_hash, now, out);
}

static struct repo_identity
identity_of(struct repo *repo, const char *id)
{
    struct repo_identity identity;
    require(repo_identity_find_by_id(repo, id, &identity) == 0);
    return identity;
}

static bool
is_online(struct repo *repo, const char *id)
{
    struct repo_user user;
    int error = repo_user_find_by_id(repo, id, &user);
    require(error == 0 || error == -ENOENT);
    return error == 0;
}

static uint64_t
users_version(struct repo *repo)
{
    uint64_t version = 0;
    require(repo_users_version(repo, &version) == 0);
    return version;
}

/* ---- arriving and being found ------------------------------------------------------------- */

static void
test_new_user(struct repo *repo)
{
    struct repo_identity found = {0};
    struct repo_user user;
    uint64_t version = users_version(repo);
    ok(find(repo, "ann", 0, &found) == -ENOENT &&
           repo_identity_find_by_id(repo, "ann", &found) == -ENOENT,
       "nobody is -ENOENT");
    ok(arrive(repo, "ann", "one", 100 * HOUR, 50) == 0 && users_version(repo) != version,
       "a new user arrives, which changes the users' version");
    ok(find(repo, "ann", 100 * HOUR, &found) == 0 && strcmp(found.id, "ann") == 0 &&
           strcmp(found.name, "name of ann") == 0 && found.expires == 100 * HOUR &&
           found.seen == 50,
       "and is found by the token's hash until that expires");
    ok(find(repo, "ann", 100 * HOUR + 1, &found) == -ENOENT, "and not when it has");
    ok(identity_of(repo, "ann").seen == 50, "but still by the id");
    ok(repo_user_find_by_id(repo, "ann", &user) == 0 && strcmp(user.name, "name of ann") == 0 &&
           strcmp(user.instance, "one") == 0,
       "and is online");
    ok(repo_users_arrive(repo, NULL, 0) == 0, "no arrival at all is no failure");
}

static void
test_known_user(struct repo *repo)
{
    struct repo_arrival other = make_arrival("ann", "two", 0, 0);
    struct repo_identity found;
    snprintf(other.user.name, sizeof(other.user.name), "another name");
    memset(other.token_hash, 'o', sizeof(other.token_hash));
    ok(arrive(repo, "ann", "two", 101 * HOUR - 1, 60) == 0 &&
           identity_of(repo, "ann").expires == 100 * HOUR && identity_of(repo, "ann").seen == 60,
       "of who comes back, the time is stored; the end does not move for less than an hour");
    ok(arrive(repo, "ann", "two", 101 * HOUR, 60) == 0 &&
           identity_of(repo, "ann").expires == 101 * HOUR,
       "but does for an hour");
    ok(arrive(repo, "ann", "two", 20 * HOUR, 40) == 0 &&
           identity_of(repo, "ann").expires == 101 * HOUR && identity_of(repo, "ann").seen == 60,
       "and neither goes back");
    ok(repo_users_arrive(repo, &other, 1) == 0 && find(repo, "ann", 0, &found) == 0 &&
           strcmp(found.name, "name of ann") == 0 &&
           repo_identity_find(repo, other.token_hash, 0, &found) == -ENOENT,
       "name and token stay the first ones");
}

static void
test_same_token(struct repo *repo)
{
    struct repo_arrival arrivals[2] = {make_arrival("fay", "one", HOUR, 1),
                                       make_arrival("gil", "one", HOUR, 1)};
    struct repo_identity found;
    uint64_t version = users_version(repo);
    memcpy(arrivals[1].token_hash, arrivals[0].token_hash, sizeof(arrivals[0].token_hash));
    ok(repo_users_arrive(repo, arrivals, 2) == -EEXIST, "no two users have one token");
    ok(repo_identity_find_by_id(repo, "fay", &found) == -ENOENT && !is_online(repo, "fay") &&
           !is_online(repo, "gil") && users_version(repo) == version,
       "and when one of several cannot arrive, none does");
}

/* ---- departing ---------------------------------------------------------------------------- */

static void
test_depart(struct repo *repo)
{
    require(arrive(repo, "bob", "one", 100 * HOUR, 10) == 0);
    require(arrive(repo, "bob", "two", 100 * HOUR, 20) == 0);
    uint64_t version = users_version(repo);
    ok(departs(repo, "bob", "one", 30, false) && is_online(repo, "bob") &&
           users_version(repo) != version,
       "who leaves one of two instances is still online");
    ok(identity_of(repo, "bob").seen == 30, "and was seen then");
    version = users_version(repo);
    ok(departs(repo, "bob", "one", 25, false) && identity_of(repo, "bob").seen == 30 &&
           users_version(repo) == version,
       "who is gone from there leaves once; the time does not go back");
    ok(departs(repo, "bob", "two", 40, true) && !is_online(repo, "bob") &&
           identity_of(repo, "bob").seen == 40,
       "who leaves the last instance is told so");
    ok(departs(repo, "bob", "two", 50, false) && identity_of(repo, "bob").seen == 50,
       "once; the time is stored all the same");
    ok(departs(repo, "nobody", "one", 50, false), "somebody unknown may leave");

    require(arrive(repo, "bob", "one", 100 * HOUR, 60) == 0);
    require(arrive(repo, "bob", "two", 100 * HOUR, 60) == 0);
    require(arrive(repo, "cid", "two", 100 * HOUR, 60) == 0);
    struct repo_departure several[] = {make_departure("bob", "one", 70),
                                       make_departure("cid", "two", 71),
                                       make_departure("bob", "two", 72)};
    ok(repo_users_depart(repo, several, 3) == 0 && !several[0].is_last && several[1].is_last &&
           several[2].is_last && identity_of(repo, "bob").seen == 72,
       "several leave at once, each with its own answer");
    ok(repo_users_depart(repo, NULL, 0) == 0, "and none at all");

    struct repo_user plain = {"dan", "Dan", "one"};
    require(repo_users_add(repo, &plain, 1) == 0);
    ok(departs(repo, "dan", "one", 10, true), "so does a user without an identity");
}

/* ---- expiring ----------------------------------------------------------------------------- */

static bool
expires(struct repo *repo, int64_t now, size_t limit, size_t expected)
{
    size_t removed = 99;
    int error = repo_identities_expire(repo, now, limit, &removed);
    if (error != 0 || removed != expected)
        printf("# error %d, %zu removed\n", error, removed);
    return error == 0 && removed == expected;
}

static void
test_expire(struct repo *repo)
{
    static const char *const ids[] = {"e1", "e2", "e3", "e4"};
    int64_t rooms[2] = {add_room(repo, "expire"), add_room(repo, "expire too")};
    struct repo_identity found;
    struct repo_statistics before, after;
    for (int i = 0; i < 4; i++) {
        struct repo_roll_change joins = {ids[i], true};
        require(arrive(repo, ids[i], "one", 10 + i, 5) == 0);
        require(repo_roll_change(repo, rooms[0], &joins, 1) == 0 &&
                repo_roll_change(repo, rooms[1], &joins, 1) == 0);
        require(i == 3 || departs(repo, ids[i], "one", 6, true));
    }
    repo_statistics(repo, &before);
    bool none = expires(repo, 10, 100, 0);
    repo_statistics(repo, &after);
    ok(none && before.commits == after.commits, "nothing expires before its time, or is written");
    ok(expires(repo, 13, 2, 2) && repo_identity_find_by_id(repo, "e1", &found) == -ENOENT &&
           repo_identity_find_by_id(repo, "e2", &found) == -ENOENT &&
           repo_identity_find_by_id(repo, "e3", &found) == 0,
       "the oldest ones expire first, as many as are asked for");
    ok(repo_roll_find(repo, rooms[0], "e1") == -ENOENT &&
           repo_roll_find(repo, rooms[1], "e2") == -ENOENT &&
           repo_roll_find(repo, rooms[1], "e3") == 0,
       "and are on no roll any more");
    ok(expires(repo, 13, SIZE_MAX, 1) && expires(repo, 13, SIZE_MAX, 0), "then the rest");
    ok(expires(repo, 14, 100, 0) && repo_identity_find_by_id(repo, "e4", &found) == 0 &&
           repo_roll_find(repo, rooms[0], "e4") == 0,
       "who is online does not expire");
    ok(departs(repo, "e4", "one", 20, true) && expires(repo, 14, 100, 1),
       "but does when that is over");
    ok(arrive(repo, "e4", "one", 100 * HOUR, 30) == 0 && find(repo, "e4", 30, &found) == 0,
       "and may begin anew");
}

int
main(void)
{
    fixture_begin();
    struct repo *repo = open_repo(1000);
    test_new_user(repo);
    test_known_user(repo);
    test_same_token(repo);
    test_depart(repo);
    test_expire(repo);
    repo_close(&repo);
    return fixture_end();
}
