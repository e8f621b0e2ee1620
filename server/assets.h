/*
 * The page: the files that the build put into the binary, or those of a folder (--static).
 *
 * Embedded files are served with a strong ETag, gzip where accepted and where it is smaller, and
 * caching for ever of what has a hash in its name. A folder's files are served without caching.
 * Every answer carries the security headers (Content-Security-Policy and the like).
 */
#ifndef SERVER_ASSETS_H
#define SERVER_ASSETS_H

struct mg_connection;

/* The security headers, each line ended by CRLF, for every HTTP answer of this server. */
extern const char assets_security_headers[];

/*
 * Answers a GET or HEAD for the request's path (any other method: 405; no such file: 404).
 * `static_directory` is the folder of --static, or NULL for the embedded files. Called from a
 * civetweb worker; blocks on the HTTP client only. Returns the HTTP status that was sent.
 */
int assets_serve(struct mg_connection *connection, const char *static_directory);

#endif
