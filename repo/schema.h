/*
 * Makes a file ready for use: a database that is ours, in the mode that we need, with the tables of
 * today. The file's user_version says how many of the migrations it has had.
 */
#ifndef REPO_SCHEMA_H
#define REPO_SCHEMA_H

#include <stddef.h>

struct connection;

/*
 * Prepares the file that was opened: checks it, switches it to write-ahead logging, and migrates it
 * in one transaction. A file that is refused is left as it is: -EINVAL when it is another program's,
 * -ENOTSUP when a newer version of ours wrote it. `why` has the reason where it is one of these.
 */
int schema_prepare(struct connection *connection, char *why, size_t why_size);

/*
 * Says in one line why the file of this path could not be opened, in the words of `reason` if there
 * are any, and returns the error as repo_open promises it.
 */
int schema_explain(struct connection *connection, int error, const char *path, const char *reason,
                   char *why, size_t why_size);

#endif
