/*
 * The command line of `chatd admin`. Used by the main thread only.
 */
#ifndef SERVER_ADMIN_OPTIONS_H
#define SERVER_ADMIN_OPTIONS_H

#include "repo/repo.h"
#include "rooms/name_fold.h"
#include "server/options.h"

#include <stdbool.h>
#include <stdint.h>

enum admin_command {
    ADMIN_LIST,
    ADMIN_CREATE,
    ADMIN_RESET_PASSWORD,
    ADMIN_PROMOTE,
    ADMIN_DEMOTE,
    ADMIN_BAN,
    ADMIN_UNBAN,
    ADMIN_DELETE,
    ADMIN_EXPORT,
    ADMIN_INVITE,
    ADMIN_COMMAND_COUNT,
};

/* What is to be done. */
struct admin_request {
    enum admin_command command;
    const char *database;           /* --db */
    const char *password_file;      /* --password-file, or NULL */
    bool is_member;                 /* --member */
    int64_t duration_ms;            /* --for; 0 where it is not there */
    unsigned uses;                  /* --uses */
    char name[REPO_USER_NAME_SIZE]; /* of whom; empty where the command takes none */
    char folded[NAME_FOLD_SIZE];    /* the same as it is compared */
};

/*
 * Reads argv, whose first word is skipped, and CHATD_DB in the environment. Strings point there.
 * OPTIONS_EXIT: --help was answered. OPTIONS_ERROR: *why has one line, with no control character.
 */
enum options_result admin_options_parse(int argc, char **argv, struct admin_request *request,
                                        char *why, size_t why_size);

#endif
