#include "server/options.h"

#include "server/complaint.h"
#include "server/options_table.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GETOPT_FIRST  256 /* what getopt returns for the table's first: not a character */
#define VARIABLE_SIZE 64
#define HELP_COLUMN   30

/* Takes a value over; `source` is the option or the variable that it came from. */
static enum options_result
set(const struct option_entry *entry, const char *source, const char *value,
    struct options *options, const struct complaint *complaint)
{
    if (entry->argument != NULL && *value == '\0')
        return complain(complaint, "%s: the value is empty", source);
    if (entry->parse(entry, value, options))
        return OPTIONS_RUN;
    if (entry->expected != NULL)
        return complain(complaint, "%s: \"%.80s\" is not %s", source, value, entry->expected);
    return complain(complaint, "%s: \"%.80s\" is not a number from %u to %u%s", source, value,
                    entry->minimum, entry->maximum, entry->is_limit ? ", or none" : "");
}

static void
variable_name(const struct option_entry *entry, char name[VARIABLE_SIZE])
{
    (void)snprintf(name, VARIABLE_SIZE, "CHATD_%s", entry->name);
    for (char *byte = name; *byte != '\0'; byte++) {
        int upper = toupper((unsigned char)*byte);
        *byte = (char)(upper == '-' ? '_' : upper);
    }
}

/* The end of --help and --version: what could not be printed is an error. */
static enum options_result
printed(const struct complaint *complaint)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return complain(complaint, "standard output: %s", strerror(errno));
    return OPTIONS_EXIT;
}

static enum options_result
show_help(const struct complaint *complaint)
{
    char variable[VARIABLE_SIZE];

    puts("Usage: chatd [OPTION]...\n"
         "       chatd admin COMMAND...   manages accounts: see chatd admin --help\n"
         "A chat server with its web page, in one binary.\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_entry *entry = &option_table[i];
        const char *argument = entry->argument != NULL ? entry->argument : "";
        int width = printf("  --%s%s%s", entry->name, *argument != '\0' ? "=" : "", argument);
        printf("%*s%s", HELP_COLUMN - width, "", entry->help);
        if (entry->initial != NULL)
            printf(" (default: %s)", entry->initial);
        puts("");
    }
    variable_name(&option_table[0], variable);
    printf("\nEach option with a value can come from the environment too, --%s as %s and so on;\n"
           "the command line wins.\n",
           option_table[0].name, variable);
    return printed(complaint);
}

static enum options_result
show_version(const struct complaint *complaint)
{
    puts("chatd " CHATD_VERSION);
    return printed(complaint);
}

/* What getopt found but could not take: it says too little, so this looks at the word again. */
static enum options_result
complain_of_word(const char *word, int found, const struct complaint *complaint)
{
    int length = (int)strcspn(word, "=");
    int matches = 0;

    if (optopt >= GETOPT_FIRST) {
        const char *name = option_table[optopt - GETOPT_FIRST].name;
        if (found == ':')
            return complain(complaint, "--%s: a value is missing", name);
        return complain(complaint, "--%s: takes no value", name);
    }
    if (optopt != 0)
        return complain(complaint, "-%c: unknown option", optopt);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        matches += strncmp(option_table[i].name, word + 2, (size_t)length - 2) == 0;
    return complain(complaint, "%.*s: %s option", length, word,
                    matches > 1 ? "ambiguous" : "unknown");
}

static enum options_result
read_command_line(int argc, char **argv, bool *seen, struct options *options,
                  const struct complaint *complaint)
{
    struct option long_options[OPTION_COUNT + 1] = {0};
    enum options_result result = OPTIONS_RUN;

    for (int i = 0; i < OPTION_COUNT; i++) {
        long_options[i].name = option_table[i].name;
        long_options[i].has_arg = option_table[i].argument != NULL;
        long_options[i].val = GETOPT_FIRST + i;
    }
    opterr = 0;
    optind = 0; /* from the start, with whatever was read before forgotten */
    while (result == OPTIONS_RUN) {
        const struct option_entry *entry;
        char source[VARIABLE_SIZE];
        int found = getopt_long(argc, argv, "+:", long_options, NULL);
        if (found == -1)
            break;
        if (found < GETOPT_FIRST)
            return complain_of_word(argv[optind - 1], found, complaint);
        entry = &option_table[found - GETOPT_FIRST];
        if (entry->action == OPTION_HELP)
            return show_help(complaint);
        if (entry->action == OPTION_VERSION)
            return show_version(complaint);
        seen[found - GETOPT_FIRST] = true;
        (void)snprintf(source, sizeof(source), "--%s", entry->name);
        result = set(entry, source, optarg, options, complaint);
    }
    if (result == OPTIONS_RUN && optind < argc)
        return complain(complaint, "\"%.80s\": unexpected argument", argv[optind]);
    return result;
}

/* CHATD_LIMITS: all limits but those that the command line, which wins, has. */
static void
turn_limits_off(const bool *seen, struct options *options)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_entry *entry = &option_table[i];
        bool taken = !entry->is_limit || seen[i] || entry->parse(entry, "none", options);
        assert(taken);
    }
}

static enum options_result
read_environment(const bool *seen, struct options *options, const struct complaint *complaint)
{
    enum options_result result = OPTIONS_RUN;
    bool has_limits = false; /* --limits on the command line is about all of them */

    for (size_t i = 0; i < OPTION_COUNT && result == OPTIONS_RUN; i++) {
        const struct option_entry *entry = &option_table[i];
        bool is_limits = strcmp(entry->name, "limits") == 0;
        char variable[VARIABLE_SIZE];
        const char *value;
        has_limits = has_limits || (is_limits && seen[i]);
        if (seen[i] || entry->argument == NULL || (has_limits && entry->is_limit))
            continue;
        variable_name(entry, variable);
        value = getenv(variable);
        if (value != NULL && is_limits && strcmp(value, "none") == 0)
            turn_limits_off(seen, options);
        else if (value != NULL)
            result = set(entry, variable, value, options, complaint);
    }
    return result;
}

/* What each is good for itself, and not beside another one. */
static enum options_result
check_together(const struct options *options, const struct complaint *complaint)
{
    if (options->ping_after_s < options->idle_timeout_s)
        return OPTIONS_RUN;
    complain(complaint,
             "--ping-after: %u s is not shorter than --idle-timeout, %u s: no ping would be sent",
             options->ping_after_s, options->idle_timeout_s);
    return OPTIONS_ERROR;
}

enum options_result
options_parse(int argc, char **argv, struct options *options, char *why, size_t why_size)
{
    const struct complaint complaint = {why, why_size};
    bool seen[OPTION_COUNT] = {false};
    enum options_result result;

    *options = (struct options){0};
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_entry *entry = &option_table[i];
        bool taken = entry->initial == NULL || entry->parse(entry, entry->initial, options);
        assert(taken);
    }
    result = read_command_line(argc, argv, seen, options, &complaint);
    if (result != OPTIONS_RUN)
        return result;
    result = read_environment(seen, options, &complaint);
    return result == OPTIONS_RUN ? check_together(options, &complaint) : result;
}
