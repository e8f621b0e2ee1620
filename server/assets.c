/*
 * Two sources, one way out: the embedded table and the folder of --static both end in respond().
 * civetweb's own file server is not used: it would follow links out of the folder, and it knows
 * nothing of what is in the binary.
 */
#include "server/assets.h"

#include <civetweb.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/embedded_assets.h"

/*
 * The page loads its own scripts, styles and icon and talks to its own server, nothing else.
 * "vue" is the one Trusted Types policy: that of the framework, for its compiled templates.
 */
const char assets_security_headers[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; trusted-types vue; require-trusted-types-for 'script'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n";

enum { PATH_SIZE = 512 };

#define CACHE_FOR_EVER "public, max-age=31536000, immutable"
#define CACHE_CHECK    "no-cache"
#define CACHE_NEVER    "no-store"

/* One answer; a field that is NULL gives no header. */
struct answer {
    int status;
    const char *mime_type;
    const char *cache;
    const char *etag;
    const char *encoding;
    const char *vary;
    const char *allow;
    uint64_t size; /* of the body, which is not sent where there may be none */
};

static bool
is_head(const struct mg_connection *connection)
{
    return strcmp(mg_get_request_info(connection)->request_method, "HEAD") == 0;
}

static void
add_header(struct mg_connection *connection, const char *name, const char *value)
{
    if (value)
        mg_response_header_add(connection, name, value, -1);
}

/* Sends the headers; returns whether a body is to follow. */
static bool
respond(struct mg_connection *connection, const struct answer *answer)
{
    char size[24];

    mg_response_header_start(connection, answer->status);
    mg_response_header_add_lines(connection, assets_security_headers);
    add_header(connection, "Cache-Control", answer->cache);
    add_header(connection, "ETag", answer->etag);
    add_header(connection, "Vary", answer->vary);
    add_header(connection, "Allow", answer->allow);
    if (answer->status != 304) {
        snprintf(size, sizeof size, "%ju", (uintmax_t)answer->size);
        add_header(connection, "Content-Type", answer->mime_type);
        add_header(connection, "Content-Encoding", answer->encoding);
        add_header(connection, "Content-Length", size);
    }
    mg_response_header_send(connection);
    return answer->status != 304 && !is_head(connection);
}

static int
respond_text(struct mg_connection *connection, int status, const char *allow, const char *text)
{
    const struct answer answer = {
        .status = status,
        .mime_type = "text/plain; charset=utf-8",
        .cache = CACHE_NEVER,
        .allow = allow,
        .size = strlen(text),
    };

    if (respond(connection, &answer))
        mg_write(connection, text, strlen(text));
    return status;
}

static int
not_found(struct mg_connection *connection)
{
    return respond_text(connection, 404, NULL, "There is nothing here.\n");
}

/* Whether parameters such as ";q=0.0", which end at a comma, give a weight of zero. */
static bool
weight_is_zero(const char *parameters)
{
    const char *p = parameters + strcspn(parameters, "qQ,");

    if (*p == '\0' || *p == ',')
        return false; /* no weight is a weight of one */
    p++;
    p += strspn(p, " \t=");
    size_t length = strcspn(p, " \t;,");
    return length > 0 && strspn(p, "0.") == length;
}

/* Accept-Encoding: what is named counts before "*". */
static bool
accepts_gzip(const struct mg_connection *connection)
{
    const char *p = mg_get_header(connection, "Accept-Encoding");
    bool any = false;

    while (p && *p) {
        p += strspn(p, ", \t");
        size_t length = strcspn(p, ",; \t");
        bool accepted = !weight_is_zero(p + length);
        if (length == 4 && strncasecmp(p, "gzip", 4) == 0)
            return accepted;
        if (length == 1 && *p == '*')
            any = accepted;
        p += length;
        p += strcspn(p, ",");
    }
    return any;
}

/* If-None-Match: "*" or a list of tags, which may be weak. Compared weakly, as the header asks. */
static bool
is_unchanged(const struct mg_connection *connection, const char *etag)
{
    const char *p = mg_get_header(connection, "If-None-Match");
    size_t length = strlen(etag);

    while (p && *p) {
        p += strspn(p, ", \t");
        if (*p == '*')
            return true;
        if (strncmp(p, "W/", 2) == 0)
            p += 2;
        if (*p != '"')
            return false; /* not a tag, and none can be trusted to follow */
        if (strncmp(p, etag, length) == 0)
            return true;
        p += 1 + strcspn(p + 1, "\"");
        p += *p == '"';
    }
    return false;
}

static const struct embedded_asset *
find_embedded(const char *path)
{
    for (size_t i = 0; i < embedded_assets_count; i++)
        if (strcmp(embedded_assets[i].path, path) == 0)
            return &embedded_assets[i];
    return NULL;
}

static int
serve_embedded(struct mg_connection *connection, const char *path)
{
    const struct embedded_asset *asset = find_embedded(path);

    if (!asset)
        return not_found(connection);

    bool gzip = asset->gzip.bytes && accepts_gzip(connection);
    const struct embedded_body *body = gzip ? &asset->gzip : &asset->plain;
    const struct answer answer = {
        .status = is_unchanged(connection, body->etag) ? 304 : 200,
        .mime_type = asset->mime_type,
        .cache = asset->immutable ? CACHE_FOR_EVER : CACHE_CHECK,
        .etag = body->etag,
        .encoding = gzip ? "gzip" : NULL,
        .vary = "Accept-Encoding",
        .size = body->size,
    };

    if (respond(connection, &answer))
        mg_write(connection, body->bytes, body->size);
    return answer.status;
}

/*
 * Opens a file below the folder, one name at a time, following no link, so that whatever changes in
 * the folder meanwhile, nothing outside of it can be reached. The caller closes it. Returns the
 * descriptor or -errno.
 */
static int
open_below(const char *folder, const char *path)
{
    char name[PATH_SIZE];
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK; /* no waiting for a FIFO's writer */
    int at = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);

    while (at >= 0 && *path == '/') {
        size_t length = strcspn(++path, "/");
        memcpy(name, path, length); /* is_plain() has seen that it fits */
        name[length] = '\0';
        path += length;
        int next = openat(at, name, flags | (*path ? O_DIRECTORY : 0));
        int error = errno;
        close(at);
        at = next;
        errno = error;
    }
    return at >= 0 ? at : -errno;
}

/* Returns false when not all of the announced size could be sent. */
static bool
send_file(struct mg_connection *connection, int file, uint64_t size)
{
    char buffer[16 * 1024];

    while (size > 0) {
        ssize_t got = read(file, buffer, size < sizeof buffer ? (size_t)size : sizeof buffer);
        if (got <= 0 || mg_write(connection, buffer, (size_t)got) != got)
            return false;
        size -= (uint64_t)got;
    }
    return true;
}

static int
serve_folder(struct mg_connection *connection, const char *folder, const char *path)
{
    const char *type = mg_get_builtin_mime_type(path);
    char mime_type[96];
    struct stat status;
    int file = open_below(folder, path);

    if (file < 0)
        return not_found(connection);
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(file);
        return not_found(connection);
    }
    bool text = strncmp(type, "text/", 5) == 0 || strcmp(type, "application/javascript") == 0 ||
                strcmp(type, "image/svg+xml") == 0;
    snprintf(mime_type, sizeof mime_type, "%s%s", type, text ? "; charset=utf-8" : "");
    const struct answer answer = {
        .status = 200,
        .mime_type = mime_type,
        .cache = CACHE_NEVER,
        .size = (uint64_t)status.st_size,
    };

    if (respond(connection, &answer) && !send_file(connection, file, answer.size))
        mg_disable_connection_keep_alive(connection);
    close(file);
    return answer.status;
}

/*
 * Whether a path, as it was sent, is made of plain names only. The page has no others, and so no
 * escape, no backslash, no dot file and no ".." ever gets further than this.
 */
static bool
is_plain(const char *path)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_./";

    if (*path != '/' || strlen(path) >= PATH_SIZE || path[strspn(path, allowed)] != '\0')
        return false;
    return !strstr(path, "//") && !strstr(path, "/.");
}

int
assets_serve(struct mg_connection *connection, const char *static_directory)
{
    const struct mg_request_info *request = mg_get_request_info(connection);
    const char *path = request->local_uri_raw;

    if (strcmp(request->request_method, "GET") != 0 && !is_head(connection))
        return respond_text(connection, 405, "GET, HEAD", "Only GET and HEAD are answered here.\n");
    if (!path || !is_plain(path))
        return not_found(connection);
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    return static_directory ? serve_folder(connection, static_directory, path)
                            : serve_embedded(connection, path);
}
