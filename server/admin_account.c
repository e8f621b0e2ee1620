#include "server/admin_internal.h"

#include "repo/account.h"
#include "repo/user_data.h"
#include "rooms/identifier.h"
#include "rooms/lock.h"
#include "server/admin_password.h"
#include "server/password.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ERASE_PIECE 2000  /* messages that are looked at in one transaction */
#define GOING_MS    30000 /* for the connections of one who is put out to end */

/* ---- create, reset-password ---------------------------------------------------------------- */

/* Reads a password and hashes it; if that fails, says so, and returns not 0. */
static int
hash_password(const struct admin_request *request, char hashed[REPO_PASSWORD_SIZE])
{
    char password[ADMIN_PASSWORD_SIZE] = "";
    char why[ADMIN_WHY_SIZE] = "";
    int status = 0;

    int error = admin_password_read(request->password_file, password, why, sizeof(why));
    if (error != 0)
        status = admin_fail("%s", why);
    else if (!password_is_good(password, strlen(password)))
        status =
            admin_fail("a password has 8 characters or more, of UTF-8, and 1,024 bytes at most");
    else if (password_hash(password, strlen(password), hashed) != 0)
        status = admin_fail("there is not enough memory to hash a password");
    explicit_bzero(password, sizeof(password));
    return status;
}

int
admin_create(struct repo *repo, const struct admin_request *request)
{
    char id[IDENTIFIER_SIZE];
    char hashed[REPO_PASSWORD_SIZE];
    struct repo_account account;
    struct repo_registration registration = {
        .id = id,
        .name = request->name,
        .folded = request->folded,
        .password = hashed,
        .is_admin = !request->is_member,
    };

    /* Before somebody types a password for nothing. */
    int error = repo_account_find_by_name(repo, request->folded, &account);
    if (error == 0)
        error = -EEXIST;
    if (error == -ENOENT) {
        if (hash_password(request, hashed) != 0)
            return EXIT_FAILURE;
        identifier_make(id);
        registration.now = clock_realtime_ms();
        error = repo_account_create(repo, &registration);
        explicit_bzero(hashed, sizeof(hashed));
    }
    if (error == -EEXIST)
        return admin_fail("there is an account \"%s\" already", request->name);
    if (error != 0)
        return admin_fail_storage(request, error);
    printf("created %s id=%s%s\n", request->name, id, registration.is_admin ? " admin" : "");
    return EXIT_SUCCESS;
}

int
admin_reset_password(struct repo *repo, const struct admin_request *request)
{
    struct repo_account account;
    char hashed[REPO_PASSWORD_SIZE];

    if (admin_find(repo, request, &account) != 0 || hash_password(request, hashed) != 0)
        return EXIT_FAILURE;
    int error = repo_account_set_password(repo, account.id, NULL, hashed, 0, clock_realtime_ms());
    explicit_bzero(hashed, sizeof(hashed));
    if (error != 0)
        return admin_fail_storage(request, error);
    printf("%s has the new password, and is signed out everywhere\n", account.name);
    return EXIT_SUCCESS;
}

/* ---- promote, demote, ban, unban ----------------------------------------------------------- */

int
admin_change(struct repo *repo, const struct admin_request *request)
{
    char until[ADMIN_TIME_SIZE];
    struct repo_account account;
    int64_t now = clock_realtime_ms();
    int64_t end = 0;
    int error;

    if (admin_find(repo, request, &account) != 0)
        return EXIT_FAILURE;
    switch (request->command) {
    case ADMIN_PROMOTE:
    case ADMIN_DEMOTE:
        error = repo_account_set_admin(repo, account.id, request->command == ADMIN_PROMOTE, now);
        break;
    default:
        if (request->command == ADMIN_BAN)
            end = request->duration_ms > 0 ? now + request->duration_ms : REPO_BANNED_EVER;
        error = repo_account_ban(repo, account.id, end, now);
    }
    if (error != 0)
        return admin_fail_storage(request, error);
    if (request->command == ADMIN_BAN)
        printf("%s is banned %s%s\n", account.name, end == REPO_BANNED_EVER ? "" : "until ",
               admin_time_text(end, until));
    else if (request->command == ADMIN_UNBAN)
        printf("%s is not banned\n", account.name);
    else
        printf("%s is %s admin\n", account.name, request->command == ADMIN_PROMOTE ? "an" : "no");
    return EXIT_SUCCESS;
}

/* ---- delete -------------------------------------------------------------------------------- */

/* Waits until no instance has the user any more: what it sends until then is stored. */
static int
wait_until_gone(struct repo *repo, const char *id)
{
    const struct timespec moment = {.tv_nsec = 50000000};
    int64_t deadline = clock_monotonic_ms() + GOING_MS;
    int error;

    while ((error = repo_user_find_held(repo, id, clock_realtime_ms())) == 0) {
        if (clock_monotonic_ms() >= deadline)
            return -ETIMEDOUT;
        (void)nanosleep(&moment, NULL);
    }
    return error == -ENOENT ? 0 : error;
}

static int
erase_messages(struct repo *repo, const char *id)
{
    int64_t place = 0;
    bool done = false;
    int error = 0;

    while (error == 0 && !done)
        error = repo_user_erase(repo, id, REPO_DELETED_NAME, ERASE_PIECE, &place, &done);
    return error;
}

/*
 * The account goes last: until then it is banned for ever, and where this ends half way, doing it
 * again goes on.
 */
int
admin_delete(struct repo *repo, const struct admin_request *request)
{
    struct repo_account account;

    if (admin_find(repo, request, &account) != 0)
        return EXIT_FAILURE;
    int error = repo_account_ban(repo, account.id, REPO_BANNED_EVER, clock_realtime_ms());
    if (error == 0)
        error = wait_until_gone(repo, account.id);
    if (error == 0)
        error = erase_messages(repo, account.id);
    if (error == 0)
        error = repo_account_delete(repo, account.id, clock_realtime_ms());
    if (error == -ETIMEDOUT)
        return admin_fail(
            "%s is banned, but an instance still has it online; do this again to delete it",
            account.name);
    if (error != 0)
        return admin_fail_storage(request, error);
    printf("deleted %s\n", account.name);
    return EXIT_SUCCESS;
}
