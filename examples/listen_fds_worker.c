/* A web worker that knows nothing of reeve: it serves the sockets that LISTEN_FDS names, one at a
 * time, and leaves on SIGTERM. An example to copy.
 * GET / says hello, /pid answers the pid, /sleep?ms=N takes N ms. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SOCKET 3
#define SOCKETS_MAX  16

static volatile sig_atomic_t told_to_stop;

static void on_term(int signal_number) {
    (void)signal_number;
    told_to_stop = 1;
}

/* How many sockets were passed to this very process. */
static int passed_sockets(void) {
    const char* pid = getenv("LISTEN_PID");
    const char* count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL || atoi(pid) != getpid()) {
        return 0;
    }
    int sockets = atoi(count);
    return sockets < SOCKETS_MAX ? sockets : SOCKETS_MAX;
}

/* Reads until the empty line that ends a request's head; 0 when none comes. */
static int read_head(int connection, char* head, size_t size) {
    size_t length = 0;
    while (length < size - 1) {
        ssize_t got = recv(connection, head + length, size - 1 - length, 0);
        if (got <= 0) {
            return 0;
        }
        length += (size_t)got;
        head[length] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL) {
            return 1;
        }
    }
    return 0;
}

static void sleep_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static void answer(int connection, const char* head) {
    char body[64] = "hello\n";
    const char* status = "200 OK";
    long ms = 0;
    if (strncmp(head, "GET /pid", 8) == 0) {
        snprintf(body, sizeof body, "%d\n", (int)getpid());
    } else if (sscanf(head, "GET /sleep?ms=%ld", &ms) == 1 && ms >= 0) {
        sleep_ms(ms);
    } else if (strncmp(head, "GET / ", 6) != 0) {
        status = "404 Not Found";
    }
    char response[256];
    int length = snprintf(response, sizeof response,
                          "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                          "Connection: close\r\n\r\n%s",
                          status, strlen(body), body);
    send(connection, response, (size_t)length, MSG_NOSIGNAL);
}

static void serve(int connection) {
    char head[8192];
    struct timeval patience = {5, 0};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (read_head(connection, head, sizeof head)) {
        answer(connection, head);
        /* Unread bytes at close would reset the connection, and the client lose the answer. */
        shutdown(connection, SHUT_WR);
        while (recv(connection, head, sizeof head, 0) > 0) {
        }
    }
    close(connection);
}

static void take_connection(struct pollfd* listener) {
    int connection = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (connection >= 0) {
        serve(connection);
    } else if (errno == EINVAL) {
        listener->fd = -1; /* it was shut down: nobody comes here any more */
    }
}

int main(void) {
    struct pollfd listeners[SOCKETS_MAX];
    int count = passed_sockets();
    if (count <= 0) {
        fputs("listen_fds_worker: LISTEN_FDS names no socket for this process\n", stderr);
        return 2;
    }
    for (int i = 0; i < count; i++) {
        listeners[i] = (struct pollfd){FIRST_SOCKET + i, POLLIN, 0};
        /* A sibling may be faster: then accept must say so and not wait. */
        fcntl(FIRST_SOCKET + i, F_SETFL, fcntl(FIRST_SOCKET + i, F_GETFL) | O_NONBLOCK);
    }

    /* SIGTERM is let in only while waiting, so that it never cuts a request short. */
    struct sigaction action = {.sa_handler = on_term};
    sigset_t term;
    sigset_t waiting;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigaction(SIGTERM, &action, NULL);
    sigprocmask(SIG_BLOCK, &term, &waiting);
    sigdelset(&waiting, SIGTERM);

    while (!told_to_stop) {
        if (ppoll(listeners, (nfds_t)count, NULL, &waiting) <= 0) {
            continue;
        }
        for (int i = 0; i < count; i++) {
            if (listeners[i].revents != 0) {
                take_connection(&listeners[i]);
            }
        }
    }
    return 0;
}
