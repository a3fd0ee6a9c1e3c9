/* A small HTTP/1.1 worker that uses libreeve-worker: one epoll loop, keep-alive, a polite drain.
 *
 *   /            hello                     /sleep?ms=N   answers after N ms, the loop goes on
 *   /pid         the pid                   /block?ms=N   the same, but the whole loop waits
 *   /leak?mb=N   keeps N MiB for ever      /hang, /spin  the loop stands still for ever
 *   /crash       abort()                   /exit?code=N  leaves at once
 *
 * A drain loses no request: it stops accepting, answers what comes on open connections with
 * `Connection: close`, and keeps idle connections for as long as it may, because a client may be
 * sending on one at this very moment. Only close to the deadline are the silent ones closed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_connection.h"
#include <reeve/worker.h>

#define LISTENERS_MAX      64
#define EVENTS_MAX         64
#define RECEIVE_TIMEOUT_MS 10000
#define DRAIN_DEFAULT_MS   10000 /* when nobody told how long a drain may take */
#define ACCEPT_PAUSE_MS    100

static struct server server = {.next_wake_ms = NEVER};
static struct source listeners[LISTENERS_MAX];
static unsigned listener_count;
static int accepting;
static int64_t accept_again_ms = NEVER;
static int64_t close_idle_ms = NEVER;
static uint32_t margin_ms; /* between closing idle connections and the deadline */

static void fail(const char* what) {
    fprintf(stderr, "http_worker: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* All siblings are woken for a connection. EPOLLEXCLUSIVE would wake one, and where that one stands
 * still or is about to leave, the connection would wait for the next one to come. */
static void watch_listeners(int watch) {
    for (unsigned i = 0; i < listener_count && watch != accepting; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listeners[i]};
        epoll_ctl(server.epoll_fd, watch ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listeners[i].fd, &event);
    }
    accepting = watch;
}

/* One connection a turn, so that siblings on the same socket get theirs; they may also have been
 * faster, and nobody be there any more. */
static void on_listener(const struct source* listener) {
    if (!accepting) {
        return;
    }
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        open_connection(&server, fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ||
               errno == EINVAL) {
        /* Out of something, or the socket was shut down: the loop must not spin on it. */
        reeve_worker_error(server.worker);
        watch_listeners(0);
        accept_again_ms = now_ms() + ACCEPT_PAUSE_MS;
    }
}

static int bind_port(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 2048) != 0) {
        fail("cannot listen");
    }
    return fd;
}

static void find_listeners(uint16_t port) {
    enum reeve_worker_result result = reeve_worker_receive(server.worker, RECEIVE_TIMEOUT_MS);
    listener_count = reeve_worker_socket_count(server.worker);
    for (unsigned i = 0; i < listener_count; i++) {
        listeners[i] = (struct source){LISTENER, reeve_worker_socket(server.worker, NULL, i)};
    }
    if (listener_count == 0 && port != 0) {
        listeners[listener_count++] = (struct source){LISTENER, bind_port(port)};
    }
    if (listener_count == 0) {
        fputs(result == REEVE_WORKER_TIMEOUT ? "http_worker: no socket came in time\n"
                                             : "http_worker: no socket was passed, and no --port\n",
              stderr);
        exit(2);
    }
    for (unsigned i = 0; i < listener_count; i++) {
        fcntl(listeners[i].fd, F_SETFL, fcntl(listeners[i].fd, F_GETFL) | O_NONBLOCK);
    }
}

/* From here on only open connections are served. `within_ms`: how long until somebody kills us. */
static void drain(uint32_t within_ms) {
    margin_ms = within_ms / 10 < 1000 ? within_ms / 10 : 1000;
    close_idle_ms = now_ms() + within_ms - margin_ms;
    if (server.draining) {
        return;
    }
    server.draining = 1;
    watch_listeners(0);
    accept_again_ms = NEVER;
    for (unsigned i = 0; i < listener_count; i++) {
        close(listeners[i].fd);
    }
    reeve_worker_draining(server.worker);
}

/* A second signal hurries the first. */
static void on_signal(int fd) {
    static int terms;
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    if (!server.draining) {
        drain(DRAIN_DEFAULT_MS);
    } else if (terms > 0) {
        drain(0);
    }
    terms++;
}

static void on_control(const struct source* control) {
    uint32_t within_ms = 0;
    switch (reeve_worker_control(server.worker, &within_ms)) {
        case REEVE_WORKER_DRAIN: drain(within_ms); break;
        case REEVE_WORKER_ORPHANED:
            if (!server.draining) {
                drain(DRAIN_DEFAULT_MS);
            }
            break;
        case REEVE_WORKER_REOPEN: /* there is no log file but the access log */
        case REEVE_WORKER_ORPHANED_KEEP:
        case REEVE_WORKER_NOTHING: break;
    }
    if (reeve_worker_control_fd(server.worker) < 0) {
        epoll_ctl(server.epoll_fd, EPOLL_CTL_DEL, control->fd, NULL);
    }
}

/* Does what is due by now; returns when the next thing is. */
static int64_t run_timers(void) {
    run_connection_timers(&server);
    tell_slow_requests(&server);
    if (now_ms() >= accept_again_ms) {
        accept_again_ms = NEVER;
        watch_listeners(1);
    }
    if (now_ms() >= close_idle_ms) {
        close_idle_ms = NEVER;
        close_idle_connections(&server, margin_ms / 2);
    }
    int64_t next = server.next_wake_ms;
    next = accept_again_ms < next ? accept_again_ms : next;
    return close_idle_ms < next ? close_idle_ms : next;
}

static void dispatch(struct source* source, uint32_t events) {
    switch (source->kind) {
        case LISTENER: on_listener(source); break;
        case CONTROL: on_control(source); break;
        case SIGNALS: on_signal(source->fd); break;
        case CONNECTION: on_connection(source, events); break;
    }
}

static void loop(void) {
    struct epoll_event events[EVENTS_MAX];
    while (!server.draining || server.connections != NULL) {
        int64_t next = run_timers();
        if (server.draining && server.connections == NULL) {
            break; /* a timer closed the last one */
        }
        int64_t now = next == NEVER ? 0 : now_ms();
        int wait = next == NEVER ? -1 : next > now ? (int)(next - now) : 0;
        wait = reeve_worker_wait_ms(server.worker, wait);
        int count = epoll_wait(server.epoll_fd, events, EVENTS_MAX, wait);
        reeve_worker_beat(server.worker);
        for (int i = 0; i < count; i++) {
            dispatch(events[i].data.ptr, events[i].events);
        }
    }
}

static void watch(struct source* source) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
    if (source->fd >= 0 && epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, source->fd, &event) != 0) {
        fail("cannot watch");
    }
}

static uint16_t port_option(int argc, char** argv) {
    static const struct option options[] = {{"port", required_argument, NULL, 'p'}, {0}};
    long port = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        port = option == 'p' ? strtol(optarg, NULL, 10) : -1;
        if (port <= 0 || port > UINT16_MAX) {
            fputs("usage: reeve-http-worker [--port N]\n", stderr);
            exit(2);
        }
    }
    return (uint16_t)port;
}

int main(int argc, char** argv) {
    uint16_t port = port_option(argc, argv);
    unsigned flags = REEVE_WORKER_DRAINS | REEVE_WORKER_TELLS_SLOW | REEVE_WORKER_CLEAN_ENVIRONMENT;
    if (reeve_worker_open(&server.worker, flags) == REEVE_WORKER_ERROR) {
        fail("cannot open the worker");
    }
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    find_listeners(port);
    server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct source signals = {SIGNALS, signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK)};
    struct source control = {CONTROL, reeve_worker_control_fd(server.worker)};
    watch(&signals);
    watch(&control);
    watch_listeners(1);
    reeve_worker_ready(server.worker);
    loop();
    reeve_worker_stopping(server.worker);
    reeve_worker_close(server.worker);
    return 0;
}
