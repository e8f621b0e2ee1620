#include "server/counters.h"

#include "pubsub/pubsub.h"
#include "repo/repo.h"
#include "rooms/lobby.h"
#include "rooms/registry.h"
#include "server/answer.h"
#include "server/hasher.h"
#include "server/reception.h"
#include "server/server.h"

#include <civetweb.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
send_text(struct mg_connection *connection, const char *type, const char *text, size_t length)
{
    const char *method = mg_get_request_info(connection)->request_method;

    if (!answer_is_head(connection) && strcmp(method, "GET") != 0) {
        answer_text(connection, "405 Method Not Allowed\r\nAllow: GET, HEAD", type, "", 0);
        return 405;
    }
    answer_text(connection, "200 OK", type, text, length);
    return 200;
}

/* What people want to know of the bus: how far this instance is one chat with the others. */
static bool
add_bus(cJSON *root, const struct pubsub_status *bus, uint64_t repaired)
{
    cJSON *redis = cJSON_AddObjectToObject(root, "redis");

    return cJSON_AddBoolToObject(redis, "up", bus->up) != NULL &&
           cJSON_AddNumberToObject(redis, "since", (double)bus->since) != NULL &&
           cJSON_AddNumberToObject(redis, "reconnects", (double)bus->reconnects) != NULL &&
           cJSON_AddNumberToObject(redis, "published", (double)bus->published) != NULL &&
           cJSON_AddNumberToObject(redis, "received", (double)bus->received) != NULL &&
           cJSON_AddNumberToObject(redis, "dropped", (double)bus->dropped) != NULL &&
           cJSON_AddNumberToObject(redis, "channels", (double)bus->channels) != NULL &&
           cJSON_AddNumberToObject(redis, "subscribed", (double)bus->subscribed) != NULL &&
           cJSON_AddNumberToObject(redis, "repaired", (double)repaired) != NULL;
}

int
counters_serve_health(struct server *server, struct mg_connection *connection)
{
    struct pubsub_status bus;
    char *text = NULL;
    int status = 503;

    pubsub_status(server->pubsub, &bus);
    bool is_redis = strcmp(bus.kind, "redis") == 0;
    bool is_degraded = is_redis && (!bus.up || bus.subscribed < bus.channels);
    cJSON *root = cJSON_CreateObject();
    if (cJSON_AddStringToObject(root, "status", is_degraded ? "degraded" : "ok") != NULL &&
        cJSON_AddStringToObject(root, "version", CHATD_VERSION) != NULL &&
        cJSON_AddStringToObject(root, "instance", server->rooms.instance) != NULL &&
        (!is_redis || add_bus(root, &bus, atomic_load(&server->rooms.counters.repaired))))
        text = cJSON_PrintUnformatted(root);
    if (text != NULL)
        status = send_text(connection, "application/json; charset=utf-8", text, strlen(text));
    else
        mg_send_http_error(connection, 503, "out of memory");
    cJSON_free(text);
    cJSON_Delete(root);
    return status;
}

/* Reads the one line that a file of proc(5) has; false where it cannot be read. */
static bool
read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return false;
    bool is_read = fgets(line, size, file) != NULL;
    fclose(file);
    return is_read;
}

/* The number of this process's threads, or 0 where it cannot be read: field 20 of proc(5)'s stat. */
static uint64_t
thread_count(void)
{
    char line[1024];

    if (!read_line("/proc/self/stat", line, sizeof(line)))
        return 0;
    const char *at = strrchr(line, ')');
    for (int field = 2; at != NULL && field < 20; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

/* Resident memory in bytes, or 0: the second field of proc(5)'s statm, in pages. */
static uint64_t
resident_bytes(void)
{
    char line[128];

    if (!read_line("/proc/self/statm", line, sizeof(line)))
        return 0;
    const char *second = strchr(line, ' ');
    uint64_t pages = second != NULL ? strtoull(second, NULL, 10) : 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct metric {
    const char *name;
    const char *type;
    const char *help;
    uint64_t value;
};

static void
print_metrics(FILE *stream, const struct metric *metrics, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", metrics[i].name,
                metrics[i].help, metrics[i].name, metrics[i].type, metrics[i].name,
                metrics[i].value);
}

/* The process, and its connections. */
static void
write_client_metrics(FILE *stream, struct server *server)
{
    const struct server_counters *counters = &server->counters;
    struct reception_counters reception;

    reception_count(&reception);
    const struct metric metrics[] = {
        {"chatd_clients", "gauge", "Connections open.", atomic_load(&server->clients)},
        {"chatd_users_online", "gauge", "Users online, on every instance.",
         lobby_online(server->rooms.lobby)},
        {"chatd_rooms", "gauge", "Rooms running.", registry_count(server->rooms.registry)},
        {"chatd_threads", "gauge", "Threads of the process.", thread_count()},
        {"chatd_resident_bytes", "gauge", "Resident memory.", resident_bytes()},
        {"chatd_outbox_bytes", "gauge", "Bytes that wait for clients that read slowly.",
         (uint64_t)atomic_load(&counters->outbox_bytes)},
        {"chatd_rooms_backlog", "gauge", "Requests that wait in the rooms' mailboxes.",
         registry_backlog(server->rooms.registry)},
        {"chatd_lobby_backlog", "gauge", "Arrivals and departures that wait to be stored.",
         lobby_backlog(server->rooms.lobby)},
        {"chatd_hashers", "gauge", "Processes for passwords.", hasher_processes(server->hasher)},
        {"chatd_requests_waiting", "gauge", "Connections whose request is not whole yet.",
         reception.waiting},
        {"chatd_requests_timed_out_total", "counter", "Requests that were not whole in time.",
         reception.timed_out},
        {"chatd_requests_displaced_total", "counter",
         "Requests that were not whole when too many of these waited.", reception.displaced},
        {"chatd_clients_accepted_total", "counter", "Connections that became clients.",
         atomic_load(&counters->accepted)},
        {"chatd_clients_deflating_total", "counter", "Of these, connections with compression.",
         atomic_load(&counters->deflating)},
        {"chatd_deflate_plain_bytes_total", "counter",
         "Bytes for clients with compression, before it.", atomic_load(&counters->plain_bytes)},
        {"chatd_deflate_bytes_total", "counter", "Bytes for clients with compression, after it.",
         atomic_load(&counters->deflated_bytes)},
        {"chatd_clients_refused_total", "counter", "Upgrades that were refused.",
         atomic_load(&counters->refused)},
        {"chatd_slow_clients_closed_total", "counter", "Clients closed for reading too slowly.",
         atomic_load(&counters->slow_closed)},
        {"chatd_hints_dropped_total", "counter",
         "Notices and the like that were not sent to clients that read slowly.",
         atomic_load(&counters->hints_dropped)},
        {"chatd_protocol_errors_closed_total", "counter",
         "Clients closed for breaking the WebSocket protocol.",
         atomic_load(&counters->protocol_closed)},
        {"chatd_timed_out_clients_total", "counter", "Clients from whom nothing came any more.",
         atomic_load(&counters->timed_out)},
        {"chatd_command_errors_total", "counter", "Commands answered with an error at once.",
         atomic_load(&counters->errors)},
    };
    print_metrics(stream, metrics, sizeof(metrics) / sizeof(metrics[0]));
}

/* Messages: on their way through rooms, the bus and the repository. */
static void
write_message_metrics(FILE *stream, struct server *server)
{
    const struct rooms_counters *rooms = &server->rooms.counters;
    struct repo_statistics stored;
    struct pubsub_status bus;

    repo_statistics(server->repo, &stored);
    pubsub_status(server->pubsub, &bus);
    const struct metric metrics[] = {
        {"chatd_posts_total", "counter", "Messages that rooms were asked to store.",
         atomic_load(&rooms->posts)},
        {"chatd_messages_stored_total", "counter", "Messages stored.", stored.messages},
        {"chatd_deliveries_total", "counter", "Messages handed to members, each counted.",
         atomic_load(&rooms->deliveries)},
        {"chatd_repaired_gaps_total", "counter",
         "Messages read from the repository since the bus did not bring them.",
         atomic_load(&rooms->repaired)},
        {"chatd_invalid_payloads_total", "counter", "Payloads of the bus that were refused.",
         atomic_load(&rooms->invalid_payloads) + bus.invalid},
        {"chatd_replayed_payloads_total", "counter",
         "Payloads of the bus that were taken before, or came too late.", bus.replayed},
        {"chatd_bus_up", "gauge", "1 while other instances are reached.", bus.up},
        {"chatd_bus_reconnects_total", "counter", "Connections to Redis that stand again.",
         bus.reconnects},
        {"chatd_bus_published_total", "counter", "Messages that Redis has taken.", bus.published},
        {"chatd_bus_received_total", "counter", "Messages from other instances.", bus.received},
        {"chatd_bus_dropped_total", "counter", "Messages that were not sent to Redis.",
         bus.dropped},
        {"chatd_bus_queued", "gauge", "Messages that wait to be sent to Redis.", bus.queued},
        {"chatd_bus_channels", "gauge", "Channels open.", bus.channels},
        {"chatd_bus_subscribed", "gauge", "Channels that hear other instances.", bus.subscribed},
        {"chatd_commits_total", "counter", "Transactions committed.", stored.commits},
        {"chatd_writes_total", "counter", "Writes that those transactions served.", stored.writes},
        {"chatd_failed_commits_total", "counter", "Transactions rolled back.", stored.failures},
    };
    print_metrics(stream, metrics, sizeof(metrics) / sizeof(metrics[0]));
}

int
counters_serve_metrics(struct server *server, struct mg_connection *connection)
{
    char *text = NULL;
    size_t length = 0;
    int status = 503;
    FILE *stream = open_memstream(&text, &length);

    if (stream != NULL) {
        write_client_metrics(stream, server);
        write_message_metrics(stream, server);
        limits_write_metrics(server, stream);
        if (fclose(stream) == 0)
            status =
                send_text(connection, "text/plain; version=0.0.4; charset=utf-8", text, length);
    }
    if (status == 503)
        mg_send_http_error(connection, 503, "out of memory");
    free(text);
    return status;
}
