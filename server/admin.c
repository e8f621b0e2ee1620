#include "server/admin.h"

#include "repo/account.h"
#include "rooms/lock.h"
#include "server/admin_export.h"
#include "server/admin_internal.h"
#include "server/confine.h"
#include "server/token.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE      2
#define BUSY_TIMEOUT_MS 10000 /* for another process's write lock */

int
admin_fail(const char *format, ...)
{
    char line[ADMIN_WHY_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (char *byte = line; *byte != '\0'; byte++)
        if (iscntrl((unsigned char)*byte))
            *byte = '?';
    fprintf(stderr, "chatd admin: %s\n", line);
    return EXIT_FAILURE;
}

int
admin_fail_storage(const struct admin_request *request, int error)
{
    return admin_fail("%s: %s", request->database,
                      error == -EBUSY ? "another process keeps the database locked"
                                      : strerror(-error));
}

int
admin_find(struct repo *repo, const struct admin_request *request, struct repo_account *out)
{
    int error = repo_account_find_by_name(repo, request->folded, out);

    if (error == -ENOENT)
        return admin_fail("there is no account \"%s\"", request->name);
    return error != 0 ? admin_fail_storage(request, error) : 0;
}

const char *
admin_time_text(int64_t ms, char out[ADMIN_TIME_SIZE])
{
    struct tm parts;
    time_t seconds = (time_t)(ms / 1000);

    if (ms == REPO_BANNED_EVER)
        return "for ever";
    if (ms <= 0 || gmtime_r(&seconds, &parts) == NULL ||
        strftime(out, ADMIN_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return "-";
    return out;
}

/* ---- list --------------------------------------------------------------------------------- */

static int
print_account(void *argument, const struct repo_account *account)
{
    char created[ADMIN_TIME_SIZE];
    char seen[ADMIN_TIME_SIZE];
    char banned[ADMIN_TIME_SIZE];
    int64_t now = *(const int64_t *)argument;
    int64_t until = account->banned_until > now ? account->banned_until : 0;

    return printf("%-22s  %-5s  %-20s  %-20s  %-20s  %s\n", account->id,
                  account->is_admin ? "admin" : "-", admin_time_text(until, banned),
                  admin_time_text(account->created, created), admin_time_text(account->seen, seen),
                  account->name) < 0
               ? -EIO
               : 0;
}

static int
list_accounts(struct repo *repo, const struct admin_request *request)
{
    int64_t now = clock_realtime_ms();

    printf("%-22s  %-5s  %-20s  %-20s  %-20s  %s\n", "ID", "ROLE", "BANNED UNTIL", "CREATED",
           "SEEN", "NAME");
    int error = repo_accounts_all(repo, print_account, &now);
    return error != 0 ? admin_fail_storage(request, error) : EXIT_SUCCESS;
}

/* ---- export, invite ------------------------------------------------------------------------ */

static int
export_account(struct repo *repo, const struct admin_request *request)
{
    struct repo_account account;

    if (admin_find(repo, request, &account) != 0)
        return EXIT_FAILURE;
    int error = admin_export(repo, &account, stdout);
    return error != 0 ? admin_fail("cannot export %s: %s", account.name, strerror(-error))
                      : EXIT_SUCCESS;
}

static int
invite(struct repo *repo, const struct admin_request *request)
{
    unsigned char hash[REPO_TOKEN_HASH_BYTES];
    char token[TOKEN_SIZE];
    int64_t now = clock_realtime_ms();

    token_make(token);
    token_hash(token, hash);
    int error = repo_invite_link_add(repo, hash, request->uses, now + request->duration_ms, now);
    if (error == 0)
        printf("/?invitation=%s\n", token);
    explicit_bzero(token, sizeof(token));
    return error != 0 ? admin_fail_storage(request, error) : EXIT_SUCCESS;
}

/* ---- all of them --------------------------------------------------------------------------- */

static int (*const functions[ADMIN_COMMAND_COUNT])(struct repo *repo,
                                                   const struct admin_request *request) = {
    [ADMIN_LIST] = list_accounts,
    [ADMIN_CREATE] = admin_create,
    [ADMIN_RESET_PASSWORD] = admin_reset_password,
    [ADMIN_PROMOTE] = admin_change,
    [ADMIN_DEMOTE] = admin_change,
    [ADMIN_BAN] = admin_change,
    [ADMIN_UNBAN] = admin_change,
    [ADMIN_DELETE] = admin_delete,
    [ADMIN_EXPORT] = export_account,
    [ADMIN_INVITE] = invite,
};

/* Opens the database, which is made only where an account or a link is to be in it. */
static int
open_database(const struct admin_request *request, struct repo **out)
{
    const struct repo_options options = {
        .path = request->database,
        .durability = REPO_DURABILITY_FULL,
        .busy_timeout_ms = BUSY_TIMEOUT_MS,
    };
    char why[ADMIN_WHY_SIZE] = "";

    if (request->command != ADMIN_CREATE && request->command != ADMIN_INVITE &&
        access(request->database, F_OK) < 0)
        return admin_fail("%s: %s", request->database, strerror(errno));
    if (repo_open(&options, out, why, sizeof(why)) != 0)
        return admin_fail("%s", why);
    return 0;
}

int
admin_main(int argc, char **argv)
{
    static struct admin_request request;
    char why[ADMIN_WHY_SIZE] = "";
    struct repo *repo = NULL;

    switch (admin_options_parse(argc, argv, &request, why, sizeof(why))) {
    case OPTIONS_RUN:
        break;
    case OPTIONS_EXIT:
        return EXIT_SUCCESS;
    case OPTIONS_ERROR:
        (void)admin_fail("%s", why);
        return EXIT_USAGE;
    }
    if (confine_process(NULL, why, sizeof(why)) != 0)
        return admin_fail("%s", why);
    if (open_database(&request, &repo) != 0)
        return EXIT_FAILURE;
    int status = functions[request.command](repo, &request);
    repo_close(&repo);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_SUCCESS)
        return admin_fail("standard output: %s", strerror(errno));
    return status;
}
