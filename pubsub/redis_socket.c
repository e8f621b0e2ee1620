#include "pubsub/redis_socket.h"

#include <assert.h>
#include <errno.h>
#include <hiredis/sds.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pubsub/descriptor.h"
#include "pubsub/redis_address.h"

#define IDLE_BUFFER 2048u /* bytes that an idle reader may keep */

static int
open_socket(const struct redis_address *address, int *out)
{
    int family = address->socket.ss_family;
    int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (descriptor < 0)
        return -errno;
    descriptor = descriptor_move_up(descriptor);
    if (family != AF_UNIX &&
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0)
        goto fail;
    if (connect(descriptor, (const struct sockaddr *)&address->socket, address->length) < 0 &&
        errno != EINPROGRESS)
        goto fail;
    *out = descriptor;
    return 0;

fail:
    error = -errno;
    close(descriptor);
    return error;
}

int
redis_socket_connect(const struct redis_address *address, redisContext **out)
{
    int descriptor = -1;
    int error = open_socket(address, &descriptor);

    if (error != 0)
        return error;
    *out = redisConnectFd(descriptor);
    if (*out == NULL) {
        close(descriptor);
        return -ENOMEM;
    }
    (*out)->flags &= ~REDIS_BLOCK;
    return 0;
}

int
redis_socket_finish(redisContext *context)
{
    int error = 0;
    socklen_t length = sizeof(error);

    if (getsockopt(context->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    return -error;
}

void
redis_socket_close(redisContext **context)
{
    int descriptor;

    if (*context == NULL)
        return;
    /* redisFree does not close a descriptor 0. */
    descriptor = redisFreeKeepFd(*context);
    *context = NULL;
    if (close(descriptor) < 0)
        assert(errno != EBADF);
}

size_t
redis_socket_unwritten(const redisContext *context)
{
    return sdslen(context->obuf);
}

size_t
redis_socket_unparsed(const redisContext *context)
{
    return sdslen(context->reader->buf) - context->reader->pos;
}

int
redis_socket_write(redisContext *context)
{
    size_t length = sdslen(context->obuf);
    ssize_t sent;
    sds fresh;

    if (length == 0)
        return 0;
    sent = send(context->fd, context->obuf, length, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if ((size_t)sent < length) {
        sdsrange(context->obuf, (int)sent, -1);
        return 0;
    }
    fresh = sdsempty();
    if (fresh == NULL) {
        sdsclear(context->obuf);
        return 0;
    }
    sdsfree(context->obuf);
    context->obuf = fresh;
    return 0;
}

void
redis_socket_shrink(redisContext *context)
{
    redisReader *reader = context->reader;
    redisReader *fresh;

    if (reader->ridx >= 0 || redis_socket_unparsed(context) > 0 ||
        sdsalloc(reader->buf) <= IDLE_BUFFER)
        return;
    fresh = redisReaderCreate();
    if (fresh == NULL)
        return;
    redisReaderFree(reader);
    context->reader = fresh;
}
