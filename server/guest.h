/*
 * Who may come in: accounts by their sessions, and guests, who have none, where they may. Called from
 * civetweb's workers.
 *
 * Each function returns NULL, or the HTTP status with which the request is to be refused, and then
 * *error is filled in.
 */
#ifndef SERVER_GUEST_H
#define SERVER_GUEST_H

struct event_error;
struct identity;
struct mg_connection;
struct server;

/* Whether --auth lets guests in at all. Does not block. */
const char *guest_refuse(const struct server *server, struct event_error *error);

/* Whether the guest's name has become an account's. Blocks on the repository for a read. */
const char *guest_refuse_name(const struct server *server, const struct identity *guest,
                              struct event_error *error);

/*
 * Finds whom the request's token stands for, or else makes a new guest of the query's `name`. The
 * caller clears *out. Blocks on the repository, for reads. That nobody gets past this with a name of
 * which an account is being made, and no page with an account's name, is seen to where an arrival is
 * stored.
 */
const char *guest_identify(const struct server *server, const struct mg_connection *connection,
                           struct identity *out, struct event_error *error);

#endif
