#include "test/bench/load_options.h"

#include "test/bench/stamp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { FLAG, FLAG_OFF, COUNT, SECONDS, SERVERS, PROCESSES };

struct entry {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *help;
};

#define AT(field) offsetof(struct load_options, field)

static const struct entry entries[] = {
    {"server", SERVERS, AT(servers),
     "ADDRESS:PORT[,…] in 127.0.0.0/8; a room's members are spread"},
    {"clients", COUNT, AT(clients), "client i is in room i modulo --rooms (100)"},
    {"rooms", COUNT, AT(rooms), "the first member of each sends; 0: nobody joins (1)"},
    {"silent", COUNT, AT(silent), "the last so many clients join and then never read (0)"},
    {"size", COUNT, AT(size), "bytes of a message's text (128)"},
    {"window", COUNT, AT(window), "messages that each sender keeps under way (32)"},
    {"rate", SECONDS, AT(rate), "messages a second of all senders instead, evenly spaced"},
    {"idle", FLAG, AT(idle), "nobody sends"},
    {"warm-up", SECONDS, AT(warm_up), "seconds before the measured time (1)"},
    {"duration", SECONDS, AT(duration), "the measured time (5)"},
    {"drain", SECONDS, AT(drain), "the longest wait at the end for the next byte under way (5)"},
    {"connect-rate", SECONDS, AT(connect_rate), "clients a second; 0: all at once (2000)"},
    {"connect-limit", SECONDS, AT(connect_limit), "longest time until all are there (60)"},
    {"quiet", SECONDS, AT(quiet), "seconds without a byte after which all was said (0.3)"},
    {"connecting", COUNT, AT(connecting), "clients at a time that wait for their welcome (256)"},
    {"under-way", COUNT, AT(under_way), "joins at a time (64)"},
    {"limit", COUNT, AT(limit), "seconds after which it ends in any case (300)"},
    {"no-list", FLAG_OFF, AT(list), "the server does not say who is online"},
    {"no-acks", FLAG_OFF, AT(acks), "the server acknowledges nothing"},
    {"no-ids", FLAG_OFF, AT(ids), "messages without an id of the sender's, thus without an ack"},
    {"deflate", FLAG, AT(deflate), "offers permessage-deflate, which has to be accepted"},
    {"varied", FLAG, AT(varied), "other words in each message, as people use them"},
    {"progress", FLAG, AT(progress), "says on stderr when the measured time begins"},
    {"process", PROCESSES, AT(processes),
     "ID[,…]: the server's, whose time and memory are measured"},
    {"aux", PROCESSES, AT(aux), "ID[,…]: its helpers', apart"},
};

#define ENTRY_COUNT (sizeof(entries) / sizeof(*entries))
#define FIRST_VALUE 256

static void
show_help(void)
{
    puts("Usage: chatd-load --server=ADDRESS:PORT [OPTION]...\n"
         "Puts load on a chat server and prints what came of it as one JSON object.\n"
         "Ends with 0 if nothing was lost, doubled or reordered, 1 if anything was, 2 for bad\n"
         "options, and by SIGALRM at the limit.\n");
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        printf("  --%-15s %s\n", entries[i].name, entries[i].help);
}

static bool
parse_server(const char *text, size_t length, struct sockaddr_in *out)
{
    char copy[32];
    char *end;

    if (length >= sizeof(copy))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *colon = strchr(copy, ':');
    if (colon == NULL)
        return false;
    *colon = '\0';
    unsigned long port = strtoul(colon + 1, &end, 10);
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return *end == '\0' && port > 0 && port <= UINT16_MAX &&
           inet_pton(AF_INET, copy, &out->sin_addr) == 1 &&
           ntohl(out->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool
parse_servers(const char *text, struct load_options *options)
{
    for (;;) {
        size_t length = strcspn(text, ",");
        if (options->server_count == LOAD_SERVERS_MAX ||
            !parse_server(text, length, &options->servers[options->server_count]))
            return false;
        options->server_count++;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

static bool
parse_value(const struct entry *entry, const char *value, struct load_options *options)
{
    char *field = (char *)options + entry->offset;
    char *end;

    errno = 0;
    switch (entry->kind) {
    case FLAG:
    case FLAG_OFF:
        *(bool *)field = entry->kind == FLAG;
        return true;
    case COUNT: {
        unsigned long wide = strtoul(value, &end, 10);
        uint32_t number = (uint32_t)wide;
        memcpy(field, &number, sizeof(number));
        return errno == 0 && end != value && *end == '\0' && *value != '-' && wide <= INT32_MAX;
    }
    case SECONDS: {
        double number = strtod(value, &end);
        memcpy(field, &number, sizeof(number));
        return errno == 0 && end != value && *end == '\0' && number >= 0;
    }
    case SERVERS:
        return parse_servers(value, options);
    case PROCESSES:
        return process_parse(value, (struct process_set *)field) == 0;
    }
    return false;
}

static int
refuse(const char *what)
{
    (void)fprintf(stderr, "chatd-load: %s; see --help\n", what);
    return 2;
}

static int
check(const struct load_options *options)
{
    uint32_t readers = options->clients - options->silent;

    if (options->server_count == 0)
        return refuse("--server is missing");
    if (options->clients == 0 || options->silent >= options->clients || options->rooms > readers)
        return refuse("each room needs a member that reads");
    if (options->size < STAMP_SIZE || options->size > 10000)
        return refuse("--size is from 38 to 10000");
    if (options->window == 0 || options->window > 1024)
        return refuse("--window is from 1 to 1024");
    return 0;
}

int
load_options_parse(int argc, char **argv, struct load_options *out)
{
    struct option options[ENTRY_COUNT + 2] = {{"help", no_argument, NULL, 'h'}};
    int chosen;

    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        bool has_value = entries[i].kind != FLAG && entries[i].kind != FLAG_OFF;
        options[i + 1] =
            (struct option){entries[i].name, has_value ? required_argument : no_argument, NULL,
                            FIRST_VALUE + (int)i};
    }
    *out = (struct load_options){
        .clients = 100,
        .rooms = 1,
        .size = 128,
        .window = 32,
        .warm_up = 1,
        .duration = 5,
        .drain = 5,
        .connect_rate = 2000,
        .connect_limit = 60,
        .quiet = 0.3,
        .connecting = 256,
        .under_way = 64,
        .limit = 300,
        .list = true,
        .ids = true,
        .acks = true,
    };
    while ((chosen = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (chosen == 'h') {
            show_help();
            exit(0);
        }
        if (chosen < FIRST_VALUE)
            return 2; /* getopt has said why */
        if (!parse_value(&entries[chosen - FIRST_VALUE], optarg, out))
            return refuse(entries[chosen - FIRST_VALUE].name);
    }
    return optind < argc ? refuse(argv[optind]) : check(out);
}
