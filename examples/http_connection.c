/* Connections of the example worker: how a request is read, answered and let go. */
#include "http_connection.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_access.h"

#define HEAD_MAX  8192
#define LINGER_MS 2000
#define LOOK_MS   100

/* reading: waits for a request or the rest of one. sleeping: the answer is due later. writing: the
 * answer did not fit into the socket's buffer. lingering: all is sent, the client has to close. */
enum stage { READING, SLEEPING, WRITING, LINGERING };

struct connection {
    struct source source; /* first: epoll points to it */
    struct server* server;
    struct connection* next;
    struct connection** link;
    enum stage stage;
    uint32_t interest;
    int keep_alive;
    int64_t wake_ms; /* when sleeping ends, or lingering */
    struct reeve_request request;
    struct asked asked; /* what is being answered */
    unsigned status;
    size_t body_size;
    int failed;
    size_t skip; /* bytes of a request's body still to be thrown away */
    size_t in_size;
    size_t out_size;
    size_t out_sent;
    char out[512];
    char in[HEAD_MAX];
};

int64_t now_ms(void) { return now_ns() / 1000000; }

static void set_interest(struct connection* connection, uint32_t interest) {
    if (connection->interest != interest) {
        struct epoll_event event = {.events = interest, .data.ptr = &connection->source};
        epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD, connection->source.fd, &event);
        connection->interest = interest;
    }
}

static void wake_at(struct connection* connection, int64_t when_ms) {
    struct server* server = connection->server;
    connection->wake_ms = when_ms;
    server->next_wake_ms = when_ms < server->next_wake_ms ? when_ms : server->next_wake_ms;
}

static void drop(struct connection* connection) {
    reeve_worker_request_end(connection->server->worker, connection->request, 1);
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    close(connection->source.fd);
    free(connection);
}

void open_connection(struct server* server, int fd) {
    struct connection* connection = malloc(sizeof *connection);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (connection == NULL || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(connection);
        close(fd);
        return;
    }
    memset(connection, 0, offsetof(struct connection, out));
    connection->source = (struct source){CONNECTION, fd};
    connection->server = server;
    connection->interest = EPOLLIN;
    connection->wake_ms = NEVER;
    connection->link = &server->connections;
    connection->next = server->connections;
    if (connection->next != NULL) {
        connection->next->link = &connection->next;
    }
    server->connections = connection;
    reeve_worker_connection_opened(server->worker);
}

/* Says that nothing more comes, and waits for the client to close: a close with unread bytes would
 * reset the connection and might take the answer with it. */
static void linger(struct connection* connection) {
    shutdown(connection->source.fd, SHUT_WR);
    connection->stage = LINGERING;
    wake_at(connection, now_ms() + LINGER_MS);
    set_interest(connection, EPOLLIN);
}

__attribute__((format(printf, 3, 4))) static void put_answer(struct connection* connection,
                                                             int status, const char* format, ...) {
    char body[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(body, sizeof body, format, arguments);
    va_end(arguments);
    connection->keep_alive = connection->keep_alive && !connection->server->draining;
    connection->failed = status >= 500;
    connection->status = (unsigned)status;
    connection->body_size = strlen(body);
    connection->out_sent = 0;
    connection->out_size = (size_t)snprintf(
        connection->out, sizeof connection->out,
        "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n%s", status,
        status == 200 ? "OK" : "Error", strlen(body),
        connection->keep_alive ? "" : "Connection: close\r\n", body);
}

static void stand_still_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static void leak_mb(long mb) {
    size_t size = (size_t)mb << 20;
    char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; memory != MAP_FAILED && i < size; i += 4096) {
        memory[i] = 1;
    }
}

/* The target's number, when the target is `prefix` and a number. */
static int number_after(const char* target, const char* prefix, long* number) {
    size_t length = strlen(prefix);
    char* end = NULL;
    if (strncmp(target, prefix, length) != 0) {
        return 0;
    }
    *number = strtol(target + length, &end, 10);
    return end != target + length && *end == '\0' && *number >= 0 && *number <= INT_MAX;
}

static void handle(struct connection* connection, const char* target) {
    static volatile int for_ever = 1;
    long number = 0;
    if (strcmp(target, "/") == 0) {
        put_answer(connection, 200, "hello\n");
    } else if (strcmp(target, "/pid") == 0) {
        put_answer(connection, 200, "%d\n", (int)getpid());
    } else if (number_after(target, "/sleep?ms=", &number)) {
        connection->stage = SLEEPING;
        wake_at(connection, now_ms() + number);
        set_interest(connection, 0);
    } else if (number_after(target, "/block?ms=", &number)) {
        stand_still_ms(number);
        put_answer(connection, 200, "%ld\n", number);
    } else if (number_after(target, "/leak?mb=", &number)) {
        leak_mb(number);
        put_answer(connection, 200, "%ld\n", number);
    } else if (number_after(target, "/exit?code=", &number)) {
        _exit((int)number);
    } else if (strcmp(target, "/crash") == 0) {
        abort();
    } else if (strcmp(target, "/hang") == 0) {
        while (for_ever) pause();
    } else if (strcmp(target, "/spin") == 0) {
        while (for_ever) continue;
    } else {
        put_answer(connection, 404, "not found\n");
    }
}

/* Looks at one request head, NUL-terminated, and begins to answer it. */
static void on_head(struct connection* connection, const char* head) {
    char value[64];
    connection->request = reeve_worker_request_begin(connection->server->worker);
    connection->keep_alive = 0;
    if (!read_head(head, &connection->asked)) {
        put_answer(connection, 400, "bad request\n");
        return;
    }
    find_header(head, "Transfer-Encoding", value, sizeof value);
    if (*value != '\0') {
        put_answer(connection, 411, "length required\n");
        return;
    }
    find_header(head, "Content-Length", value, sizeof value);
    connection->skip = (size_t)strtoul(value, NULL, 10);
    find_header(head, "Connection", value, sizeof value);
    connection->keep_alive =
        strcmp(connection->asked.protocol, "HTTP/1.0") != 0 && strcasecmp(value, "close") != 0;
    handle(connection, connection->asked.target);
}

/* Sends what there is of the answer; 0 when the connection is gone. */
static int flush(struct connection* connection) {
    while (connection->out_sent < connection->out_size) {
        ssize_t sent = send(connection->source.fd, connection->out + connection->out_sent,
                            connection->out_size - connection->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            connection->stage = WRITING;
            set_interest(connection, EPOLLOUT);
            return 1;
        }
        if (sent < 0 && errno != EINTR) {
            drop(connection);
            return 0;
        }
        connection->out_sent += sent > 0 ? (size_t)sent : 0;
    }
    connection->stage = READING;
    tell_slow(connection->server->worker, connection->request, &connection->asked);
    log_access(connection->server->worker, connection->source.fd, &connection->asked,
               connection->status, connection->body_size);
    reeve_worker_request_end(connection->server->worker, connection->request, connection->failed);
    connection->request = (struct reeve_request){0, 0};
    if (connection->keep_alive) {
        set_interest(connection, EPOLLIN);
    } else {
        linger(connection);
    }
    return 1;
}

static void forget_input(struct connection* connection, size_t size) {
    connection->in_size -= size;
    memmove(connection->in, connection->in + size, connection->in_size);
}

/* Answers the requests that have arrived, one after the other (a client may pipeline). */
static void on_input(struct connection* connection) {
    while (connection->stage == READING && connection->in_size > 0) {
        size_t have = connection->in_size;
        size_t skip = connection->skip < have ? connection->skip : have;
        connection->skip -= skip;
        forget_input(connection, skip);
        char* end = memmem(connection->in, connection->in_size, "\r\n\r\n", 4);
        if (end == NULL) {
            if (connection->in_size == sizeof connection->in) {
                drop(connection);
            }
            return;
        }
        end[2] = '\0';
        on_head(connection, connection->in);
        forget_input(connection, (size_t)(end + 4 - connection->in));
        if (connection->stage == READING && !flush(connection)) {
            return;
        }
    }
}

static void on_readable(struct connection* connection) {
    char unwanted[4096];
    int reading = connection->stage == READING;
    char* into = reading ? connection->in + connection->in_size : unwanted;
    size_t room = reading ? sizeof connection->in - connection->in_size : sizeof unwanted;
    ssize_t got = recv(connection->source.fd, into, room, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(connection);
    } else if (got > 0 && reading) {
        connection->in_size += (size_t)got;
        on_input(connection);
    }
}

void on_connection(struct source* source, uint32_t events) {
    struct connection* connection = (struct connection*)source;
    if (connection->stage == SLEEPING) {
        if (events & (EPOLLERR | EPOLLHUP)) {
            drop(connection);
        }
    } else if (connection->stage == WRITING) {
        if (flush(connection)) {
            on_input(connection);
        }
    } else {
        on_readable(connection);
    }
}

void run_connection_timers(struct server* server) {
    int64_t now = now_ms();
    if (now < server->next_wake_ms) {
        return;
    }
    server->next_wake_ms = NEVER;
    for (struct connection *each = server->connections, *after; each != NULL; each = after) {
        after = each->next;
        if (now < each->wake_ms) {
            wake_at(each, each->wake_ms);
        } else if (each->stage == LINGERING) {
            drop(each);
        } else {
            each->wake_ms = NEVER;
            put_answer(each, 200, "slept\n");
            if (flush(each)) {
                on_input(each);
            }
        }
    }
}

void tell_slow_requests(struct server* server) {
    int64_t now = now_ms();
    if (now < server->next_look_ms) {
        return;
    }
    server->next_look_ms = now + LOOK_MS;
    for (struct connection* each = server->connections; each != NULL; each = each->next) {
        if (each->stage == SLEEPING || each->stage == WRITING) {
            tell_slow(server->worker, each->request, &each->asked);
        }
    }
}

void close_idle_connections(struct server* server, uint32_t patience_ms) {
    int64_t until_ms = now_ms() + patience_ms;
    for (struct connection* each = server->connections; each != NULL; each = each->next) {
        if (each->stage == READING) {
            linger(each);
        }
        if (each->stage == LINGERING && each->wake_ms > until_ms) {
            wake_at(each, until_ms);
        }
    }
}
