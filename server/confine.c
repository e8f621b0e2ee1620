#include "server/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sets the capabilities of the thread, which is the only one yet (capabilities(7)). */
static int
keep_capability(unsigned which)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    data[which / 32].permitted = data[which / 32].effective = UINT32_C(1) << which % 32;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int
become(const struct passwd *user)
{
    /* Capabilities stay over the change of the user, where they are asked to. */
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(user->pw_name, user->pw_gid) < 0 ||
        setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
        return -errno;
    int error = keep_capability(CAP_NET_BIND_SERVICE);
    if (error == 0 && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        error = -errno;
    return error;
}

int
confine_process(const char *user_name, char *why, size_t why_size)
{
    const struct passwd *user = NULL;

    if (user_name != NULL) {
        errno = 0;
        user = getpwnam(user_name);
        if (user == NULL) {
            snprintf(why, why_size, "--user: there is no user %s", user_name);
            return errno != 0 ? -errno : -ENOENT;
        }
        /* Who is that user already has nothing to give up. */
        int error = user->pw_uid != geteuid() ? become(user) : 0;
        if (error != 0) {
            snprintf(why, why_size, "--user: cannot become %s: %s", user_name, strerror(-error));
            return error;
        }
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        int error = -errno;
        snprintf(why, why_size, "cannot give up new rights: %s", strerror(-error));
        return error;
    }
    (void)umask(umask(0077) | 0077);
    return 0;
}
