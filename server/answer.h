/*
 * HTTP answers of what is not a file: each with the security headers, never to be kept, and the
 * last one of its connection. Called from civetweb's workers; blocks on the HTTP client only.
 */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The status of who has no token, or not a good one. */
#define ANSWER_UNAUTHORIZED "401 Unauthorized\r\nWWW-Authenticate: Bearer"

struct event_error;
struct mg_connection;

/* Whether the request is a HEAD, which is answered like a GET, without the body. */
bool answer_is_head(const struct mg_connection *connection);

/*
 * Answers with `length` bytes of text of that MIME type. `status` is what follows HTTP/1.1 in the
 * status line, and may have header lines behind it, each begun with CRLF.
 */
void answer_text(struct mg_connection *connection, const char *status, const char *type,
                 const char *text, size_t length);

/* Answers without a body; `status`, of 204, as above. */
void answer_empty(struct mg_connection *connection, const char *status);

/* As answer_text with the protocol's `error` document, and a Retry-After where that says `retry`. */
void answer_error(struct mg_connection *connection, const char *status,
                  const struct event_error *error);

/* Answers 429 to who met a limit. Returns 429. */
int answer_limited(struct mg_connection *connection, const char *code, const char *message,
                   int64_t retry_after_ms);

#endif
