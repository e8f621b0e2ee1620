/*
 * What the files of `chatd admin` share and nobody else sees. Main thread only.
 */
#ifndef SERVER_ADMIN_INTERNAL_H
#define SERVER_ADMIN_INTERNAL_H

#include "repo/account.h"
#include "server/admin_options.h"

#include <stdint.h>

#define ADMIN_WHY_SIZE  512
#define ADMIN_TIME_SIZE 32

/* Says on stderr, in one line and whatever there is in it, what went wrong. Returns EXIT_FAILURE. */
__attribute__((format(printf, 1, 2))) int admin_fail(const char *format, ...);

/* The same for what the repository could not do, by its negative errno. */
int admin_fail_storage(const struct admin_request *request, int error);

/* Finds the account of the request's name; if there is none, says so, and returns not 0. */
int admin_find(struct repo *repo, const struct admin_request *request, struct repo_account *out);

/* A time, in milliseconds since 1970, as ISO 8601 has it in UTC; 0 is none. Returns `out`, or a word. */
const char *admin_time_text(int64_t ms, char out[ADMIN_TIME_SIZE]);

/* The commands on one account. Each says what it did, or why not, and returns the exit status. */
int admin_create(struct repo *repo, const struct admin_request *request);
int admin_reset_password(struct repo *repo, const struct admin_request *request);
int admin_change(struct repo *repo, const struct admin_request *request);
int admin_delete(struct repo *repo, const struct admin_request *request);

#endif
