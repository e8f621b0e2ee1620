/*
 * The bus of many instances: within the process as the local one, and through a Redis between them.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/payload.h"
#include "pubsub/redis_channel.h"

static void
redis_status(struct pubsub *base, struct pubsub_status *status)
{
    struct redis_bus *bus = (struct redis_bus *)base;

    *status = (struct pubsub_status){
        .kind = "redis",
        .reconnects = atomic_load_explicit(&bus->endpoint.reconnects, memory_order_relaxed),
        .invalid = atomic_load_explicit(&bus->endpoint.invalid, memory_order_relaxed),
        .replayed = atomic_load_explicit(&bus->replayed, memory_order_relaxed),
        .received = atomic_load_explicit(&bus->received, memory_order_relaxed),
        .channels = topics_count_subscriptions(&bus->topics),
        .subscribed = atomic_load(&bus->subscribed),
    };
    publisher_status(&bus->publisher, status);
}

/* Frees what does not depend on the publisher. */
static void
bus_free(struct redis_bus *bus)
{
    redis_addresses_close(&bus->endpoint.addresses);
    redis_log_destroy(&bus->endpoint.log);
    topics_destroy(&bus->topics);
    sodium_memzero(bus, sizeof(*bus));
    free(bus);
}

static void
redis_close(struct pubsub *base)
{
    struct redis_bus *bus = (struct redis_bus *)base;

    publisher_stop(&bus->publisher);
    bus_free(bus);
}

static const struct pubsub_ops redis_ops = {
    .close = redis_close,
    .status = redis_status,
    .channel_open = redis_channel_open,
    .publish = redis_channel_publish,
    .publish_elsewhere = redis_channel_publish_elsewhere,
    .receive = redis_channel_receive,
    .nudge = redis_channel_nudge,
    .wait_ready = redis_channel_wait_ready,
    .stop = redis_channel_stop,
    .channel_close = redis_channel_close,
};

/* Reads the options into the endpoint. Errors: -EINVAL, with what is wrong in `why`. */
static int
read_options(const struct pubsub_redis_options *options, struct redis_url *url, char *why,
             size_t why_size)
{
    char problem[256];

    if (redis_url_parse(options->url, url, problem, sizeof(problem)) != 0) {
        snprintf(why, why_size, "the Redis URL is malformed: %s", problem);
        return -EINVAL;
    }
    if (options->password != NULL) {
        if (strlen(options->password) >= sizeof(url->password)) {
            snprintf(why, why_size, "the password for Redis is too long");
            return -EINVAL;
        }
        snprintf(url->password, sizeof(url->password), "%s", options->password);
        url->has_password = true;
    }
    if (url->user[0] != '\0' && !url->has_password) {
        snprintf(why, why_size, "the Redis URL has a user, but there is no password");
        return -EINVAL;
    }
    if (!payload_is_instance(options->instance)) {
        snprintf(why, why_size, "the id of the instance is not 1 to %d letters, digits and -._",
                 PUBSUB_INSTANCE_MAX);
        return -EINVAL;
    }
    return 0;
}

int
pubsub_open_redis(const struct pubsub_redis_options *options, struct pubsub **out, char *why,
                  size_t why_size)
{
    struct redis_bus *bus = NULL;
    struct redis_url url;
    int error = read_options(options, &url, why, why_size);

    if (error != 0)
        goto clear_url;
    bus = calloc(1, sizeof(*bus));
    if (bus == NULL)
        error = -ENOMEM;
    else if (sodium_init() < 0)
        error = -EIO;
    else
        error = redis_addresses_open(&url, &bus->endpoint.addresses);
    if (error != 0)
        goto free_bus;
    bus->base.ops = &redis_ops;
    bus->endpoint.url = url;
    snprintf(bus->endpoint.instance, sizeof(bus->endpoint.instance), "%s", options->instance);
    memcpy(bus->key, options->key, sizeof(bus->key));
    redis_log_init(&bus->endpoint.log, options->log, &url);
    topics_init(&bus->topics);
    error = publisher_start(&bus->publisher, &bus->endpoint, bus->key);
    if (error == 0) {
        *out = &bus->base;
        goto clear_url;
    }
    bus_free(bus);
    bus = NULL;

free_bus:
    free(bus);
    snprintf(why, why_size, "the connection to Redis cannot be prepared: %s", strerror(-error));
clear_url:
    sodium_memzero(&url, sizeof(url));
    return error;
}
