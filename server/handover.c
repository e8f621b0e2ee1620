#include "server/handover.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

int
handover_open(struct handover *handover)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    /* Closed at once: whoever reads from the first one is told the end. */
    if (close(pair[1]) < 0) {
        int error = errno;
        close(pair[0]);
        return -error;
    }
    handover->dummy = pair[0];
    handover->base = pair[1] + HANDOVER_DESCRIPTORS;
    return 0;
}

void
handover_close(struct handover *handover)
{
    close(handover->dummy);
}

static bool
fits(int descriptor, const struct sockaddr_in *peer, in_port_t own_port)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address);

    if (getpeername(descriptor, (struct sockaddr *)&address, &size) < 0 ||
        size != sizeof(address) || address.sin_family != AF_INET ||
        address.sin_port != peer->sin_port || address.sin_addr.s_addr != peer->sin_addr.s_addr)
        return false;
    size = sizeof(address);
    return getsockname(descriptor, (struct sockaddr *)&address, &size) == 0 &&
           address.sin_port == own_port;
}

/* All of them are looked at: where two fit, none is taken. */
static int
find(const struct handover *handover, const struct mg_request_info *request)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    int found = -ENOENT;

    if (inet_pton(AF_INET, request->remote_addr, &peer.sin_addr) != 1)
        return -EAFNOSUPPORT;
    peer.sin_port = htons((in_port_t)request->remote_port);
    for (int descriptor = 0; descriptor < handover->base; descriptor++) {
        if (!fits(descriptor, &peer, htons((in_port_t)request->server_port)))
            continue;
        if (found >= 0)
            return -EEXIST;
        found = descriptor;
    }
    return found;
}

int
handover_take(const struct handover *handover, const struct mg_request_info *request, int *socket)
{
    int theirs = find(handover, request);
    if (theirs < 0)
        return theirs;
    int ours = fcntl(theirs, F_DUPFD_CLOEXEC, handover->base);
    if (ours < 0)
        return -errno;
    int flags = fcntl(ours, F_GETFL);
    if (flags < 0 || fcntl(ours, F_SETFL, flags | O_NONBLOCK) < 0 ||
        dup3(handover->dummy, theirs, O_CLOEXEC) < 0) {
        int error = errno;
        close(ours);
        return -error;
    }
    *socket = ours;
    return 0;
}
