/* The programs under test: small servers of every habit. A request is a line; so is its answer.
 * What the line says may ask for more:
 *   b  do not come back until the next signal           s  answer by sendfile
 *   p  answer by splice                                  d  answer on a copy of the descriptor
 *   v  run a helper by vfork that closes all it has      f  the same by fork
 *   c  "100 Continue" first                              n  no answer, close
 *   G  an answer of HTTP, after a while for /slow */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "modes.h"
#include "supervisor.h"

volatile sig_atomic_t stopping;

static void on_stop(int number) {
    (void)number;
    stopping = 1;
}

static void run_helper(int with_vfork) {
    pid_t child = with_vfork ? vfork() : fork();
    if (child == 0) {
        for (int fd = 3; fd < 256; fd++) {
            close(fd);
        }
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    CHECK(child > 0 && waitpid(child, NULL, 0) == child);
}

static void answer_by_file(int fd) {
    int file = memfd_create("answer", MFD_CLOEXEC);
    off_t begin = 0;
    CHECK(file >= 0 && write(file, "sent\n", 5) == 5);
    CHECK(sendfile(fd, file, &begin, 5) == 5);
    close(file);
}

static void answer_by_pipe(int fd) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "sent\n", 5) == 5);
    CHECK(splice(ends[0], NULL, fd, NULL, 5, 0) == 5);
    close(ends[0]);
    close(ends[1]);
}

static void answer_on_copy(int fd) {
    int copy = dup(fd);
    CHECK(copy >= 0 && write(copy, "copy\n", 5) == 5);
    close(copy);
}

static void answer(int fd, const char* line) {
    switch (line[0]) {
        case 'b':
            while (!stopping) {
                (void)poll(NULL, 0, 1); /* ThreadSanitizer lets a signal in only within some call */
            }
            break;
        case 's': answer_by_file(fd); return;
        case 'p': answer_by_pipe(fd); return;
        case 'd': answer_on_copy(fd); return;
        case 'v': run_helper(1); break;
        case 'f': run_helper(0); break;
        case 'c': CHECK(write(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25) == 25); return;
        case 'G':
            if (strstr(line, "/slow") != NULL) {
                (void)poll(NULL, 0, 100);
            }
            CHECK(send(fd, "HTTP/1.1 200 OK\n", 16, MSG_NOSIGNAL) == 16);
            return;
        default: break;
    }
    CHECK(send(fd, "answer\n", 7, MSG_NOSIGNAL) == 7);
}

/* One read and its answer; 0 when the connection is over. */
int serve(int fd) {
    char line[4096];
    ssize_t got = read(fd, line, sizeof line - 1);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 1;
    }
    if (got <= 0) {
        return 0;
    }
    line[got] = '\0';
    if (line[0] == 'n') {
        return 0;
    }
    answer(fd, line);
    return 1;
}

static void serve_by_epoll(unsigned how) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {EPOLLIN, {.fd = 3}};
    CHECK(set >= 0 && fcntl(3, F_SETFL, O_NONBLOCK) == 0);
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, 3, &event) == 0);
    while (!stopping) {
        struct epoll_event events[16];
        int count = epoll_wait(set, events, 16, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == 3) {
                int next = -1;
                while ((next = accept4(3, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    event = (struct epoll_event){EPOLLIN | how, {.fd = next}};
                    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, next, &event) == 0);
                }
            } else if (!serve(fd)) {
                close(fd);
            }
        }
    }
    close(set);
}

static void* serve_all(void* argument) {
    int fd = (int)(intptr_t)argument;
    while (serve(fd)) {
    }
    close(fd);
    return NULL;
}

static void serve_by_threads(void) {
    while (!stopping) {
        int fd = accept(3, NULL, NULL);
        pthread_t thread;
        if (fd >= 0) {
            CHECK(pthread_create(&thread, NULL, serve_all, (void*)(intptr_t)fd) == 0);
            CHECK(pthread_detach(thread) == 0);
        }
    }
}

static void serve_by_processes(void) {
    pid_t children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
            while (!stopping) {
                int fd = accept(3, NULL, NULL);
                if (fd >= 0) {
                    serve_all((void*)(intptr_t)fd);
                }
            }
            exit(0);
        }
    }
    while (!stopping) {
        pause();
    }
    for (int i = 0; i < 3; i++) {
        pid_t ended = 0;
        while ((ended = waitpid(children[i], NULL, WNOHANG)) <= 0) {
            CHECK(ended == 0 || errno == EINTR);
            kill(children[i], SIGTERM);
            (void)poll(NULL, 0, 20);
        }
    }
}

static void fill_descriptors(void) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlim_t wanted = limit.rlim_max < 20100 ? limit.rlim_max : 20100;
    limit.rlim_cur = wanted;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int fd = 0;
    do {
        fd = dup(0);
    } while (fd >= 0 && fd < (int)wanted - 60);
}

int run_subject(const char* mode) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_stop;
    CHECK(sigaction(SIGTERM, &action, NULL) == 0);
    if (strcmp(mode, "epoll") == 0) {
        serve_by_epoll(0);
    } else if (strcmp(mode, "edge") == 0) {
        serve_by_epoll(EPOLLET);
    } else if (strcmp(mode, "threads") == 0) {
        serve_by_threads();
    } else if (strcmp(mode, "processes") == 0) {
        serve_by_processes();
    } else if (strcmp(mode, "many") == 0) {
        fill_descriptors();
        serve_by_epoll(0);
    } else {
        return run_mode(mode);
    }
    return 0;
}
