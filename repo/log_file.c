#include "repo/log_file.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GATHERED_MAX 65536 /* the largest page that there can be */
#define FRAME_HEAD_SIZE                                                                            \
    24 /* of a frame; bytes 4 to 7 are 0 unless it is a transaction's last one */

/* The log of one connection, which the thread that uses that connection uses. */
struct log_file {
    sqlite3_file file;
    enum { PASSES, GATHERS, ENDS } state; /* ENDS: the next write is the last one of the COMMIT */
    sqlite3_int64 offset;                 /* where in the file what is gathered begins */
    int size;                             /* bytes gathered */
    char *gathered;        /* GATHERED_MAX bytes, from the first COMMIT on, or NULL */
    sqlite3_file system[]; /* the file itself, as the system's VFS has it */
};

static sqlite3_vfs *
system_vfs(const sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

/* ---- the file ----------------------------------------------------------------------------- */

static struct log_file *
log_of(sqlite3_file *file)
{
    return (struct log_file *)file;
}

static const struct sqlite3_io_methods *
methods_of(sqlite3_file *file)
{
    return log_of(file)->system->pMethods;
}

static int
write_gathered(struct log_file *log)
{
    int size = log->size;
    log->size = 0;
    if (size == 0)
        return SQLITE_OK;
    return log->system->pMethods->xWrite(log->system, log->gathered, size, log->offset);
}

static int
log_close(sqlite3_file *file)
{
    assert(log_of(file)->size == 0);
    free(log_of(file)->gathered);
    return methods_of(file)->xClose(log_of(file)->system);
}

static int
log_read(sqlite3_file *file, void *out, int size, sqlite3_int64 offset)
{
    int code = write_gathered(log_of(file));
    return code != SQLITE_OK ? code
                             : methods_of(file)->xRead(log_of(file)->system, out, size, offset);
}

/* Adds to what is gathered, which has room for it and ends at `offset`. */
static void
gather(struct log_file *log, const void *data, int size, sqlite3_int64 offset)
{
    if (log->size == 0)
        log->offset = offset;
    assert(log->size + size <= GATHERED_MAX);
    memcpy(log->gathered + log->size, data, (size_t)size);
    log->size += size;
}

static int
log_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    static const char none[4];
    struct log_file *log = log_of(file);
    bool fits = log->size + size <= GATHERED_MAX && log->offset + log->size == offset;
    int code = fits ? SQLITE_OK : write_gathered(log);
    if (code != SQLITE_OK)
        return code;
    if (log->state == PASSES)
        return methods_of(file)->xWrite(log->system, data, size, offset);
    gather(log, data, size, offset);
    if (log->state == ENDS) {
        log->state = PASSES;
        return write_gathered(log);
    }
    if (size == FRAME_HEAD_SIZE && memcmp((const char *)data + 4, none, sizeof(none)) != 0)
        log->state = ENDS;
    return SQLITE_OK;
}

static int
log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = write_gathered(log_of(file));
    return code != SQLITE_OK ? code : methods_of(file)->xTruncate(log_of(file)->system, size);
}

static int
log_sync(sqlite3_file *file, int flags)
{
    int code = write_gathered(log_of(file));
    return code != SQLITE_OK ? code : methods_of(file)->xSync(log_of(file)->system, flags);
}

static int
log_size(sqlite3_file *file, sqlite3_int64 *out)
{
    int code = write_gathered(log_of(file));
    return code != SQLITE_OK ? code : methods_of(file)->xFileSize(log_of(file)->system, out);
}

static int
log_lock(sqlite3_file *file, int level)
{
    return methods_of(file)->xLock(log_of(file)->system, level);
}

static int
log_unlock(sqlite3_file *file, int level)
{
    return methods_of(file)->xUnlock(log_of(file)->system, level);
}

static int
log_is_reserved(sqlite3_file *file, int *out)
{
    return methods_of(file)->xCheckReservedLock(log_of(file)->system, out);
}

static int
log_control(sqlite3_file *file, int operation, void *argument)
{
    return methods_of(file)->xFileControl(log_of(file)->system, operation, argument);
}

static int
log_sector_size(sqlite3_file *file)
{
    return methods_of(file)->xSectorSize(log_of(file)->system);
}

static int
log_characteristics(sqlite3_file *file)
{
    return methods_of(file)->xDeviceCharacteristics(log_of(file)->system);
}

/* Version 1: what came later is for a database's file, and not for its log. */
static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_characteristics,
};

/* The connection's log, if it has one yet. */
static struct log_file *
find_log(sqlite3 *database)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    assert(code == SQLITE_OK);
    return file != NULL && file->pMethods == &log_methods ? log_of(file) : NULL;
}

void
log_file_begin(sqlite3 *database)
{
    struct log_file *log = find_log(database);
    if (log == NULL)
        return;
    assert(log->state == PASSES && log->size == 0);
    if (log->gathered == NULL)
        log->gathered = malloc(GATHERED_MAX);
    if (log->gathered != NULL)
        log->state = GATHERS;
}

bool
log_file_end(sqlite3 *database)
{
    struct log_file *log = find_log(database);
    if (log == NULL)
        return true;
    bool all = log->size == 0;
    log->state = PASSES;
    log->size = 0;
    return all;
}

/* ---- the VFS ------------------------------------------------------------------------------ */

static int
vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    struct log_file *log = log_of(file);
    sqlite3_vfs *system = system_vfs(vfs);
    if ((flags & SQLITE_OPEN_WAL) == 0)
        return system->xOpen(system, name, file, flags, out_flags);
    *log = (struct log_file){0};
    log->system->pMethods = NULL;
    int code = system->xOpen(system, name, log->system, flags, out_flags);
    /* With methods, a file is closed even if it could not be opened. */
    if (log->system->pMethods != NULL)
        log->file.pMethods = &log_methods;
    return code;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    return system_vfs(vfs)->xDelete(system_vfs(vfs), name, sync);
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    return system_vfs(vfs)->xAccess(system_vfs(vfs), name, flags, out);
}

static int
vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    return system_vfs(vfs)->xFullPathname(system_vfs(vfs), name, size, out);
}

static int
vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    return system_vfs(vfs)->xRandomness(system_vfs(vfs), size, out);
}

static int
vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    return system_vfs(vfs)->xSleep(system_vfs(vfs), microseconds);
}

static int
vfs_time(sqlite3_vfs *vfs, double *out)
{
    return system_vfs(vfs)->xCurrentTime(system_vfs(vfs), out);
}

static int
vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    return system_vfs(vfs)->xGetLastError(system_vfs(vfs), size, out);
}

static sqlite3_vfs log_vfs = {
    .iVersion = 1,
    .zName = LOG_FILE_VFS,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xGetLastError = vfs_last_error,
};

static int registered = -ENOMEM;

static void
register_once(void)
{
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    if (system == NULL)
        return;
    log_vfs.pAppData = system;
    log_vfs.mxPathname = system->mxPathname;
    log_vfs.szOsFile = (int)sizeof(struct log_file) + system->szOsFile;
    if (sqlite3_vfs_register(&log_vfs, 0) == SQLITE_OK)
        registered = 0;
}

int
log_file_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int error = pthread_once(&once, register_once);
    assert(error == 0);
    return registered;
}
