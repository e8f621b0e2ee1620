/* Work that is shared out: all of it is done, once, under the owner's lock, by several threads. */
#include "rooms/fan_out.h"

#include "test/unit/tap.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define COUNT      1000
#define OWNERS     3
#define ROUNDS     200
#define PATIENCE_S 30

struct task {
    struct lock lock;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t entered;
    unsigned inside;    /* calls that have begun */
    unsigned awaited;   /* the first call goes on when so many have */
    unsigned round;     /* what each counter is to be before */
    unsigned strangers; /* calls of other threads than the owner */
    pthread_t owner;
    bool is_good;
    unsigned done[COUNT];
};

static struct fan_out *fan_out;

static void
begin_task(struct task *task, unsigned awaited)
{
    *task = (struct task){.awaited = awaited, .owner = pthread_self(), .is_good = true};
    lock_init(&task->lock, LOCK_ROOM);
    pthread_mutex_init(&task->mutex, NULL);
    pthread_cond_init(&task->entered, NULL);
}

static void
end_task(struct task *task)
{
    pthread_cond_destroy(&task->entered);
    pthread_mutex_destroy(&task->mutex);
    lock_destroy(&task->lock);
}

static void
work(void *argument, size_t from, size_t to)
{
    struct task *task = argument;
    struct timespec until;
    int error = 0;

    lock_assert_held(&task->lock);
    if (clock_gettime(CLOCK_REALTIME, &until) < 0)
        abort();
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&task->mutex);
    task->inside++;
    bool is_stranger = !pthread_equal(pthread_self(), task->owner);
    task->strangers += is_stranger;
    pthread_cond_broadcast(&task->entered);
    while (task->inside < task->awaited && error == 0)
        error = pthread_cond_timedwait(&task->entered, &task->mutex, &until);
    if (error != 0)
        task->awaited = 0; /* once is enough to know */
    pthread_mutex_unlock(&task->mutex);
    for (size_t i = from; i < to; i++) {
        /* So that the owner is through before. */
        if (is_stranger)
            sched_yield();
        task->done[i]++;
    }
}

/* Has the work done once more; whether each part was done. */
static bool
run(struct task *task, size_t count)
{
    bool is_done = true;

    lock_take(&task->lock);
    fan_out_run(fan_out, &task->lock, count, work, task);
    lock_drop(&task->lock);
    task->round++;
    for (size_t i = 0; i < count; i++)
        is_done = is_done && task->done[i] == task->round;
    return is_done;
}

/* How many other threads of this process sleep. */
static unsigned
count_asleep(void)
{
    unsigned asleep = 0;
    DIR *threads = opendir("/proc/self/task");
    if (threads == NULL)
        abort();
    for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
        char path[64];
        char state = 0;
        snprintf(path, sizeof(path), "/proc/self/task/%.16s/stat", entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "re") : NULL;
        if (file == NULL)
            continue;
        asleep += fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state == 'S';
        fclose(file);
    }
    closedir(threads);
    return asleep;
}

static void
test_alone(void)
{
    static struct task task;

    if (fan_out_open(0, &fan_out) != 0)
        abort();
    begin_task(&task, 1);
    ok(run(&task, COUNT), "without helpers all is done");
    ok(task.strangers == 0, "by the caller");
    end_task(&task);
    fan_out_close(&fan_out);
}

static void
test_helped(void)
{
    static struct task task;

    if (fan_out_open(3, &fan_out) != 0)
        abort();
    begin_task(&task, 4);
    while (count_asleep() < 3)
        sched_yield();
    ok(run(&task, COUNT), "with three helpers all is done, once");
    ok(task.inside >= 4 && task.strangers >= 3, "each of them is woken and takes part");
    ok(run(&task, 1) && task.done[0] == 2, "what has one part only is done as well");
    end_task(&task);
}

static void *
own(void *argument)
{
    struct task *task = argument;

    task->owner = pthread_self();
    for (unsigned i = 0; i < ROUNDS; i++)
        task->is_good = run(task, COUNT - i) && task->is_good;
    return NULL;
}

static void
test_many(void)
{
    static struct task tasks[OWNERS];
    pthread_t threads[OWNERS];
    bool are_good = true;

    for (size_t i = 0; i < OWNERS; i++) {
        begin_task(&tasks[i], 0);
        if (pthread_create(&threads[i], NULL, own, &tasks[i]) != 0)
            abort();
    }
    for (size_t i = 0; i < OWNERS; i++) {
        pthread_join(threads[i], NULL);
        are_good = are_good && tasks[i].is_good;
        end_task(&tasks[i]);
    }
    ok(are_good, "several with work at once have all of it done before they go on");
    fan_out_close(&fan_out);
}

int
main(void)
{
    test_alone();
    test_helped();
    test_many();
    return done_testing();
}
