/* How often, how many failures, how many at once: with a clock that the test moves. */
#include "server/rate_limit.h"

#include "test/unit/tap.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CROWD   100000 /* more keys than a table has */
#define THREADS 4
#define ROUNDS  20000

static bool
take(struct rate_limit *limit, const char *key, int64_t now, int64_t *retry)
{
    return rate_limit_take(limit, key, strlen(key), now, retry);
}

/* How many the key gets at that time, of `wanted`. */
static unsigned
take_many(struct rate_limit *limit, const char *key, int64_t now, unsigned wanted)
{
    int64_t retry;
    unsigned count = 0;

    for (unsigned i = 0; i < wanted; i++)
        count += take(limit, key, now, &retry);
    return count;
}

static struct rate_limit *
open_rate(unsigned count, unsigned burst, int64_t period_ms)
{
    struct rate rate = {.count = count, .burst = burst, .period_ms = period_ms};
    struct rate_limit *limit;

    int error = rate_limit_open(&rate, &limit);
    assert(error == 0);
    return limit;
}

static void
test_rate(void)
{
    struct rate_limit *limit = open_rate(20, 100, 1000);
    int64_t now = 5000000;
    int64_t retry;

    ok(take_many(limit, "ann", now, 1000) == 100, "a burst comes at once, and no more");
    ok(!take(limit, "ann", now, &retry) && retry == 50, "then the time of one has to pass");
    ok(!take(limit, "ann", now + 49, &retry) && retry == 1, "a millisecond is not enough");
    ok(take(limit, "ann", now + 50, &retry) && retry == 0, "when it has passed there is one");
    ok(!take(limit, "ann", now + 50, &retry), "and one only");
    ok(take_many(limit, "ann", now + 1050, 1000) == 20, "in a second there are as many as it says");
    ok(take_many(limit, "bob", now, 1000) == 100, "another key has its own");
    ok(take_many(limit, "ann", now + 3600000, 1000) == 100,
       "a long pause makes no more than a burst");
    rate_limit_give_back(limit, "ann", 3, now + 3600000);
    ok(take_many(limit, "ann", now + 3600000, 1000) == 1, "what is given back can be taken again");
    rate_limit_give_back(limit, "eve", 3, now);
    ok(take_many(limit, "eve", now, 1000) == 100, "giving back what was not taken gives nothing");
    rate_limit_close(&limit);
    ok(limit == NULL, "a limit ends");
    rate_limit_close(&limit);

    limit = open_rate(0, 1, 1000);
    ok(take_many(limit, "ann", now, CROWD) == CROWD, "without a count there is no limit");
    rate_limit_close(&limit);
    limit = open_rate(5, 0, 3600000);
    ok(take_many(limit, "ann", now, 9) == 1, "there is always one at once");
    ok(!take(limit, "ann", now, &retry) && retry == 720000, "some take minutes");
    rate_limit_close(&limit);
}

static void
test_crowd(void)
{
    struct rate_limit *limit = open_rate(1, 10, 1000);
    int64_t now = 1000;
    int64_t retry;
    unsigned refused = 0;

    ok(take_many(limit, "eve", now, 100) == 10, "one uses all that it has");
    for (int i = 0; i < CROWD; i++)
        refused += !rate_limit_take(limit, &i, sizeof(i), now, &retry);
    ok(refused == 0, "many keys that come once are all let in");
    ok(!take(limit, "eve", now, &retry), "and the one who used most is not forgotten for them");
    rate_limit_close(&limit);
}

static bool
attempt(struct failure_limit *limit, const char *key, int64_t now, int64_t *retry)
{
    return failure_limit_take(limit, key, strlen(key), now, retry);
}

static void
test_failures(void)
{
    static const int64_t pauses[] = {30000, 60000, 120000, 240000, 480000, 900000, 900000};
    struct failure_rate rate = {
        .free = 10, .first_ms = 30000, .last_ms = 900000, .forget_ms = 3600000};
    struct failure_limit *limit;
    int64_t now = 7000000;
    int64_t retry;
    unsigned count = 0;

    int error = failure_limit_open(&rate, &limit);
    assert(error == 0);
    for (int i = 0; i < 100; i++)
        count += attempt(limit, "ann", now, &retry);
    ok(count == 10, "ten attempts fail at once, and no more");
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        ok(!attempt(limit, "ann", now, &retry) && retry == pauses[i], "then it takes %lld ms",
           (long long)pauses[i]);
        now += pauses[i];
        ok(!attempt(limit, "ann", now - 1, &retry) && retry == 1, "all of them");
        ok(attempt(limit, "ann", now, &retry), "and there is one");
    }
    ok(attempt(limit, "bob", now, &retry), "another key has failed in nothing");
    failure_limit_give_back(limit, "ann", 3);
    ok(attempt(limit, "ann", now, &retry), "an attempt that was none brings no pause");
    ok(!attempt(limit, "ann", now, &retry) && retry == 900000, "those before it still count");
    failure_limit_forget(limit, "ann", 3);
    ok(attempt(limit, "ann", now, &retry), "what is forgotten counts no more");
    for (int i = 0; i < 9; i++)
        (void)attempt(limit, "ann", now, &retry);
    ok(!attempt(limit, "ann", now, &retry), "what comes after it does");
    now += 30000 + 3600000;
    for (count = 0; attempt(limit, "ann", now, &retry);)
        count++;
    ok(count == 10, "after a long pause all is as in the beginning");
    failure_limit_give_back(limit, "nobody", 6);
    ok(attempt(limit, "nobody", now, &retry), "giving back what was not taken does nothing");
    failure_limit_close(&limit);

    rate.free = 0;
    error = failure_limit_open(&rate, &limit);
    assert(error == 0);
    for (count = 0; count < 1000 && attempt(limit, "ann", now, &retry);)
        count++;
    ok(count == 1000, "without a number of free ones there is no limit");
    failure_limit_give_back(limit, "ann", 3);
    failure_limit_forget(limit, "ann", 3);
    failure_limit_close(&limit);
    failure_limit_close(&limit);
}

static bool
takes(struct counted *counted, const char *key, unsigned count, unsigned maximum,
      struct counted_holder **out)
{
    int error = counted_take(counted, key, strlen(key), count, maximum, out);

    assert(error == 0 || error == -EAGAIN);
    return error == 0;
}

static void
test_counted(void)
{
    static struct counted_holder *crowd[CROWD];
    struct counted_holder *ann[4];
    struct counted_holder *bob;
    struct counted *counted;
    unsigned taken = 0;

    int error = counted_open(&counted);
    assert(error == 0);
    ok(takes(counted, "ann", 1, 2, &ann[0]) && takes(counted, "ann", 1, 2, &ann[1]),
       "as many as may be are");
    ok(!takes(counted, "ann", 1, 2, &ann[2]), "one more is not");
    ok(takes(counted, "ann", 1, 0, &ann[2]), "but where there is no limit");
    ok(takes(counted, "bob", 1, 2, &bob), "another key has its own");
    counted_give(counted, &ann[0], 1);
    ok(ann[0] == NULL, "what is given back is the giver's no more");
    counted_give(counted, &ann[1], 1);
    ok(takes(counted, "ann", 1, 2, &ann[0]), "and can be taken again");
    for (int i = 0; i < CROWD; i++)
        taken += counted_take(counted, &i, sizeof(i), 1, 1, &crowd[i]) == 0;
    ok(taken == CROWD && !takes(counted, "ann", 1, 2, &ann[1]), "none is forgotten for a crowd");
    for (int i = 0; i < CROWD; i++)
        counted_give(counted, &crowd[i], 1);
    ok(!takes(counted, "ann", 1, 2, &ann[1]), "nor when it goes");

    ok(takes(counted, "ann", 0, 0, &ann[3]), "one may begin with none");
    ok(counted_move(counted, ann[3], 0, 5) == 7, "and have more, which is counted with the others");
    ok(!takes(counted, "ann", 3, 9, &ann[1]) && takes(counted, "ann", 2, 9, &ann[1]),
       "several are taken at once or not at all");
    ok(counted_move(counted, ann[3], 5, 1) == 5, "and fewer again");
    counted_give(counted, &ann[3], 1);
    counted_give(counted, &ann[1], 2);
    ok(counted_move(counted, ann[0], 1, 1) == 2, "what is given back counts no more");
    counted_close(&counted);
    ok(counted == NULL, "what is still taken is freed with it");
    counted_close(&counted);
}

static struct rate_limit *shared_rate;
static struct counted *shared_counted;
static atomic_uint shared_taken;
static atomic_uint shared_most;

static void *
take_beside_others(void *argument)
{
    struct counted_holder *holder;
    int64_t retry;

    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        if (rate_limit_take(shared_rate, "all", 3, 1000, &retry))
            atomic_fetch_add(&shared_taken, 1);
        if (takes(shared_counted, "all", 1, 2, &holder)) {
            unsigned count = counted_move(shared_counted, holder, 1, 1);
            if (count > atomic_load(&shared_most))
                atomic_store(&shared_most, count);
            counted_give(shared_counted, &holder, 1);
        }
    }
    return NULL;
}

static void
test_threads(void)
{
    pthread_t threads[THREADS];
    struct counted_holder *holder;

    shared_rate = open_rate(1, 5000, 1000);
    int error = counted_open(&shared_counted);
    assert(error == 0);
    for (int i = 0; i < THREADS; i++) {
        error = pthread_create(&threads[i], NULL, take_beside_others, NULL);
        assert(error == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        error = pthread_join(threads[i], NULL);
        assert(error == 0);
    }
    ok(atomic_load(&shared_taken) == 5000, "several threads together get what one would");
    ok(atomic_load(&shared_most) <= 2, "and never more at once than may be");
    ok(takes(shared_counted, "all", 2, 2, &holder), "what they gave back is free");
    counted_give(shared_counted, &holder, 2);
    rate_limit_close(&shared_rate);
    counted_close(&shared_counted);
}

int
main(void)
{
    test_rate();
    test_crowd();
    test_failures();
    test_counted();
    test_threads();
    return done_testing();
}
