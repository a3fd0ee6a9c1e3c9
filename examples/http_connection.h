/* Connections of the example worker: reading requests, answering them, closing politely. */
#ifndef EXAMPLES_HTTP_CONNECTION_H
#define EXAMPLES_HTTP_CONNECTION_H

#include <stddef.h>
#include <stdint.h>

#include <reeve/worker.h>

#define NEVER INT64_MAX

enum kind { LISTENER, CONTROL, SIGNALS, CONNECTION };

/* What an epoll event points to. */
struct source {
    enum kind kind;
    int fd;
};

/* What the connections need of the worker around them, and the list of those that are open. */
struct server {
    struct reeve_worker* worker;
    int epoll_fd;
    int draining; /* every answer closes its connection */
    struct connection* connections;
    int64_t next_wake_ms; /* no connection has anything to do by itself before */
    int64_t next_look_ms; /* for slow requests */
};

int64_t now_ms(void);

/* Takes over an accepted, non-blocking socket. */
void open_connection(struct server* server, int fd);

/* Goes on with the connection whose source had these epoll events. It may be gone afterwards. */
void on_connection(struct source* source, uint32_t events);

/* Sends the answers that are due and gives up on clients that do not close. */
void run_connection_timers(struct server* server);

/* Tells reeve, now and then, of requests that are under way for too long. */
void tell_slow_requests(struct server* server);

/* Closes the connections that wait for a request; clients get `patience_ms` to do their part. */
void close_idle_connections(struct server* server, uint32_t patience_ms);

#endif
