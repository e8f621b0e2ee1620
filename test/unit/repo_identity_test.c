/* Users who come and go and may come back: identities, arrivals and departures. */
#include "repo/repo.h"
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
    ok(find(repo, "ann", 100 * HOUR + 1, &found) == 0, "or, as long as the user is online, longer");
    ok(arrive(repo, "gone", "one", 100 * HOUR, 50) == 0 && departs(repo, "gone", "one", 60, true),
       "another one comes and goes");
    ok(find(repo, "gone", 100 * HOUR + 1, &found) == -ENOENT, "and is not found by it then");
    struct repo_departure later = make_departure("gone", "one", 70);
    later.expires = 200 * HOUR;
    ok(arrive(repo, "gone", "one", 100 * HOUR, 65) == 0 &&
           repo_users_depart(repo, &later, 1) == 0 &&
           identity_of(repo, "gone").expires == 200 * HOUR,
       "who goes may come back for as long again");
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
        require(repo_roll_change(repo, rooms[0], 0, &joins, 1) == 0 &&
                repo_roll_change(repo, rooms[1], 0, &joins, 1) == 0);
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

/* ---- cost --------------------------------------------------------------------------------- */

struct costs {
    long arrive, depart, find, expire, removal;
};

static struct costs
measure(struct repo *repo, int64_t now)
{
    struct costs costs;
    struct repo_identity found;
    count_steps(repo);
    require(arrive(repo, "known", "two", 200 * HOUR, now) == 0);
    costs.arrive = count_steps(repo);
    require(departs(repo, "known", "two", now + 1, true));
    costs.depart = count_steps(repo);
    require(find(repo, "known", 0, &found) == 0);
    costs.find = count_steps(repo);
    require(expires(repo, 5, 100, 0));
    costs.expire = count_steps(repo);
    require(arrive(repo, "old", "one", 4, 1) == 0 && departs(repo, "old", "one", 2, true));
    count_steps(repo);
    require(expires(repo, 5, 100, 1));
    costs.removal = count_steps(repo);
    return costs;
}

static void
test_cost(struct repo *repo)
{
    int64_t room = add_room(repo, "cost");
    struct costs small, large;
    char id[24];
    require(arrive(repo, "known", "one", 200 * HOUR, 1) == 0 &&
            departs(repo, "known", "one", 2, true));
    measure(repo, 10); /* prepares the statements */
    small = measure(repo, 20);
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "%d", i);
        struct repo_roll_change joins = {id, true};
        require(arrive(repo, id, "one", 100 * HOUR + i, 1) == 0 &&
                repo_roll_change(repo, room, 0, &joins, 1) == 0);
    }
    large = measure(repo, 30);
    ok(large.arrive == small.arrive && large.depart == small.depart && large.find == small.find,
       "to arrive, to depart and to be found cost the same among many: %ld, %ld, %ld steps",
       large.arrive, large.depart, large.find);
    ok(large.expire == small.expire, "so does looking for who has expired: %ld", large.expire);
    ok(large.removal == small.removal, "and removing somebody: %ld", large.removal);
}

/* ---- a full disk -------------------------------------------------------------------------- */

/* Lets the log grow no further, or lifts that again. */
static void
limit_log(bool limits)
{
    char path[160];
    struct stat status;
    struct rlimit limit;
    snprintf(path, sizeof(path), "%s-wal", fixture_path);
    require(stat(path, &status) == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = limits ? (rlim_t)status.st_size : limit.rlim_max;
    require(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void
test_full_disk(struct repo *repo)
{
    int64_t room = add_room(repo, "full");
    struct repo_roll_change on[] = {{"here", true}, {"late", true}};
    struct repo_roll_change off[] = {{"next", true}, {"here", false}};
    struct repo_arrival arrivals[] = {make_arrival("next", "full", HOUR, 1),
                                      make_arrival("here", "full", 90 * HOUR, 70)};
    struct repo_departure departure = make_departure("here", "full", 80);
    struct repo_identity found;
    size_t removed = 7;
    bool was_held;
    require(arrive(repo, "here", "full", HOUR, 50) == 0);
    require(arrive(repo, "late", "full", 9, 5) == 0 && departs(repo, "late", "full", 6, true));
    require(repo_roll_change(repo, room, 0, on, 2) == 0);
    require(repo_lease_renew(repo, "full", 100, &was_held) == 0);
    uint64_t version = users_version(repo);

    limit_log(true);
    ok(repo_users_arrive(repo, arrivals, 2) == -ENOSPC && !is_online(repo, "next") &&
           repo_identity_find_by_id(repo, "next", &found) == -ENOENT &&
           identity_of(repo, "here").expires == HOUR && identity_of(repo, "here").seen == 50,
       "on a full disk nobody arrives, and nothing of it is stored");
    ok(repo_users_depart(repo, &departure, 1) == -ENOSPC && !departure.is_last &&
           is_online(repo, "here") && identity_of(repo, "here").seen == 50 &&
           users_version(repo) == version,
       "nor does anybody depart");
    ok(repo_roll_change(repo, room, 0, off, 2) == -ENOSPC &&
           repo_roll_find(repo, room, "next") == -ENOENT && repo_roll_find(repo, room, "here") == 0,
       "no roll changes");
    ok(repo_identities_expire(repo, 10, 9, &removed) == -ENOSPC && removed == 7 &&
           identity_of(repo, "late").expires == 9 && repo_roll_find(repo, room, "late") == 0,
       "nobody expires");
    ok(repo_lease_release(repo, "full", 900) == -ENOSPC &&
           repo_lease_release(repo, "full", 0) == -ENOSPC && is_online(repo, "here"),
       "and no lease is given back");
    limit_log(false);
    ok(repo_users_arrive(repo, arrivals, 2) == 0 && repo_roll_change(repo, room, 0, off, 2) == 0 &&
           repo_users_depart(repo, &departure, 1) == 0 && departure.is_last &&
           expires(repo, 10, 9, 1) && is_online(repo, "next") &&
           repo_roll_find(repo, room, "next") == 0 && repo_roll_find(repo, room, "late") == -ENOENT,
       "when there is room again, all of it works by itself");
}

/* Identities and rolls are what has to outlive the process. */
static void
test_reopen(struct repo **repo)
{
    struct repo_identity found;
    struct repo_room room;
    repo_close(repo);
    *repo = open_repo(1000);
    require(repo_room_find_by_name(*repo, "full", &room) == 0);
    ok(find(*repo, "next", HOUR, &found) == 0 && strcmp(found.id, "next") == 0 &&
           repo_roll_find(*repo, room.number, "next") == 0,
       "identities and rolls are there after a restart");
}

int
main(void)
{
    fixture_begin();
    signal(SIGXFSZ, SIG_IGN);
    struct repo *repo = open_repo(1000);
    test_new_user(repo);
    test_known_user(repo);
    test_same_token(repo);
    test_depart(repo);
    test_expire(repo);
    test_cost(repo);
    repo_close(&repo);
    /* A new file, whose log grows with each transaction, as it does not begin anew so soon. */
    fixture_clear();
    repo = open_repo(1000);
    test_full_disk(repo);
    test_reopen(&repo);
    repo_close(&repo);
    return fixture_end();
}
