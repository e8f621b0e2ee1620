#include "test/bench/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int
process_parse(const char *text, struct process_set *out)
{
    out->count = 0;
    while (out->count < PROCESS_MAX) {
        char *end;
        errno = 0;
        long id = strtol(text, &end, 10);
        if (end == text || errno != 0 || id <= 0)
            return -EINVAL;
        out->ids[out->count++] = (pid_t)id;
        if (*end == '\0')
            return 0;
        if (*end != ',')
            return -EINVAL;
        text = end + 1;
    }
    return -EINVAL;
}

static uint64_t
read_clock(clockid_t clock)
{
    struct timespec time;

    if (clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t
process_cpu(const struct process_set *set)
{
    uint64_t sum = 0;

    for (int i = 0; i < set->count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(set->ids[i], &clock) == 0)
            sum += read_clock(clock);
    }
    return sum;
}

uint64_t
process_own_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t
process_machine_cpu(void)
{
    unsigned long long user = 0, nice = 0, system = 0, idle, wait, irq = 0, softirq = 0, steal = 0;
    FILE *file = fopen("/proc/stat", "re");

    if (file == NULL)
        return 0;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
    int found = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
                       &idle, &wait, &irq, &softirq, &steal);
    (void)fclose(file);
    if (found != 8)
        return 0;
    uint64_t ticks = user + nice + system + irq + softirq + steal;
    return ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* The sum of the numbers of the lines that begin with these words. */
static long
sum_of(const char *path, const char *const *words)
{
    char line[256];
    long sum = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        for (const char *const *word = words; *word != NULL; word++)
            if (strncmp(line, *word, strlen(*word)) == 0)
                sum += strtol(line + strlen(*word), NULL, 10);
    }
    (void)fclose(file);
    return sum;
}

static long
socket_pages(void)
{
    char line[256];
    long pages = 0;
    FILE *file = fopen("/proc/net/sockstat", "re");

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *found = strstr(line, " mem ");
        if (strncmp(line, "TCP:", 4) == 0 && found != NULL)
            pages = strtol(found + 5, NULL, 10);
    }
    (void)fclose(file);
    return pages;
}

void
process_measure(const struct process_set *set, struct process_memory *out)
{
    static const char *const resident[] = {"Rss:", NULL};
    static const char *const peak[] = {"VmHWM:", NULL};
    static const char *const threads[] = {"Threads:", NULL};
    static const char *const kernel[] = {"Slab:", "KernelStack:", "PageTables:", NULL};
    char path[64];

    *out = (struct process_memory){
        .sockets = socket_pages() * (sysconf(_SC_PAGESIZE) / 1024),
        .kernel = sum_of("/proc/meminfo", kernel),
    };
    for (int i = 0; i < set->count; i++) {
        /* Exact, where status is behind by some pages for each core. */
        (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)set->ids[i]);
        out->resident += sum_of(path, resident);
        (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)set->ids[i]);
        out->peak += sum_of(path, peak);
        out->threads += sum_of(path, threads);
    }
}
