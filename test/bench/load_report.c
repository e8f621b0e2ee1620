/* What came of it, as one JSON object on one line. Times of a message in µs, memory in KB. */
#include "test/bench/load.h"
#include "test/bench/wire.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

void
load_take_moment(const struct load *load, struct load_moment *out, bool with_memory)
{
    const struct load_options *options = &load->options;

    out->time = wire_now();
    out->cpu = process_cpu(&options->processes);
    out->aux_cpu = process_cpu(&options->aux);
    out->own_cpu = process_own_cpu();
    out->machine_cpu = process_machine_cpu();
    if (!with_memory)
        return;
    process_measure(&options->processes, &out->memory);
    process_measure(&options->aux, &out->aux_memory);
}

static void
add(cJSON *object, const char *key, double value)
{
    (void)cJSON_AddNumberToObject(object, key, value);
}

static double
seconds(uint64_t from, uint64_t to)
{
    return to > from ? (double)(to - from) / 1e9 : 0;
}

static double
per(double value, double of)
{
    return of > 0 ? value / of : 0;
}

static void
add_times(cJSON *object, const char *key, const struct histogram *histogram)
{
    cJSON *times = cJSON_AddObjectToObject(object, key);

    add(times, "p50", histogram_quantile(histogram, 0.5) / 1e3);
    add(times, "p90", histogram_quantile(histogram, 0.9) / 1e3);
    add(times, "p99", histogram_quantile(histogram, 0.99) / 1e3);
    add(times, "p999", histogram_quantile(histogram, 0.999) / 1e3);
    add(times, "max", (double)histogram->most / 1e3);
}

static void
add_memory(cJSON *object, const char *key, const struct load_moment *moment)
{
    cJSON *memory = cJSON_AddObjectToObject(object, key);

    add(memory, "resident", (double)moment->memory.resident);
    add(memory, "peak", (double)moment->memory.peak);
    add(memory, "threads", (double)moment->memory.threads);
    add(memory, "sockets", (double)moment->memory.sockets);
    add(memory, "kernel", (double)moment->memory.kernel);
    add(memory, "aux", (double)moment->aux_memory.resident);
}

/* The share of the machine's time that others had: how far the rest can be trusted. */
static double
others(const struct load_moment *from, const struct load_moment *to)
{
    double ours = seconds(from->cpu, to->cpu) + seconds(from->aux_cpu, to->aux_cpu) +
                  seconds(from->own_cpu, to->own_cpu);
    double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);

    return fmax(0, per(seconds(from->machine_cpu, to->machine_cpu) - ours,
                       seconds(from->time, to->time) * cores));
}

static void
add_arrival(cJSON *root, const struct load *load)
{
    const struct load_moment *start = &load->start;
    double clients = load->options.clients;
    cJSON *connect = cJSON_AddObjectToObject(root, "connect");

    add(connect, "seconds", seconds(start->time, load->greeted_at));
    add(connect, "perSecond", per(clients, seconds(start->time, load->greeted_at)));
    add(connect, "quietSeconds", seconds(start->time, load->quiet_at));
    add(connect, "cpu", seconds(start->cpu, load->connected.cpu));
    add(connect, "cpuMsEach", per(seconds(start->cpu, load->connected.cpu) * 1e3, clients));
    add(connect, "loadCpu", seconds(start->own_cpu, load->connected.own_cpu));
    add(connect, "megabytes", (double)load->told / 1e6);
    add(connect, "toldOfAll", load->knowing);
    add(connect, "others", others(start, &load->connected));
    cJSON *join = cJSON_AddObjectToObject(root, "join");
    add(join, "seconds", seconds(load->connected.time, load->joined_at));
    add(join, "cpuMsEach", per(seconds(load->connected.cpu, load->in_rooms.cpu) * 1e3, clients));
}

static void
add_rates(cJSON *root, const struct load *load)
{
    const struct load_counts *counts = &load->counts;
    double length = seconds(load->first.time, load->last.time);
    double cpu = seconds(load->first.cpu, load->last.cpu);
    double aux = seconds(load->first.aux_cpu, load->last.aux_cpu);
    double deliveries = (double)counts->deliveries;

    add(root, "seconds", length);
    add(root, "sent", (double)counts->sent);
    add(root, "sentPerSecond", per((double)counts->sent, length));
    add(root, "deliveries", deliveries);
    add(root, "deliveriesPerSecond", per(deliveries, length));
    add(root, "cpu", cpu);
    add(root, "auxCpu", aux);
    add(root, "deliveriesPerCpu", per(deliveries, cpu));
    add(root, "deliveriesPerAllCpu", per(deliveries, cpu + aux));
    add(root, "loadCpu", seconds(load->first.own_cpu, load->last.own_cpu));
    add(root, "others", others(&load->first, &load->last));
    add(root, "bytesEach", per((double)counts->delivered_bytes, deliveries));
    add(root, "wireBytesEach", per((double)counts->wire_bytes, deliveries));
    add(root, "deliveriesPerRead", per(deliveries, (double)counts->reads));
    add_times(root, "latency", &load->latency);
    add_times(root, "late", &load->lateness);
}

/* Returns how much is wrong. */
static double
add_faults(cJSON *root, const struct load *load)
{
    const struct load_counts *counts = &load->counts;
    uint64_t missing = 0;

    for (uint32_t i = 0; load->options.ids && load->options.acks && i < load->options.rooms; i++) {
        const struct load_room *room = &load->rooms[i];
        missing += room->sent > room->acks ? room->sent - room->acks : room->acks - room->sent;
    }
    const struct {
        const char *key;
        uint64_t count;
    } faults[] = {
        {"lost", counts->lost},   {"doubled", counts->doubled}, {"reordered", counts->reordered},
        {"wrong", counts->wrong}, {"misacknowledged", missing}, {"errors", counts->errors},
        {"bad", counts->bad},     {"gone", counts->gone},       {"failed", counts->failed},
    };
    double sum = 0;
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        add(root, faults[i].key, (double)faults[i].count);
        sum += (double)faults[i].count;
    }
    return sum;
}

int
load_report(const struct load *load)
{
    cJSON *root = cJSON_CreateObject();

    add(root, "clients", load->options.clients);
    add(root, "rooms", load->options.rooms);
    add(root, "size", load->options.size);
    add_arrival(root, load);
    add_rates(root, load);
    double faults = add_faults(root, load);
    cJSON *memory = cJSON_AddObjectToObject(root, "memory");
    add_memory(memory, "start", &load->start);
    add_memory(memory, "connected", &load->connected);
    add_memory(memory, "joined", &load->in_rooms);
    add_memory(memory, "end", &load->last);
    (void)cJSON_AddStringToObject(root, "problem", load->problem);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (text == NULL || puts(text) == EOF || fflush(stdout) != 0)
        return 2;
    cJSON_free(text);
    return faults > 0 || load->problem[0] != '\0';
}
