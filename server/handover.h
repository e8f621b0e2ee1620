/*
 * The hand-over: taking a WebSocket connection away from civetweb once it has done the upgrade.
 *
 * civetweb keeps a worker thread for each WebSocket as long as it lives. So, in its ready handler,
 * the connection's descriptor is duplicated to a high number, which is ours from then on, and a
 * descriptor at whose other end nobody is takes its place in civetweb: it reads an end of file,
 * cleans up, and its worker is free, while the TCP connection lives on.
 *
 * civetweb does not tell the descriptor. But it has it of accept(2), which is ours (reception.c): that
 * notes who was accepted under which of the low descriptors, where civetweb's are since ours, of
 * clients and of the bus, are moved up. A note is believed when the socket's peer is the request's,
 * and its own port the server's.
 */
#ifndef SERVER_HANDOVER_H
#define SERVER_HANDOVER_H

struct mg_request_info;
struct sockaddr_in;

/* How many descriptors civetweb may have at a time: listening, queued and served connections. */
#define HANDOVER_DESCRIPTORS 80

struct handover {
    int base;  /* [I] above everything that civetweb opens: where ours begin */
    int dummy; /* [I] a socket at whose other end nobody is */
};

/* Prepares hand-overs, just before civetweb is started. Returns 0 or a negative errno. */
int handover_open(struct handover *handover);

void handover_close(struct handover *handover);

/* Notes whom civetweb is given under the descriptor. civetweb's master thread. */
void handover_note(int descriptor, const struct sockaddr_in *peer);

/*
 * Takes the connection of the request over. Called in civetweb's ready handler, by its worker. On
 * success *socket, which does not block, is the caller's; on failure the connection stays with civetweb: -ENOENT when it
 * is not found, -EEXIST when two sockets fit (the same peer, connected to two addresses of this
 * machine), -EMFILE, …
 */
int handover_take(const struct handover *handover, const struct mg_request_info *request,
                  int *socket);

#endif
