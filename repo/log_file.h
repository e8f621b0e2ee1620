/*
 * SQLite writes each page of a transaction to its log with two system calls, a short one for the
 * frame's head and one for the page. Here is a VFS that gathers what a COMMIT writes there, so that
 * it is one system call for 64 KiB. All else goes straight to the system's default VFS.
 *
 * Nothing may be left to be written when the COMMIT has ended, as from then on others read the log,
 * and write there. So gathering begins with the COMMIT and ends with the page that the log's format
 * marks as a transaction's last one: that is written out together with all before it, and it is that
 * write whose failure is the COMMIT's (https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
 */
#ifndef REPO_LOG_FILE_H
#define REPO_LOG_FILE_H

#include <sqlite3.h>
#include <stdbool.h>

/* The name of the VFS, for sqlite3_open_v2. */
#define LOG_FILE_VFS "chatd-log"

/* Makes SQLite know the VFS; more than once does no harm. Any thread. Returns 0 or -ENOMEM. */
int log_file_register(void);

/* Before a COMMIT: gathers what it writes to the log. The thread that uses the connection. */
void log_file_begin(sqlite3 *database);

/* After a COMMIT. Returns whether all is written; what a failed one has left is forgotten. */
bool log_file_end(sqlite3 *database);

#endif
