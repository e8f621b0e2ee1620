/*
 * The upgrade on /ws: who is let in, and the hand-over to an I/O loop. Between http.c and client.c;
 * called from civetweb's workers unless it says otherwise.
 *
 * Who comes back with a token is looked for in the repository before the upgrade is answered. That
 * is a read, which waits for no write.
 */
#ifndef SERVER_UPGRADE_H
#define SERVER_UPGRADE_H

#include "server/handover.h"

#include <stdbool.h>

struct mg_connection;
struct mg_context;
struct server;

struct upgrade {
    struct server *server;    /* [I] not owned */
    struct handover handover; /* [I] */
};

/* Prepares upgrades, just before civetweb is started. Returns 0 or a negative errno. */
int upgrade_open(struct upgrade *upgrade, struct server *server);

/* Once civetweb has stopped. */
void upgrade_close(struct upgrade *upgrade);

/* Has civetweb come here for /ws. The main thread. */
void upgrade_install(struct upgrade *upgrade, struct mg_context *civetweb);

/*
 * For every request, before anything else: whether it asks for an upgrade as it must not, and has
 * been answered so. Blocks on the HTTP client only.
 */
bool upgrade_answers(struct upgrade *upgrade, struct mg_connection *connection);

/* Answers a request for /ws that asks for no upgrade; returns the HTTP status. */
int upgrade_refuse_plain(struct upgrade *upgrade, struct mg_connection *connection);

/*
 * For every connection that civetweb closes: nothing of it is kept, and one that was let in and did
 * not become a client is not counted any more.
 */
void upgrade_forget(struct upgrade *upgrade, const struct mg_connection *connection);

#endif
