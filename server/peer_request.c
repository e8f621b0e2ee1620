/* What civetweb knows of where a request comes from. */
#include "server/peer.h"

#include <civetweb.h>
#include <strings.h>

_Static_assert(PEER_FORWARDED_MAX >= MG_MAX_HEADERS, "there is room for every line");

void
peer_of(const struct mg_connection *connection, const char *trusted, struct peer *out)
{
    const struct mg_request_info *info = mg_get_request_info(connection);
    struct peer_request request = {.socket = info->remote_addr};

    /*
     * civetweb drops lines that are too many without a word. A proxy may add its own behind all that
     * the client sent: then they may be those, and the client's own are no proxy's.
     */
    bool is_whole = info->num_headers < MG_MAX_HEADERS;
    for (int i = 0; is_whole && i < info->num_headers; i++) {
        const struct mg_header *header = &info->http_headers[i];
        if (strcasecmp(header->name, "X-Forwarded-For") == 0)
            request.forwarded[request.forwarded_count++] = header->value;
        else if (strcasecmp(header->name, "X-Forwarded-Proto") == 0)
            request.protocol = header->value;
    }
    peer_resolve(&request, trusted, out);
}
