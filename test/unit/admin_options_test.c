/* The command line of `chatd admin`: what each command takes, and every way to be wrong. */
#include "server/admin_options.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/tap.h"

#define WORDS_MAX 6

static struct admin_request request;
static char why[200];

/* Splits the line at blanks, and reads it. */
static enum options_result
parse(const char *line)
{
    static char words[200];
    static char program[] = "admin";
    char *argv[WORDS_MAX + 2] = {program};
    char *rest;
    int argc = 1;

    (void)snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok_r(words, " ", &rest); word != NULL && argc <= WORDS_MAX;
         word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    why[0] = '\0';
    return admin_options_parse(argc, argv, &request, why, sizeof(why));
}

struct command {
    const char *line;
    enum admin_command command;
};

static const struct command commands[] = {
    {"list", ADMIN_LIST},
    {"create Ann", ADMIN_CREATE},
    {"reset-password Ann", ADMIN_RESET_PASSWORD},
    {"promote Ann", ADMIN_PROMOTE},
    {"demote Ann", ADMIN_DEMOTE},
    {"ban Ann", ADMIN_BAN},
    {"unban Ann", ADMIN_UNBAN},
    {"delete Ann", ADMIN_DELETE},
    {"export Ann", ADMIN_EXPORT},
    {"invite", ADMIN_INVITE},
};

static void
test_commands(void)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        bool takes_name = strchr(commands[i].line, ' ') != NULL;
        bool fine = parse(commands[i].line) == OPTIONS_RUN &&
                    request.command == commands[i].command &&
                    strcmp(request.name, takes_name ? "Ann" : "") == 0 &&
                    strcmp(request.folded, takes_name ? "ann" : "") == 0 &&
                    strcmp(request.database, "./chatdb.db") == 0;
        ok(fine, "%s", commands[i].line);
    }
}

static void
test_options(void)
{
    ok(parse("create --member Ann --password-file=/p") == OPTIONS_RUN && request.is_member &&
           strcmp(request.password_file, "/p") == 0,
       "options stand before a name and after it");
    ok(parse("--db=/x create Ann") == OPTIONS_RUN && strcmp(request.database, "/x") == 0 &&
           !request.is_member && request.password_file == NULL,
       "--db stands before the command");
    ok(parse("list --db /x") == OPTIONS_RUN && strcmp(request.database, "/x") == 0, "or after it");
    ok(parse("promote -- --db") == OPTIONS_RUN && strcmp(request.name, "--db") == 0,
       "a name may look like an option");
    if (setenv("CHATD_DB", "/y", 1) != 0)
        abort();
    ok(parse("list") == OPTIONS_RUN && strcmp(request.database, "/y") == 0, "CHATD_DB");
    ok(parse("list --db=/x") == OPTIONS_RUN && strcmp(request.database, "/x") == 0,
       "the command line wins");
    if (setenv("CHATD_DB", "", 1) != 0)
        abort();
    ok(parse("list") == OPTIONS_ERROR && strcmp(why, "CHATD_DB: the value is empty") == 0,
       "an empty CHATD_DB");
    if (unsetenv("CHATD_DB") != 0)
        abort();
    ok(parse("ban Ann") == OPTIONS_RUN && request.duration_ms == 0, "a ban has no end");
    ok(parse("invite") == OPTIONS_RUN && request.duration_ms == INT64_C(604800000) &&
           request.uses == 1,
       "an invitation is good for a week, and one account");
    ok(parse("invite --uses=100000 --for=1h") == OPTIONS_RUN && request.duration_ms == 3600000 &&
           request.uses == 100000,
       "unless it is said");
}

static void
test_durations(void)
{
    static const struct {
        const char *line;
        int64_t ms;
    } good[] = {
        {"ban Ann --for=1s", 1000},
        {"ban Ann --for=90s", 90000},
        {"ban Ann --for=015m", 900000},
        {"ban Ann --for=12h", 43200000},
        {"ban Ann --for=36500d", INT64_C(3153600000000)},
    };
    static const char *const bad[] = {"1",      "s",     "0s",  "-1s",
                                      "+1s",    "1.5h",  "1w",  "1h30",
                                      "36501d", "1 000", "1hh", "99999999999999999999s",
                                      "h1",     "1H"};

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ok(parse(good[i].line) == OPTIONS_RUN && request.duration_ms == good[i].ms, "%s",
           good[i].line);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char line[80];
        (void)snprintf(line, sizeof(line), "ban Ann --for=%s", bad[i]);
        ok(parse(line) == OPTIONS_ERROR &&
               (strchr(bad[i], ' ') != NULL || strncmp(why, "--for: ", 7) == 0),
           "refused: %s", line);
    }
}

static const struct {
    const char *line;
    const char *why;
} mistakes[] = {
    {"", "a command is missing; --help lists them"},
    {"--db=/x", "a command is missing; --help lists them"},
    {"lists", "\"lists\": unknown command; --help lists them"},
    {"li\x1Bst", "\"li?st\": unknown command; --help lists them"},
    {"list Ann", "\"Ann\": unexpected argument"},
    {"ban Ann Bob", "\"Bob\": unexpected argument"},
    {"ban", "ban: a name is missing"},
    {"ban a\x07", "\"a?\": a name has 1 to 64 bytes of UTF-8, and no control characters"},
    {"ban \xFF", "\"\xFF\": a name has 1 to 64 bytes of UTF-8, and no control characters"},
    {"ban \xC2\xAD", "\"\xC2\xAD\": no account can have such a name"},
    {"list --for=1h", "list takes no --for"},
    {"ban Ann --uses=2", "ban takes no --uses"},
    {"ban Ann --member", "ban takes no --member"},
    {"invite --password-file=x", "invite takes no --password-file"},
    {"create Ann --member=1", "--member: takes no value"},
    {"ban Ann --for", "--for: a value is missing"},
    {"ban Ann --for=", "--for: the value is empty"},
    {"list --db=", "--db: the value is empty"},
    {"list --bogus=x", "--bogus: unknown option"},
    {"list -x", "-x: unknown option"},
    {"invite --uses=0", "--uses: \"0\" is not a number from 1 to 100000"},
    {"invite --uses=100001", "--uses: \"100001\" is not a number from 1 to 100000"},
    {"invite --uses=1x", "--uses: \"1x\" is not a number from 1 to 100000"},
    {"invite --uses=99999999999999999999",
     "--uses: \"99999999999999999999\" is not a number from 1 to 100000"},
};

static void
test_mistakes(void)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        bool refused = parse(mistakes[i].line) == OPTIONS_ERROR;
        if (!ok(refused && strcmp(why, mistakes[i].why) == 0, "refused: %s", mistakes[i].why))
            printf("# %s\n", why);
    }
    char line[120] = "ban ";
    memset(line + 4, 'x', 65);
    ok(parse(line) == OPTIONS_ERROR, "a name of 65 bytes");
    line[68] = '\0';
    ok(parse(line) == OPTIONS_RUN && strlen(request.name) == 64, "one of 64");
}

int
main(void)
{
    if (unsetenv("CHATD_DB") != 0)
        abort();
    test_commands();
    test_options();
    test_durations();
    test_mistakes();
    return done_testing();
}
