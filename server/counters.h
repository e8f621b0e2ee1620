/*
 * What the server is doing, for people and for Prometheus. Called from civetweb's workers; blocks
 * on the HTTP client only. Each returns the HTTP status that was sent.
 */
#ifndef SERVER_COUNTERS_H
#define SERVER_COUNTERS_H

struct mg_connection;
struct server;

/* GET /healthz: 200 and a JSON object. */
int counters_serve_health(struct server *server, struct mg_connection *connection);

/* GET /metrics: the counters in Prometheus' text format (version 0.0.4). */
int counters_serve_metrics(struct server *server, struct mg_connection *connection);

#endif
