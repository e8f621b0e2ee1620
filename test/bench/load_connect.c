/* Connections: each from its own port, from as many loopback addresses as that takes. */
#include "test/bench/load.h"
#include "test/bench/wire.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_OF_AN_ADDRESS 10000 /* fewer than there are: some still wait from the last run */
#define FIRST_SOURCE        0x7f000002u /* 127.0.0.2 */
#define SILENT_BUFFER       4096

static const struct sockaddr_in *
server_of(const struct load *load, uint32_t index)
{
    const struct load_options *options = &load->options;
    uint32_t turn = options->rooms > 0 ? index / options->rooms : index;

    return &options->servers[turn % options->server_count];
}

/* Closing resets: nothing is left in TIME_WAIT, where it would take the next run's ports. */
static int
prepare_socket(const struct load_client *client, uint32_t index)
{
    struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(FIRST_SOURCE + index / PORTS_OF_AN_ADDRESS),
    };
    struct linger reset = {.l_onoff = 1};
    int on = 1;
    int small = SILENT_BUFFER;
    int fd = client->socket;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0)
        return -errno;
    if (client->silent && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) < 0)
        return -errno;
    return bind(fd, (struct sockaddr *)&source, sizeof(source)) < 0 ? -errno : 0;
}

void
load_start_client(struct load *load, struct load_client *client)
{
    uint32_t index = (uint32_t)(client - load->clients);
    const struct sockaddr_in *server = server_of(load, index);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};

    load->started++;
    client->state = LOAD_CONNECTING;
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = client->socket < 0 ? -errno : prepare_socket(client, index);
    if (error == 0 && connect(client->socket, (const struct sockaddr *)server, sizeof(*server)) < 0)
        error = errno == EINPROGRESS ? 0 : -errno;
    if (error == 0 && epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->socket, &event) < 0)
        error = -errno;
    if (error != 0)
        load_end_client(load, client, strerror(-error));
}

void
load_connected(struct load *load, struct load_client *client)
{
    char request[320];
    int error = 0;
    socklen_t size = sizeof(error);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    if (getsockopt(client->socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
        load_end_client(load, client, strerror(error != 0 ? error : errno));
        return;
    }
    int length =
        snprintf(request, sizeof(request),
                 "GET /ws?name=c%05u HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Key: " WIRE_KEY "\r\n"
                 "Sec-WebSocket-Version: 13\r\n%s\r\n",
                 (unsigned)(client - load->clients),
                 load->options.deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
    client->state = LOAD_UPGRADING;
    if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, client->socket, &event) < 0)
        load_end_client(load, client, strerror(errno));
    else
        load_send(load, client, request, (size_t)length);
}

void
load_end_client(struct load *load, struct load_client *client, const char *why)
{
    if (client->state == LOAD_GONE)
        return;
    if (!client->silent)
        load_note(load, "client %u, state %d: %s", (unsigned)(client - load->clients),
                  (int)client->state, why);
    if (client->state < LOAD_JOINED && !(load->options.rooms == 0 && client->state == LOAD_READY))
        load->counts.failed++;
    if (client->state < LOAD_READY)
        load->greeted++; /* nobody waits for it any more */
    if (client->state == LOAD_JOINING)
        load->joined++;
    if (!client->silent)
        load->counts.gone++;
    client->state = LOAD_GONE;
    if (client->socket >= 0)
        (void)close(client->socket);
    client->socket = -1;
    free(client->kept.data);
    free(client->output.data);
    client->kept = client->output = (struct load_bytes){0};
}
