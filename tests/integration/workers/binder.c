/* A server that knows nothing of reeve: it binds the address that it was told and answers each
   connection with its pid. TERM lets it finish what it has accepted. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;

static void on_term(int number) {
    (void)number;
    stopping = 1;
}

static void fail(const char* what) {
    perror(what);
    exit(1);
}

/// As servers do with Unix paths: whatever is there is taken for their own of last time.
static int bind_path(const char* path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    unlink(path);
    if (fd < 0 || bind(fd, (const struct sockaddr*)&to, sizeof to) != 0) {
        fail("bind");
    }
    return fd;
}

static int bind_port(const char* port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(port))};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (const struct sockaddr*)&to, sizeof to) != 0) {
        fail("bind");
    }
    return fd;
}

static void answer(int connection) {
    char request[4096];
    size_t filled = 0;
    while (filled < sizeof request - 1) {
        const ssize_t size = read(connection, request + filled, sizeof request - 1 - filled);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            break;
        }
        filled += (size_t)size;
        request[filled] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL) {
            char body[32];
            char text[256];
            const int length = snprintf(body, sizeof body, "%d\n", (int)getpid());
            const int all = snprintf(text, sizeof text,
                                     "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
                                     "Connection: close\r\n\r\n%s",
                                     length, body);
            if (write(connection, text, (size_t)all) != all) {
                perror("write");
            }
            break;
        }
    }
    close(connection);
}

int main(int argc, char** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test-binder PORT | /PATH\n");
        return 2;
    }
    const int is_path = argv[1][0] == '/';
    const int fd = is_path ? bind_path(argv[1]) : bind_port(argv[1]);
    if (listen(fd, 5) != 0) {
        fail("listen");
    }
    // A signal comes in poll alone, so that none is lost between a look and a wait.
    sigset_t term;
    sigset_t before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
    while (!stopping) {
        struct pollfd asked = {fd, POLLIN, 0};
        if (ppoll(&asked, 1, NULL, &before) != 1) {
            continue;
        }
        const int connection = accept(fd, NULL, NULL);
        if (connection >= 0) {
            answer(connection);
        }
    }
    if (is_path) {
        unlink(argv[1]);
    }
    return 0;
}
