/*
 * What is stored of one user, as a JSON document for that user. Used by the main thread of `chatd
 * admin` only.
 */
#ifndef SERVER_ADMIN_EXPORT_H
#define SERVER_ADMIN_EXPORT_H

#include <stdio.h>

struct repo;
struct repo_account;

/*
 * Writes the account, its sessions, its rooms and its messages to the stream. Blocks on the
 * repository, and on the stream while no read is under way. Returns 0 or a negative errno: then what
 * was written is no whole document.
 */
int admin_export(struct repo *repo, const struct repo_account *account, FILE *stream);

#endif
