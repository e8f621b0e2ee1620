/* The options: each from the command line and from the environment, and every way to be wrong. */
#include "server/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/tap.h"

#define ARGUMENTS_MAX 4

static struct options options;
static char why[200];

static const char *const variables[] = {"CHATD_ADDR",           "CHATD_DB",
                                        "CHATD_STATIC",         "CHATD_DURABILITY",
                                        "CHATD_OUTBOX",         "CHATD_MAX_ROOMS",
                                        "CHATD_CHECK",          "CHATD_MAX_ROOMS_PER_CLIENT",
                                        "CHATD_ROOM_GRACE",     "CHATD_HELP",
                                        "CHATD_VERSION",        "CHATD_LIMIT_MESSAGES",
                                        "CHATD_MAX_CLIENTS",    "CHATD_PRESENCE_GRACE",
                                        "CHATD_TOKEN_LIFETIME", "CHATD_RESUME_LIMIT",
                                        "CHATD_ORIGIN",         "CHATD_LIMITS",
                                        "CHATD_LIMIT_CONNECTS", "CHATD_TRUSTED_PROXY",
                                        "CHATD_AUTH",           "CHATD_REGISTRATION"};

static void
clear_environment(void)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
        if (unsetenv(variables[i]) != 0)
            abort();
}

static enum options_result
parse(char *const *arguments)
{
    static char program[] = "chatd";
    char *argv[ARGUMENTS_MAX + 2] = {program};
    int argc = 1;

    for (; *arguments != NULL; arguments++)
        argv[argc++] = *arguments;
    why[0] = '\0';
    return options_parse(argc, argv, &options, why, sizeof(why));
}

static enum options_result
parse_one(const char *argument)
{
    static char copy[400];
    char *arguments[] = {copy, NULL};

    (void)snprintf(copy, sizeof(copy), "%s", argument);
    return parse(arguments);
}

static void
set_variable(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0)
        abort();
}

static void
test_defaults(void)
{
    ok(parse((char *[]){NULL}) == OPTIONS_RUN, "no argument is fine");
    ok(options.host[0] == '\0' && options.port == 8080, "--addr=:8080");
    ok(strcmp(options.database, "./chatdb.db") == 0, "--db=./chatdb.db");
    ok(options.static_directory == NULL, "no --static");
    ok(options.durability == REPO_DURABILITY_PROCESS, "--durability=process");
    ok(options.auth == AUTH_OPEN, "--auth=open");
    ok(options.registration == REGISTRATION_OPEN, "--registration=open");
    ok(options.max_clients == 0, "--max-clients by the descriptors");
    ok(options.max_rooms == 10000, "--max-rooms=10000");
    ok(options.max_rooms_per_client == 256, "--max-rooms-per-client=256");
    ok(options.limit_messages == 20 && options.limit_messages_burst == 100,
       "--limit-messages=20:100");
    ok(options.limit_connections == 512 && options.limit_connects == 3000,
       "--limit-connections=512, --limit-connects=3000");
    ok(options.limit_rooms == 1000 && options.limit_new_rooms == 100,
       "--limit-rooms=1000, --limit-new-rooms=100");
    ok(options.limit_registrations == 100 && options.limit_logins == 10,
       "--limit-registrations=100, --limit-logins=10");
    ok(options.limit_body == 65536 && options.limit_json_size == 65536 &&
           options.limit_json_depth == 16,
       "--limit-body=65536, --limit-json-size=65536, --limit-json-depth=16");
    ok(options.limit_head_time_s == 5 && options.limit_frame_time_s == 30,
       "--limit-head-time=5, --limit-frame-time=30");
    ok(options.trusted_proxy == NULL, "no --trusted-proxy");
    ok(options.room_grace_ms == 5000, "--room-grace=5000");
    ok(options.presence_grace_ms == 10000, "--presence-grace=10000");
    ok(options.token_lifetime_s == 2592000, "--token-lifetime=2592000, 30 days");
    ok(options.resume_limit == 500, "--resume-limit=500");
    ok(options.outbox_bytes == 786432, "--outbox=786432");
    ok(options.compression, "--compression=on");
    ok(!options.check, "no --check");
}

/* An option and where its value goes: a number or a string. */
struct value {
    const char *option;
    const char *variable;
    const char *value;
    const unsigned *number;
    unsigned expected;
    const char *const *string;
};

static const struct value values[] = {
    {"--db", "CHATD_DB", "/x y", NULL, 0, &options.database},
    {"--static", "CHATD_STATIC", "page", NULL, 0, &options.static_directory},
    {"--durability", "CHATD_DURABILITY", "full", &options.durability, REPO_DURABILITY_FULL, NULL},
    {"--auth", "CHATD_AUTH", "members", &options.auth, AUTH_MEMBERS, NULL},
    {"--auth", "CHATD_AUTH", "open", &options.auth, AUTH_OPEN, NULL},
    {"--registration", "CHATD_REGISTRATION", "invite", &options.registration, REGISTRATION_INVITE,
     NULL},
    {"--registration", "CHATD_REGISTRATION", "closed", &options.registration, REGISTRATION_CLOSED,
     NULL},
    {"--registration", "CHATD_REGISTRATION", "open", &options.registration, REGISTRATION_OPEN,
     NULL},
    {"--max-clients", "CHATD_MAX_CLIENTS", "7", &options.max_clients, 7, NULL},
    {"--max-rooms", "CHATD_MAX_ROOMS", "1", &options.max_rooms, 1, NULL},
    {"--max-rooms-per-client", "CHATD_MAX_ROOMS_PER_CLIENT", "65535", &options.max_rooms_per_client,
     65535, NULL},
    {"--limit-messages", "CHATD_LIMIT_MESSAGES", "50", &options.limit_messages, 50, NULL},
    {"--room-grace", "CHATD_ROOM_GRACE", "0", &options.room_grace_ms, 0, NULL},
    {"--presence-grace", "CHATD_PRESENCE_GRACE", "0", &options.presence_grace_ms, 0, NULL},
    {"--token-lifetime", "CHATD_TOKEN_LIFETIME", "1", &options.token_lifetime_s, 1, NULL},
    {"--resume-limit", "CHATD_RESUME_LIMIT", "10000", &options.resume_limit, 10000, NULL},
    {"--outbox", "CHATD_OUTBOX", "65536", &options.outbox_bytes, 65536, NULL},
    {"--addr", "CHATD_ADDR", ":0", &options.port, 0, NULL},
};

/* All limits together, and those of them that are given besides. */
static void
test_limits(void)
{
    ok(parse_one("--limits=none") == OPTIONS_RUN && options.limit_messages == 0 &&
           options.limit_connections == 0 && options.limit_connects == 0 &&
           options.limit_rooms == 0 && options.limit_new_rooms == 0 &&
           options.limit_registrations == 0 && options.limit_logins == 0 &&
           options.limit_body == 0 && options.limit_json_depth == 0 &&
           options.limit_json_size == 0 && options.limit_head_time_s == 0 &&
           options.limit_frame_time_s == 0,
       "--limits=none turns every limit off");
    ok(parse((char *[]){"--limits=none", "--limit-connects=7", NULL}) == OPTIONS_RUN &&
           options.limit_connects == 7 && options.limit_messages == 0,
       "but one that is given behind it");
    ok(parse((char *[]){"--limit-connects=7", "--limits=none", NULL}) == OPTIONS_RUN &&
           options.limit_connects == 0,
       "not one before it");
    ok(parse_one("--limit-messages=none") == OPTIONS_RUN && options.limit_messages == 0 &&
           options.limit_connects == 3000,
       "none turns one off");
    ok(parse_one("--limit-messages=7") == OPTIONS_RUN && options.limit_messages == 7 &&
           options.limit_messages_burst == 7,
       "without a burst it is that of a second");
    ok(parse_one("--limit-messages=7:9") == OPTIONS_RUN && options.limit_messages == 7 &&
           options.limit_messages_burst == 9,
       "with one it is that");
    set_variable("CHATD_LIMITS", "none");
    ok(parse((char *[]){NULL}) == OPTIONS_RUN && options.limit_messages == 0, "CHATD_LIMITS=none");
    ok(parse_one("--limit-connects=7") == OPTIONS_RUN && options.limit_connects == 7 &&
           options.limit_messages == 0,
       "what the command line has is not turned off by it");
    set_variable("CHATD_LIMIT_CONNECTS", "8");
    ok(parse((char *[]){NULL}) == OPTIONS_RUN && options.limit_connects == 8,
       "nor the other variables");
    set_variable("CHATD_LIMITS", "some");
    ok(parse((char *[]){NULL}) == OPTIONS_ERROR, "CHATD_LIMITS=some is refused");
    clear_environment();
    set_variable("CHATD_LIMIT_CONNECTS", "8");
    ok(parse_one("--limits=none") == OPTIONS_RUN && options.limit_connects == 0,
       "--limits=none wins over a variable");
    clear_environment();
}

static bool
is_set(const struct value *value)
{
    if (value->string != NULL)
        return *value->string != NULL && strcmp(*value->string, value->value) == 0;
    return *value->number == value->expected;
}

static void
test_values(void)
{
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        const struct value *value = &values[i];
        char text[100];
        char expected[100];
        bool fine;

        (void)snprintf(text, sizeof(text), "%s=%s", value->option, value->value);
        ok(parse_one(text) == OPTIONS_RUN && is_set(value), "%s", text);

        set_variable(value->variable, value->value);
        fine = parse((char *[]){NULL}) == OPTIONS_RUN && is_set(value);
        ok(fine, "%s=%s", value->variable, value->value);

        set_variable(value->variable, "");
        (void)snprintf(expected, sizeof(expected), "%s: the value is empty", value->variable);
        fine = parse((char *[]){NULL}) == OPTIONS_ERROR && strcmp(why, expected) == 0;
        ok(fine, "%s is refused when empty", value->variable);
        ok(parse_one(text) == OPTIONS_RUN && is_set(value), "but %s wins", text);
        clear_environment();

        (void)snprintf(text, sizeof(text), "%s=", value->option);
        (void)snprintf(expected, sizeof(expected), "%s: the value is empty", value->option);
        fine = parse_one(text) == OPTIONS_ERROR && strcmp(why, expected) == 0;
        ok(fine, "%s is refused when empty", value->option);

        (void)snprintf(expected, sizeof(expected), "%s: a value is missing", value->option);
        fine = parse_one(value->option) == OPTIONS_ERROR && strcmp(why, expected) == 0;
        ok(fine, "%s alone is refused", value->option);
    }
}

struct address {
    const char *value;
    const char *host; /* NULL: refused */
    unsigned port;
};

static const struct address addresses[] = {
    {":8080", "", 8080},
    {":0", "", 0},
    {":65535", "", 65535},
    {"localhost:80", "localhost", 80},
    {"127.0.0.1:80", "127.0.0.1", 80},
    {"my-host.example_1.org:080", "my-host.example_1.org", 80},
    {"[::1]:8080", "::1", 8080},
    {"[::]:1", "::", 1},
    {"8080", NULL, 0},
    {"localhost", NULL, 0},
    {":", NULL, 0},
    {"localhost:", NULL, 0},
    {":65536", NULL, 0},
    {":99999999999999999999", NULL, 0},
    {":-1", NULL, 0},
    {":+1", NULL, 0},
    {": 1", NULL, 0},
    {":80x", NULL, 0},
    {":0x50", NULL, 0},
    {"::1:80", NULL, 0},
    {"::1", NULL, 0},
    {"[::1]", NULL, 0},
    {"[::1:80", NULL, 0},
    {"[]:80", NULL, 0},
    {"[:80", NULL, 0},
    {"[host]:80", NULL, 0},
    {"a host:80", NULL, 0},
    {"host,other:80", NULL, 0},
    {"http://host:80", NULL, 0},
};

static void
test_addresses(void)
{
    char text[400];

    for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        const struct address *address = &addresses[i];
        (void)snprintf(text, sizeof(text), "--addr=%s", address->value);
        if (address->host == NULL)
            ok(parse_one(text) == OPTIONS_ERROR && strncmp(why, "--addr: ", 8) == 0,
               "%s is refused", text);
        else
            ok(parse_one(text) == OPTIONS_RUN && strcmp(options.host, address->host) == 0 &&
                   options.port == address->port,
               "%s", text);
    }
    (void)snprintf(text, sizeof(text), "--addr=%0255d:1", 0);
    ok(parse_one(text) == OPTIONS_RUN && strlen(options.host) == 255, "a host of 255 characters");
    (void)snprintf(text, sizeof(text), "--addr=%0256d:1", 0);
    ok(parse_one(text) == OPTIONS_ERROR, "not one of 256");
}

struct mistake {
    const char *argument;
    const char *why;
};

static const struct mistake mistakes[] = {
    {"--bogus", "--bogus: unknown option"},
    {"--bogus=x", "--bogus: unknown option"},
    {"--max-roomsx=1", "--max-roomsx: unknown option"},
    {"--max-r=1", "--max-r: ambiguous option"},
    {"-x", "-x: unknown option"},
    {"-h", "-h: unknown option"},
    {"-xyz", "-x: unknown option"},
    {"-?", "-?: unknown option"},
    {"stray", "\"stray\": unexpected argument"},
    {"-", "\"-\": unexpected argument"},
    {"--check=1", "--check: takes no value"},
    {"--help=", "--help: takes no value"},
    {"--max-rooms=0", "--max-rooms: \"0\" is not a number from 1 to 1000000"},
    {"--max-rooms=1000001", "--max-rooms: \"1000001\" is not a number from 1 to 1000000"},
    {"--max-rooms=-1", "--max-rooms: \"-1\" is not a number from 1 to 1000000"},
    {"--max-rooms=1k", "--max-rooms: \"1k\" is not a number from 1 to 1000000"},
    {"--max-rooms= 1", "--max-rooms: \" 1\" is not a number from 1 to 1000000"},
    {"--max-rooms=99999999999999999999999",
     "--max-rooms: \"99999999999999999999999\" is not a number from 1 to 1000000"},
    {"--max-clients=none", "--max-clients: \"none\" is not a number from 0 to 1000000"},
    {"--limit-messages=0", "--limit-messages: \"0\" is not N or N:BURST with numbers from 1 "
                           "to 1000000, or none"},
    {"--limit-messages=5:", "--limit-messages: \"5:\" is not N or N:BURST with numbers from 1 "
                            "to 1000000, or none"},
    {"--limit-messages=5:0", "--limit-messages: \"5:0\" is not N or N:BURST with numbers from "
                             "1 to 1000000, or none"},
    {"--limit-messages=:5", "--limit-messages: \":5\" is not N or N:BURST with numbers from 1 "
                            "to 1000000, or none"},
    {"--limit-messages=1000000000000000:5",
     "--limit-messages: \"1000000000000000:5\" is not N or N:BURST with numbers from 1 to "
     "1000000, or none"},
    {"--limit-connects=0", "--limit-connects: \"0\" is not a number from 1 to 1000000, or none"},
    {"--limit-body=nonee",
     "--limit-body: \"nonee\" is not a number from 1024 to 16777216, or none"},
    {"--limit-json-depth=65", "--limit-json-depth: \"65\" is not a number from 4 to 64, or none"},
    {"--limits=all", "--limits: \"all\" is not none"},
    {"--trusted-proxy=localhost", "--trusted-proxy: \"localhost\" is not a list, with commas, of "
                                  "addresses and ADDRESS/BITS"},
    {"--room-grace=3600001", "--room-grace: \"3600001\" is not a number from 0 to 3600000"},
    {"--token-lifetime=0", "--token-lifetime: \"0\" is not a number from 1 to 1000000000"},
    {"--resume-limit=0", "--resume-limit: \"0\" is not a number from 1 to 10000"},
    {"--resume-limit=10001", "--resume-limit: \"10001\" is not a number from 1 to 10000"},
    {"--outbox=65535", "--outbox: \"65535\" is not a number from 65536 to 1073741824"},
    {"--origin=https://a.example/",
     "--origin: \"https://a.example/\" is not a list, with commas, of "
     "*, null, and SCHEME://HOST[:PORT]"},
    {"--auth=member", "--auth: \"member\" is not open or members"},
    {"--registration=none", "--registration: \"none\" is not open, invite or closed"},
    {"--compression=yes", "--compression: \"yes\" is not on or off"},
    {"--durability=Full", "--durability: \"Full\" is not process or full"},
    {"--durability=a\nb", "--durability: \"a?b\" is not process or full"},
};

static void
test_mistakes(void)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        bool refused = parse_one(mistakes[i].argument) == OPTIONS_ERROR;
        if (!ok(refused && strcmp(why, mistakes[i].why) == 0, "refused: %s", mistakes[i].why))
            printf("# %s\n", why);
    }
    set_variable("CHATD_MAX_ROOMS", "many");
    ok(parse((char *[]){NULL}) == OPTIONS_ERROR &&
           strcmp(why, "CHATD_MAX_ROOMS: \"many\" is not a number from 1 to 1000000") == 0,
       "refused in the environment");
    clear_environment();
}

static void
test_combinations(void)
{
    char separate[] = "--db";
    char value[] = "path";
    char first[] = "--max-rooms=1";
    char second[] = "--max-rooms=2";
    char end[] = "--";
    char stray[] = "stray";
    char help[] = "--help";

    ok(parse((char *[]){separate, value, NULL}) == OPTIONS_RUN && options.database == value,
       "a value as an argument of its own");
    ok(parse((char *[]){first, second, NULL}) == OPTIONS_RUN && options.max_rooms == 2,
       "of two the last one wins");
    ok(parse_one("--che") == OPTIONS_RUN && options.check, "an abbreviation");
    ok(parse((char *[]){end, NULL}) == OPTIONS_RUN, "-- alone");
    ok(parse((char *[]){end, stray, NULL}) == OPTIONS_ERROR, "an argument behind --");
    ok(parse((char *[]){stray, help, NULL}) == OPTIONS_ERROR, "an argument before an option");
    set_variable("CHATD_CHECK", "1");
    ok(parse((char *[]){NULL}) == OPTIONS_RUN && !options.check, "--check is no variable");
    set_variable("CHATD_PORTS", "1");
    ok(parse((char *[]){NULL}) == OPTIONS_RUN, "other variables are not ours");
    clear_environment();
}

/* Parses with the standard output going to a file, and returns what was written. */
static const char *
output_of(const char *argument, enum options_result *result)
{
    static char output[8192];
    FILE *file = tmpfile();
    int standard = dup(STDOUT_FILENO);
    size_t length;

    if (file == NULL || standard < 0 || fflush(stdout) != 0)
        abort();
    if (dup2(fileno(file), STDOUT_FILENO) < 0)
        abort();
    *result = parse_one(argument);
    if (fflush(stdout) != 0 || dup2(standard, STDOUT_FILENO) < 0 || close(standard) != 0)
        abort();
    rewind(file);
    length = fread(output, 1, sizeof(output) - 1, file);
    output[length] = '\0';
    if (fclose(file) != 0)
        abort();
    return output;
}

static void
test_output(void)
{
    enum options_result result;
    const char *output = output_of("--version", &result);
    size_t longest = 0;

    ok(result == OPTIONS_EXIT && strcmp(output, "chatd " CHATD_VERSION "\n") == 0, "--version");
    set_variable("CHATD_MAX_ROOMS", "many");
    output = output_of("--help", &result);
    clear_environment();
    ok(result == OPTIONS_EXIT, "--help, whatever the environment says");
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        ok(strstr(output, values[i].option) != NULL, "it has %s", values[i].option);
    ok(strstr(output, "(default: ./chatdb.db)") != NULL, "it has defaults");
    ok(strstr(output, "CHATD_ADDR") != NULL, "it says how a variable is called");
    while (*output != '\0') {
        size_t length = strcspn(output, "\n");
        longest = length > longest ? length : longest;
        output += length + (output[length] == '\n');
    }
    ok(longest <= 100, "its longest line has %zu columns", longest);
}

int
main(void)
{
    clear_environment();
    test_defaults();
    test_limits();
    test_values();
    test_addresses();
    test_mistakes();
    test_combinations();
    test_output();
    return done_testing();
}
