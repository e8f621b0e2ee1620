#include "server/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_REFER /* since version 2 of the interface */
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE /* since version 3 */
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* SQLite makes, writes, cuts and removes files there, and no folders. */
#define WRITES                                                                                     \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                              \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_TRUNCATE)
#define OTHERS                                                                                     \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |   \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER true
#elif defined(__has_feature)
#define HAS_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define HAS_SANITIZER false
#endif

/* What this kernel knows to forbid; 0: nothing. */
static uint64_t
known_rights(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (version < 1 || HAS_SANITIZER)
        return 0;
    uint64_t rights = READS | WRITES | OTHERS;
    if (version < 3)
        rights &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
    if (version < 2)
        rights &= ~LANDLOCK_ACCESS_FS_REFER;
    return rights;
}

/* Allows the rights below the folder. */
static int
allow(int ruleset, const char *folder, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights};

    rule.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return -errno;
    long result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int error = result < 0 ? -errno : 0;
    close(rule.parent_fd);
    return error;
}

/* The folder in which SQLite has the database, which follows links; false: it cannot be told. */
static bool
folder_of(const char *database, char folder[PATH_MAX])
{
    struct stat about;

    if (realpath(database, folder) == NULL) {
        /* A link to what does not exist yet. */
        if (lstat(database, &about) == 0 || strlen(database) >= PATH_MAX - 2)
            return false;
        snprintf(folder, PATH_MAX, "%s%s", strchr(database, '/') == NULL ? "./" : "", database);
    }
    char *slash = strrchr(folder, '/');
    slash[slash == folder ? 1 : 0] = '\0';
    return true;
}

static int
restrict_to(int ruleset, const char *folder, uint64_t rights)
{
    int error = allow(ruleset, "/", rights & READS);

    if (error == 0)
        error = allow(ruleset, folder, rights & (READS | WRITES));
    if (error == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        error = -errno;
    return error;
}

int
landlock_confine(const char *database, char *why, size_t why_size)
{
    struct landlock_ruleset_attr attributes = {.handled_access_fs = known_rights()};
    char folder[PATH_MAX];

    if (attributes.handled_access_fs == 0 || !folder_of(database, folder))
        return 0;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    int error = ruleset < 0 ? -errno : 0;
    if (error == 0) {
        error = restrict_to(ruleset, folder, attributes.handled_access_fs);
        close(ruleset);
    }
    /* Whoever opens the database will say what is wrong with its folder. */
    if (error == -ENOENT || error == -ENOTDIR || error == -EACCES)
        return 0;
    if (error != 0)
        snprintf(why, why_size, "cannot be confined to %s: %s", folder, strerror(-error));
    return error;
}
