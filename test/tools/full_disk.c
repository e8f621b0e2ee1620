/*
 * Preloaded into a program: as long as the file that FULL_DISK names is there, the disk is full for
 * regular files: what would make one longer fails with ENOSPC, and what is there can be written over.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int
is_refused(int fd, off64_t end)
{
    const char *full = getenv("FULL_DISK");
    struct stat status;

    return full != NULL && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
           end > status.st_size && access(full, F_OK) == 0;
}

ssize_t
pwrite64(int fd, const void *buf, size_t n, off64_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);

    if (is_refused(fd, offset + (off64_t)n)) {
        errno = ENOSPC;
        return -1;
    }
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    return real(fd, buf, n, offset);
}
