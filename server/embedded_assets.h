/*
 * The table of the page's files that the build puts into the binary; scripts/embed.mjs writes its
 * definition. Everything in it is immutable.
 */
#ifndef SERVER_EMBEDDED_ASSETS_H
#define SERVER_EMBEDDED_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct embedded_body {
    const unsigned char *bytes; /* NULL: there is no such form of the file */
    size_t size;
    const char *etag; /* with its quotes; the two forms of a file have different ones */
};

struct embedded_asset {
    const char *path;      /* "/index.html": from the root, as in a request */
    const char *mime_type; /* with the charset where it is text */
    bool immutable;        /* the name has a hash of the contents in it */
    struct embedded_body plain;
    struct embedded_body gzip; /* only where it is smaller */
};

extern const struct embedded_asset embedded_assets[];
extern const size_t embedded_assets_count;

#endif
