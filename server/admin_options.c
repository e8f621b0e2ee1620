#include "server/admin_options.h"

#include "rooms/identifier.h"
#include "server/complaint.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INVITE_MS (INT64_C(7) * 24 * 3600 * 1000) /* how long a link is good, unless it is said */
#define USES_MAX  100000
#define DAYS_MAX  36500

enum { DB = 256, MEMBER, FOR, USES, PASSWORD_FILE, HELP };

/* The options that only some commands take, as bits. */
#define TAKES(option) (1u << ((option)-DB))

static const struct option long_options[] = {
    {"db", required_argument, NULL, DB},
    {"member", no_argument, NULL, MEMBER},
    {"for", required_argument, NULL, FOR},
    {"uses", required_argument, NULL, USES},
    {"password-file", required_argument, NULL, PASSWORD_FILE},
    {"help", no_argument, NULL, HELP},
    {0},
};

struct command_entry {
    const char *word;
    bool takes_name;
    unsigned options; /* besides --db and --help */
};

static const struct command_entry commands[ADMIN_COMMAND_COUNT] = {
    [ADMIN_LIST] = {"list", false, 0},
    [ADMIN_CREATE] = {"create", true, TAKES(MEMBER) | TAKES(PASSWORD_FILE)},
    [ADMIN_RESET_PASSWORD] = {"reset-password", true, TAKES(PASSWORD_FILE)},
    [ADMIN_PROMOTE] = {"promote", true, 0},
    [ADMIN_DEMOTE] = {"demote", true, 0},
    [ADMIN_BAN] = {"ban", true, TAKES(FOR)},
    [ADMIN_UNBAN] = {"unban", true, 0},
    [ADMIN_DELETE] = {"delete", true, 0},
    [ADMIN_EXPORT] = {"export", true, 0},
    [ADMIN_INVITE] = {"invite", false, TAKES(USES) | TAKES(FOR)},
};

static const char help[] =
    "Usage: chatd admin [--db=PATH] COMMAND [NAME] [OPTION]...\n"
    "Manages the accounts of a chatd that runs on the same database, or will.\n"
    "\n"
    "  list                        print all accounts\n"
    "  create NAME                 make an account, which is an admin's\n"
    "  reset-password NAME         give it another password, and end its sessions\n"
    "  promote NAME                make it an admin\n"
    "  demote NAME                 make it one no longer\n"
    "  ban NAME                    keep it out, and end its connections\n"
    "  unban NAME                  let it in again\n"
    "  delete NAME                 remove it, its sessions, and the text of all its messages\n"
    "  export NAME                 print what is stored of it, as JSON\n"
    "  invite                      print the path of a link that invites to register\n"
    "\n"
    "  --db=PATH                   the SQLite file, or CHATD_DB (default: ./chatdb.db)\n"
    "  --member                    create: not an admin's, unless it is the first one\n"
    "  --password-file=FILE        create, reset-password: a file whose first line is the "
    "password;\n"
    "                              without, it is the first line of standard input\n"
    "  --for=DURATION              ban, invite: 90s, 15m, 12h, 7d; (default: for ever, and 7d)\n"
    "  --uses=N                    invite: how many may register with it (default: 1)\n"
    "  --help                      print this and exit\n";

/* A whole number from 1 to `maximum`, and what stands behind it; false when there is none. */
static bool
read_number(const char *text, int64_t maximum, int64_t *out, const char **rest)
{
    int64_t value = 0;

    for (*rest = text; **rest >= '0' && **rest <= '9' && value <= maximum; ++*rest)
        value = value * 10 + (**rest - '0');
    *out = value;
    return *rest != text && value >= 1 && value <= maximum;
}

static bool
read_duration(const char *text, int64_t *out_ms)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    const int64_t seconds_max = INT64_C(86400) * DAYS_MAX;
    const char *rest;
    int64_t value;

    if (!read_number(text, seconds_max, &value, &rest) || rest[0] == '\0' || rest[1] != '\0')
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (rest[0] == units[i].letter && value <= seconds_max / units[i].seconds) {
            *out_ms = value * units[i].seconds * 1000;
            return true;
        }
    return false;
}

static enum options_result
show_help(const struct complaint *complaint)
{
    if (fputs(help, stdout) == EOF || fflush(stdout) != 0)
        return complain(complaint, "standard output: %s", strerror(errno));
    return OPTIONS_EXIT;
}

/* Takes one option over. */
static enum options_result
set(int option, const char *value, struct admin_request *request, const struct complaint *complaint)
{
    const char *rest;
    int64_t uses;

    if (option == HELP)
        return show_help(complaint);
    assert(value != NULL || option == MEMBER);
    if (value != NULL && value[0] == '\0')
        return complain(complaint, "--%s: the value is empty", long_options[option - DB].name);
    switch (option) {
    case DB:
        request->database = value;
        break;
    case PASSWORD_FILE:
        request->password_file = value;
        break;
    case MEMBER:
        request->is_member = true;
        break;
    case FOR:
        if (!read_duration(value, &request->duration_ms))
            return complain(complaint,
                            "--for: \"%.80s\" is not a number with s, m, h or d, up to %dd", value,
                            DAYS_MAX);
        break;
    default:
        if (!read_number(value, USES_MAX, &uses, &rest) || rest[0] != '\0')
            return complain(complaint, "--uses: \"%.80s\" is not a number from 1 to %d", value,
                            USES_MAX);
        request->uses = (unsigned)uses;
    }
    return OPTIONS_RUN;
}

/* Says what getopt could not take. */
static enum options_result
complain_of_word(const char *word, int found, const struct complaint *complaint)
{
    if (optopt >= DB && optopt <= HELP)
        return complain(complaint, "--%s: %s", long_options[optopt - DB].name,
                        found == ':' ? "a value is missing" : "takes no value");
    if (optopt != 0)
        return complain(complaint, "-%c: unknown option", optopt);
    return complain(complaint, "%.*s: unknown option", (int)strcspn(word, "="), word);
}

static enum options_result
read_options(int argc, char **argv, struct admin_request *request, unsigned *seen,
             const struct complaint *complaint)
{
    enum options_result result = OPTIONS_RUN;

    opterr = 0;
    optind = 0; /* from the start, with whatever was read before forgotten */
    while (result == OPTIONS_RUN) {
        int found = getopt_long(argc, argv, ":", long_options, NULL);
        if (found == -1)
            break;
        if (found < DB)
            return complain_of_word(argv[optind - 1], found, complaint);
        *seen |= TAKES(found);
        result = set(found, optarg, request, complaint);
    }
    return result;
}

static enum options_result
read_command(char **words, int count, struct admin_request *request, unsigned seen,
             const struct complaint *complaint)
{
    unsigned i = 0;

    if (count == 0)
        return complain(complaint, "a command is missing; --help lists them");
    while (i < ADMIN_COMMAND_COUNT && strcmp(words[0], commands[i].word) != 0)
        i++;
    if (i == ADMIN_COMMAND_COUNT)
        return complain(complaint, "\"%.80s\": unknown command; --help lists them", words[0]);
    const struct command_entry *command = &commands[i];
    request->command = i;
    for (int option = DB; option <= HELP; option++)
        if ((seen & TAKES(option) & ~TAKES(DB) & ~command->options) != 0)
            return complain(complaint, "%s takes no --%s", command->word,
                            long_options[option - DB].name);
    if (count - 1 > command->takes_name)
        return complain(complaint, "\"%.80s\": unexpected argument",
                        words[command->takes_name ? 2 : 1]);
    if (!command->takes_name)
        return OPTIONS_RUN;
    if (count < 2)
        return complain(complaint, "%s: a name is missing", command->word);
    const char *name = words[1];
    size_t length;
    if (!name_trim(&name, strlen(name), sizeof(request->name) - 1, &length))
        return complain(complaint,
                        "\"%.80s\": a name has 1 to 64 bytes of UTF-8, and no control characters",
                        words[1]);
    memcpy(request->name, name, length);
    request->name[length] = '\0';
    if (name_fold(request->name, request->folded) != 0)
        return complain(complaint, "\"%.80s\": no account can have such a name", words[1]);
    return OPTIONS_RUN;
}

enum options_result
admin_options_parse(int argc, char **argv, struct admin_request *request, char *why,
                    size_t why_size)
{
    const struct complaint complaint = {why, why_size};
    const char *database = getenv("CHATD_DB");
    unsigned seen = 0;

    *request = (struct admin_request){.uses = 1, .database = "./chatdb.db"};
    enum options_result result = read_options(argc, argv, request, &seen, &complaint);
    if (result != OPTIONS_RUN)
        return result;
    if (database != NULL && (seen & TAKES(DB)) == 0) {
        if (database[0] == '\0')
            return complain(&complaint, "CHATD_DB: the value is empty");
        request->database = database;
    }
    result = read_command(argv + optind, argc - optind, request, seen, &complaint);
    if (result == OPTIONS_RUN && request->command == ADMIN_INVITE && request->duration_ms == 0)
        request->duration_ms = INVITE_MS;
    return result;
}
