/*
 * The table of the options, which drives the command line, the environment and --help: to add an
 * option is to add an entry. Internal to the options.
 */
#ifndef SERVER_OPTIONS_TABLE_H
#define SERVER_OPTIONS_TABLE_H

#include "server/options.h"

enum option_action { OPTION_SET, OPTION_HELP, OPTION_VERSION };

struct option_entry {
    const char *name;     /* without the dashes */
    const char *argument; /* as --help shows it; NULL: takes none */
    const char *initial;  /* the default, as one would write it; NULL: zero */
    const char *help;     /* what it does, for --help */
    const char *expected; /* what a value must be, for a person; NULL: a number in the range */
    /* For OPTION_SET: takes the value over into the options; false when it is not as expected. */
    bool (*parse)(const struct option_entry *entry, const char *value, struct options *options);
    size_t offset;    /* of a string's or number's member in struct options */
    unsigned minimum; /* of a number */
    unsigned maximum;
    enum option_action action;
    bool is_limit; /* one of --limit-…: the number may be `none` as well, which is 0 */
};

#define OPTION_COUNT 39

extern const struct option_entry option_table[];

#endif
