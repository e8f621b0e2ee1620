/*
 * Web pages of other sites that may use /api: those in --origin, with a token, as the cookie is sent to
 * the server's own pages only (CORS: the Fetch standard, 3.3). civetweb's workers; nothing here blocks.
 */
#ifndef SERVER_CROSS_ORIGIN_H
#define SERVER_CROSS_ORIGIN_H

#define CROSS_ORIGIN_SIZE 512 /* of the header lines, with the end */

struct mg_connection;
struct options;

/* Writes the header lines of any answer, each with its CRLF; none where --origin has no sites. */
void cross_origin_lines(const struct mg_connection *connection, const struct options *options,
                        char out[CROSS_ORIGIN_SIZE]);

/*
 * Answers a browser that asks whether such a page may ask what it is about to. Returns the status, or 0
 * where the request is none of these.
 */
int cross_origin_preflight(struct mg_connection *connection, const struct options *options);

#endif
