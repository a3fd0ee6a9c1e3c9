/* A closed-loop HTTP/1.1 client that hides nothing: no failed request is tried again, each is
 * counted by its kind. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loadgen_options.h"
#include "loadgen_report.h"

#define ANSWER_MAX 65536
#define EVENTS_MAX 128

/* off: no connection, the next request is due later. idle: a kept connection, likewise. */
enum stage { OFF, CONNECTING, WAITING, IDLE, ENDED };

struct client {
    int fd;
    enum mode mode;
    enum stage stage;
    int reused;
    int64_t sent_ns;
    int64_t due_ns; /* off, idle: of the next request; connecting, waiting: when it is late */
    size_t size;
    char answer[ANSWER_MAX + 1];
};

static struct report report;
static struct client* clients;
static int epoll_fd;
static int ending;
static uint64_t random_state;
static char request_keep[512];
static char request_close[512];

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int64_t pause_ns(const struct client* client) {
    return client->mode == MODE_IDLE
               ? (int64_t)(next_random() % ((uint64_t)options.idle_ms * 1000000 + 1))
               : 0;
}

static void disconnect(struct client* client) {
    if (client->fd >= 0) {
        close(client->fd);
        client->fd = -1;
    }
    client->stage = OFF;
    client->reused = 0;
}

static int enough(void) {
    return options.requests > 0 &&
           report.answers + report_failed(&report) >= (uint64_t)options.requests;
}

static void fail(struct client* client, enum failure failure) {
    report_failure(&report, failure, client->mode);
    disconnect(client);
    client->due_ns = now_ns() + options.pause_ms * 1000000;
}

/* An end of the connection while an answer is due. */
static void fail_by(struct client* client, int reset) {
    if (client->size > 0) {
        fail(client, CUT);
    } else if (client->reused) {
        fail(client, reset ? RESET_REUSED : EOF_REUSED);
    } else {
        fail(client, reset ? RESET_FRESH : EOF_FRESH);
    }
}

static void send_request(struct client* client) {
    const char* text = client->mode == MODE_FRESH ? request_close : request_keep;
    client->stage = WAITING;
    client->size = 0;
    ssize_t sent = send(client->fd, text, strlen(text), MSG_NOSIGNAL);
    if (sent != (ssize_t)strlen(text)) {
        fail_by(client, 1);
    }
}

static int connect_socket(int fd) {
    if (options.unix_path != NULL) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t length = strlen(options.unix_path);
        memcpy(address.sun_path, options.unix_path, length);
        if (address.sun_path[0] == '@') {
            address.sun_path[0] = '\0';
        }
        length += offsetof(struct sockaddr_un, sun_path) + (address.sun_path[0] != '\0');
        return connect(fd, (struct sockaddr*)&address, (socklen_t)length);
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect(fd, (struct sockaddr*)&address, sizeof address);
}

static void open_connection(struct client* client) {
    int family = options.unix_path != NULL ? AF_UNIX : AF_INET;
    client->sent_ns = now_ns();
    client->due_ns = client->sent_ns + options.timeout_ms * 1000000;
    client->size = 0;
    client->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        fail(client, CONNECT_ERROR);
        return;
    }
    int error = connect_socket(client->fd) == 0 ? 0 : errno;
    if (error == EAGAIN) {
        report.queue_full++;
        disconnect(client);
        client->due_ns = now_ns() + 1000000;
        return;
    }
    if (error != 0 && error != EINPROGRESS) {
        fail(client, error == ECONNREFUSED || error == ENOENT ? REFUSED : CONNECT_ERROR);
        return;
    }
    report.connections++;
    struct epoll_event event = {.events = EPOLLIN | (error != 0 ? EPOLLOUT : 0u),
                                .data.ptr = client};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
    client->stage = CONNECTING;
    if (error == 0) {
        send_request(client);
    }
}

static void on_connected(struct client* client) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        fail(client, error == ECONNREFUSED ? REFUSED : CONNECT_ERROR);
        return;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
    send_request(client);
}

/* Looks whether a kept connection is still there; a client that reuses connections does. */
static int still_open(struct client* client) {
    char byte;
    ssize_t got = recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && errno == EAGAIN;
}

static void begin(struct client* client) {
    if (client->stage == IDLE && !still_open(client)) {
        report.closed_while_idle++;
        disconnect(client);
    }
    if (client->stage == IDLE) {
        client->sent_ns = now_ns();
        client->due_ns = client->sent_ns + options.timeout_ms * 1000000;
        send_request(client);
    } else {
        open_connection(client);
    }
}

/* Answers */

static const char* header_value(const char* head, const char* name) {
    size_t length = strlen(name);
    for (const char* line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            return line + strspn(line, " \t");
        }
    }
    return NULL;
}

static void finish(struct client* client, int status, const char* body, int closes) {
    if (status < 200 || status > 299) {
        fail(client, STATUS);
        return;
    }
    report_answer(&report, now_ns() - client->sent_ns, body);
    client->due_ns = now_ns() + pause_ns(client);
    if (closes || client->mode == MODE_FRESH) {
        report.closed_by_answer += client->mode != MODE_FRESH;
        disconnect(client);
    } else {
        client->stage = IDLE;
        client->reused = 1;
    }
}

/* Whether the body is all there, and where it begins. `at_end`: the server has closed. */
static int body_complete(const char* head, const char* body, const char* end, int at_end) {
    const char* length = header_value(head, "Content-Length");
    const char* coding = header_value(head, "Transfer-Encoding");
    if (length != NULL) {
        return end - body >= strtol(length, NULL, 10);
    }
    if (coding != NULL && strncasecmp(coding, "chunked", 7) == 0) {
        return (end - body == 5 && memcmp(body, "0\r\n\r\n", 5) == 0) ||
               (end - body > 7 && memcmp(end - 7, "\r\n0\r\n\r\n", 7) == 0);
    }
    return at_end;
}

static void on_answer(struct client* client, int at_end) {
    client->answer[client->size] = '\0';
    char* blank = memmem(client->answer, client->size, "\r\n\r\n", 4);
    int status = 0;
    if (blank == NULL) {
        if (at_end) {
            fail_by(client, 0);
        } else if (client->size == ANSWER_MAX) {
            fail(client, MALFORMED);
        }
        return;
    }
    if (sscanf(client->answer, "HTTP/1.%*1d %d", &status) != 1) {
        fail(client, MALFORMED);
        return;
    }
    const char* body = blank + 4;
    blank[2] = '\0';
    int complete = body_complete(client->answer, body, client->answer + client->size, at_end);
    const char* connection = header_value(client->answer, "Connection");
    int closes = at_end || (connection != NULL && strncasecmp(connection, "close", 5) == 0);
    blank[2] = '\r';
    if (complete) {
        finish(client, status, body, closes);
    } else if (at_end) {
        fail_by(client, 0);
    } else if (client->size == ANSWER_MAX) {
        fail(client, MALFORMED);
    }
}

static void on_readable(struct client* client) {
    ssize_t got = recv(client->fd, client->answer + client->size, ANSWER_MAX - client->size, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (client->stage == IDLE) {
        if (got > 0) {
            fail(client, MALFORMED);
        } else {
            report.closed_while_idle++;
            disconnect(client);
        }
    } else if (got < 0) {
        fail_by(client, 1);
    } else {
        client->size += (size_t)got;
        on_answer(client, got == 0);
    }
}

/* The loop */

static int in_flight(const struct client* client) {
    return client->stage == CONNECTING || client->stage == WAITING;
}

/* Starts what is due, gives up on what is late; returns how long to wait in ms, -1 = it is over. */
static int run_timers(int64_t end_ns) {
    int64_t now = now_ns();
    ending = ending || now >= end_ns || enough();
    int64_t next = ending ? INT64_MAX : end_ns;
    int busy = 0;
    for (long i = 0; i < options.connections; i++) {
        struct client* client = &clients[i];
        if (in_flight(client) && now >= client->due_ns) {
            fail(client, LATE);
        }
        if (!in_flight(client) && !ending && now >= client->due_ns) {
            begin(client);
        }
        if (in_flight(client) || !ending) {
            next = client->due_ns < next ? client->due_ns : next;
            busy = 1;
        }
    }
    if (!busy) {
        return -1;
    }
    int64_t wait_ns = next - now_ns();
    return wait_ns <= 0 ? 0 : wait_ns > 1000000000 ? 1000 : (int)((wait_ns + 999999) / 1000000);
}

static void on_event(const struct epoll_event* event) {
    struct client* client = event->data.ptr;
    if (client == NULL) {
        ending = 1; /* a signal, or the end of stdin */
    } else if (client->stage == CONNECTING) {
        on_connected(client);
    } else if (client->stage == WAITING || client->stage == IDLE) {
        on_readable(client);
    }
}

static void watch_for_end(int signals) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, signals, &event);
    if (options.until_eof) {
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    }
}

static void run(void) {
    struct epoll_event events[EVENTS_MAX];
    report.start_ns = now_ns();
    int64_t end_ns =
        options.seconds > 0 ? report.start_ns + (int64_t)(options.seconds * 1e9) : INT64_MAX;
    for (long i = 0; i < options.connections; i++) {
        struct client* client = &clients[i];
        client->fd = -1;
        client->mode = i < options.fresh                  ? MODE_FRESH
                       : i < options.fresh + options.idle ? MODE_IDLE
                                                          : MODE_KEEP;
        client->due_ns = report.start_ns + pause_ns(client);
    }
    for (int wait; (wait = run_timers(end_ns)) >= 0;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, wait);
        for (int i = 0; i < count; i++) {
            on_event(&events[i]);
        }
    }
    report.end_ns = now_ns();
}

int main(int argc, char** argv) {
    parse_options(argc, argv);
    random_state = options.seed * 0x9E3779B97F4A7C15u;
    snprintf(request_keep, sizeof request_keep, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
             options.path);
    snprintf(request_close, sizeof request_close,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", options.path);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    clients = calloc((size_t)options.connections, sizeof *clients);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if (clients == NULL || epoll_fd < 0 || signals < 0) {
        perror("loadgen");
        return 1;
    }
    watch_for_end(signals);
    run();
    report_print(&report, stdout);
    return report_failed(&report) == 0 ? 0 : 1;
}
