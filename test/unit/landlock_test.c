/* Where a confined process may still write. Each check is made by a process of its own. */
#include "server/landlock.h"
#include "test/unit/repo_fixture.h"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char outside[64];

/* Opens the file, and says what came of it: 0 or an errno. */
static int
try_open(const char *folder, const char *name, int flags)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    require(close(fd) == 0);
    return 0;
}

static int
write_beside(void)
{
    return try_open(fixture_folder, "chat.db-wal", O_CREAT | O_RDWR | O_TRUNC);
}

static int
remove_beside(void)
{
    return unlink(fixture_path) == 0 ? 0 : errno;
}

static int
make_folder_beside(void)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/folder", fixture_folder);
    return mkdir(path, 0700) == 0 ? 0 : errno;
}

static int
make_elsewhere(void)
{
    return try_open(outside, "new", O_CREAT | O_RDWR);
}

static int
write_elsewhere(void)
{
    return try_open(outside, "there", O_WRONLY);
}

static int
cut_elsewhere(void)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/there", outside);
    return truncate(path, 0) == 0 ? 0 : errno;
}

static int
read_elsewhere(void)
{
    return try_open(outside, "there", O_RDONLY);
}

static int
run_something(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return errno;
}

/* What the function says in a process that is confined to the database's folder; -1: it is not. */
static int
confined(const char *database, int (*function)(void))
{
    int status;
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        char why[256];
        require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        _exit(landlock_confine(database, why, sizeof(why)) == 0 ? function() : 255);
    }
    require(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool
is_possible(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#else
    /* Truncating is told apart from version 3 on. */
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 3;
#endif
}

static void
test_confined(void)
{
    ok(confined(fixture_path, write_beside) == 0, "it makes and cuts files beside its database");
    ok(confined(fixture_path, remove_beside) == 0, "and removes them");
    ok(confined(fixture_path, make_folder_beside) == EACCES, "it makes no folders");
    ok(confined(fixture_path, make_elsewhere) == EACCES, "it makes no files elsewhere");
    ok(confined(fixture_path, write_elsewhere) == EACCES, "nor opens one to write");
    ok(confined(fixture_path, cut_elsewhere) == EACCES, "nor cuts one");
    ok(confined(fixture_path, read_elsewhere) == 0, "but it reads");
    ok(confined(fixture_path, run_something) == EACCES, "it runs no program");

    char link[160];
    snprintf(link, sizeof(link), "%s/link.db", fixture_folder);
    char there[160];
    snprintf(there, sizeof(there), "%s/there", outside);
    require(symlink(there, link) == 0);
    ok(confined(link, make_elsewhere) == 0 && confined(link, write_beside) == EACCES,
       "a database that is a link is where that leads");
}

int
main(void)
{
    fixture_begin();
    snprintf(outside, sizeof(outside), "/tmp/chatd-outside-XXXXXX");
    require(mkdtemp(outside) != NULL);
    require(try_open(fixture_folder, "chat.db", O_CREAT | O_RDWR) == 0);
    require(try_open(outside, "there", O_CREAT | O_RDWR) == 0);
    char why[256] = "";
    ok(landlock_confine("/nowhere/at/all/chat.db", why, sizeof(why)) == 0 && why[0] == '\0' &&
           make_elsewhere() == 0,
       "a folder that there is not is left to who opens the database");
    if (is_possible())
        test_confined();
    else
        ok(true, "confined # SKIP no Landlock here, or a sanitizer's build");
    char command[200];
    snprintf(command, sizeof(command), "%s/new", outside);
    require(unlink(command) == 0);
    snprintf(command, sizeof(command), "%s/there", outside);
    require(unlink(command) == 0 && rmdir(outside) == 0);
    return fixture_end();
}
