#include "pubsub/inbox.h"

#include <assert.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>

#include "pubsub/lock.h"

#define BACKLOG_FAIR 1024u /* messages; up to here nobody needs to wait for the subscriber */

static void
init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(condition, &attributes));
    must(pthread_condattr_destroy(&attributes));
}

void
inbox_init(struct inbox *inbox, int wake)
{
    *inbox = (struct inbox){.wake = wake};
    init_condition(&inbox->arrived);
    init_condition(&inbox->drained);
}

void
inbox_destroy(struct inbox *inbox)
{
    assert(inbox->publishers_waiting == 0 && (inbox->wake >= 0 || !inbox->subscriber_waiting));
    must(pthread_cond_destroy(&inbox->arrived));
    must(pthread_cond_destroy(&inbox->drained));
    message_queue_release(&inbox->queue);
}

static void
wake_subscriber(struct inbox *inbox)
{
    if (!inbox->subscriber_waiting)
        return;
    inbox->subscriber_waiting = false;
    if (inbox->wake >= 0)
        must(eventfd_write(inbox->wake, 1));
    else
        must(pthread_cond_signal(&inbox->arrived));
}

static void
wake_publishers(struct inbox *inbox)
{
    if (inbox->publishers_waiting > 0)
        must(pthread_cond_broadcast(&inbox->drained));
}

void
inbox_put(struct inbox *inbox, struct message *const *messages, size_t count)
{
    if (inbox->stopped)
        return;
    if (message_queue_push(&inbox->queue, messages, count) < count)
        inbox_nudge(inbox);
    wake_subscriber(inbox);
}

void
inbox_nudge(struct inbox *inbox)
{
    if (inbox->nudged)
        return;
    inbox->nudged = true;
    inbox->before_nudge = inbox->queue.length;
    wake_subscriber(inbox);
}

void
inbox_stop(struct inbox *inbox)
{
    inbox->stopped = true;
    wake_subscriber(inbox);
    wake_publishers(inbox);
}

static struct timespec
deadline_in(int timeout_ms)
{
    struct timespec deadline;

    must(clock_gettime(CLOCK_MONOTONIC, &deadline));
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (deadline.tv_nsec >= 1000000000L) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000L;
    }
    return deadline;
}

/* Waits for something to receive; gives up at the deadline, if there is one. */
static void
wait_arrived(struct inbox *inbox, pthread_mutex_t *mutex, const struct timespec *deadline)
{
    int error = 0;

    while (error == 0 && inbox->queue.length == 0 && !inbox->nudged && !inbox->stopped) {
        inbox->subscriber_waiting = true;
        if (deadline == NULL)
            error = pthread_cond_wait(&inbox->arrived, mutex);
        else
            error = pthread_cond_timedwait(&inbox->arrived, mutex, deadline);
        inbox->subscriber_waiting = false;
        assert(error == 0 || error == ETIMEDOUT);
    }
}

/* Takes the messages that come before the nudge, if there is one. */
static size_t
take_messages(struct inbox *inbox, struct message **messages, size_t capacity)
{
    size_t count = capacity;

    if (inbox->nudged && count > inbox->before_nudge)
        count = inbox->before_nudge;
    count = message_queue_pop(&inbox->queue, messages, count);
    if (inbox->nudged)
        inbox->before_nudge -= count;
    if (inbox->queue.length <= BACKLOG_FAIR)
        wake_publishers(inbox);
    return count;
}

int
inbox_take(struct inbox *inbox, struct message **messages, size_t capacity)
{
    size_t count;

    inbox->subscriber_waiting = false;
    if (inbox->stopped)
        return -ESHUTDOWN;
    if (inbox->nudged && inbox->before_nudge == 0) {
        inbox->nudged = false;
        return 0;
    }
    count = take_messages(inbox, messages, capacity);
    if (count > 0)
        return (int)count;
    inbox->subscriber_waiting = inbox->wake >= 0;
    return -EAGAIN;
}

int
inbox_receive(struct inbox *inbox, pthread_mutex_t *mutex, struct message **messages,
              size_t capacity, int timeout_ms)
{
    struct timespec deadline = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
    int result;

    wait_arrived(inbox, mutex, timeout_ms < 0 ? NULL : &deadline);
    result = inbox_take(inbox, messages, capacity);
    return result == -EAGAIN ? 0 : result;
}

void
inbox_wait_ready(struct inbox *inbox, pthread_mutex_t *mutex)
{
    inbox->publishers_waiting++;
    while (inbox->queue.length > BACKLOG_FAIR && !inbox->stopped)
        must(pthread_cond_wait(&inbox->drained, mutex));
    inbox->publishers_waiting--;
}
