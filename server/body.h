/*
 * The body of a request: one JSON object. Called from civetweb's workers; blocks on the HTTP client,
 * for some seconds at most.
 */
#ifndef SERVER_BODY_H
#define SERVER_BODY_H

#include <cjson/cJSON.h>
#include <stddef.h>

struct mg_connection;
struct server;

/*
 * Reads it. Returns 0 and the object in *out, which the caller ends with body_free; or the HTTP
 * status with which the request was answered: 415 when it says not that it is JSON, 413, 400, 408
 * when it did not come in time, or 503.
 */
int body_read(struct server *server, struct mg_connection *connection, cJSON **out);

/*
 * Parses `length` bytes of text as a body has to be: one JSON object in valid UTF-8, and nothing
 * else. NULL when it is not, with a text for a person in *problem. Does not block.
 */
cJSON *body_parse(const char *text, size_t length, const char **problem);

/* Clears what it has, which may be a password, and frees it; it may be NULL. */
void body_free(cJSON *body);

/* The string of that key, or NULL when there is none. */
const char *body_string(const cJSON *body, const char *key);

#endif
