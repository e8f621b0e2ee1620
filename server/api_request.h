/*
 * What the requests below /api have in common: who asks, whether it may, and answers. Called from
 * civetweb's workers; blocks on the HTTP client.
 *
 * A function that may answer by itself returns 0 where it did not, and else the HTTP status.
 */
#ifndef SERVER_API_REQUEST_H
#define SERVER_API_REQUEST_H

#include <cjson/cJSON.h>
#include <stdint.h>

struct identity;
struct mg_connection;
struct server;

/* Answers with an `error` document; `status` begins with the number, which is returned. */
int api_refuse(struct mg_connection *connection, const char *status, const char *code,
               const char *message);

/* Answers 503, to try again, for a negative errno of the repository or of hashing, and logs it. */
int api_refuse_unavailable(struct mg_connection *connection, int error, const char *what);

/* Answers 405 unless the request is a GET or HEAD. */
int api_check_read(struct mg_connection *connection);

/*
 * Answers unless the request has that method, and does not come from a web page of another site: a
 * browser sends our cookie along with whatever it is made to ask.
 */
int api_check_change(const struct server *server, struct mg_connection *connection,
                     const char *method);

/*
 * Finds who asks. Answers 401 where nobody is known by what the request has, 403 where that one is
 * banned, 409 where it is a guest whose name is an account's by now, or 503. The caller clears *out. Blocks on the repository for a read.
 */
int api_identify(const struct server *server, struct mg_connection *connection,
                 struct identity *out);

/*
 * For what only accounts may change: as api_check_change and api_identify, and answers 403 where that
 * is no account. *out is cleared already.
 */
int api_admit_account(const struct server *server, struct mg_connection *connection,
                      const char *method, struct identity *out);

/*
 * Answers with the document, which is freed, and may be NULL when memory is out. `status` may have
 * header lines behind it, each begun with CRLF.
 */
int api_answer(struct mg_connection *connection, const char *status, cJSON *document);

/* Adds a whole number as the digits that it has; false when memory is out. */
cJSON_bool api_add_integer(cJSON *object, const char *key, int64_t value);

#endif
