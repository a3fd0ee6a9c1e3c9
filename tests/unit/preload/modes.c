/* Subjects with loops of other kinds, and subjects that try the library's promises to a program. */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "supervisor.h"
#include <reeve/worker.h>

#define CONNECTIONS 64

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void take(struct pollfd* list, nfds_t* count) {
    int fd = accept(3, NULL, NULL);
    if (fd >= 0) {
        CHECK(*count < CONNECTIONS);
        list[(*count)++] = (struct pollfd){fd, POLLIN, 0};
    }
}

static void drop(struct pollfd* list, nfds_t* count, nfds_t at) {
    CHECK(syscall(SYS_close, list[at].fd) == 0);
    list[at] = list[--*count];
}

static void serve_by_poll(void) {
    struct pollfd list[CONNECTIONS] = {{3, POLLIN, 0}};
    nfds_t count = 1;
    while (!stopping) {
        if (poll(list, count, -1) <= 0) {
            continue;
        }
        for (nfds_t i = count; i-- > 1;) {
            if (list[i].revents != 0 && !serve(list[i].fd)) {
                drop(list, &count, i);
            }
        }
        if (list[0].revents != 0) {
            take(list, &count);
        }
    }
}

static void serve_by_select(void) {
    struct pollfd list[CONNECTIONS] = {{3, POLLIN, 0}};
    nfds_t count = 1;
    while (!stopping) {
        fd_set wanted;
        FD_ZERO(&wanted);
        for (nfds_t i = 0; i < count; i++) {
            FD_SET(list[i].fd, &wanted);
        }
        struct timeval hour = {3600, 0};
        if (select(CONNECTIONS + 16, &wanted, NULL, NULL, &hour) <= 0) {
            continue;
        }
        CHECK(hour.tv_sec >= 3500);
        int came = FD_ISSET(3, &wanted);
        for (nfds_t i = count; i-- > 1;) {
            if (FD_ISSET(list[i].fd, &wanted) && !serve(list[i].fd)) {
                drop(list, &count, i);
            }
        }
        if (came) {
            take(list, &count);
        }
    }
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
    (void)number;
    alarms++;
}

static void set_alarm(int after_us) {
    struct itimerval timer = {{0, 0}, {after_us / 1000000, after_us % 1000000}};
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

/* Waits in every way on a set where nothing comes: the time is kept, and never short. */
static void try_times(int set) {
    struct pollfd one = {3, POLLIN, 0};
    struct timespec wait = {0, 150000000};
    struct timeval left = {0, 150000};
    fd_set wanted;
    FD_ZERO(&wanted);
    FD_SET(3, &wanted);
    struct epoll_event event;
    int64_t begin = now_us();
    CHECK(epoll_wait(set, &event, 1, 150) == 0 && now_us() - begin >= 150000);
    begin = now_us();
    CHECK(epoll_pwait2(set, &event, 1, &wait, NULL) == 0 && now_us() - begin >= 150000);
    begin = now_us();
    CHECK(poll(&one, 1, 150) == 0 && now_us() - begin >= 150000);
    begin = now_us();
    CHECK(ppoll(&one, 1, &wait, NULL) == 0 && now_us() - begin >= 150000);
    begin = now_us();
    CHECK(select(4, &wanted, NULL, NULL, &left) == 0 && now_us() - begin >= 150000);
    CHECK(left.tv_sec == 0 && left.tv_usec == 0 && !FD_ISSET(3, &wanted));
    FD_SET(3, &wanted);
    begin = now_us();
    CHECK(pselect(4, &wanted, NULL, NULL, &wait, NULL) == 0 && now_us() - begin >= 150000);
    CHECK(epoll_wait(set, &event, 1, 0) == 0 && poll(&one, 1, 0) == 0);
    wait.tv_nsec = -1;
    CHECK(ppoll(&one, 1, &wait, NULL) == -1 && errno == EINVAL);
    CHECK(epoll_wait(set, &event, 0, 100) == -1 && errno == EINVAL);
}

/* A signal ends a wait that has gone on for several parts, whichever mask lets it in. */
static void try_signals(int set) {
    struct sigaction action;
    struct epoll_event event;
    struct pollfd one = {3, POLLIN, 0};
    sigset_t none;
    sigset_t only_alarm;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    sigemptyset(&none);
    sigemptyset(&only_alarm);
    sigaddset(&only_alarm, SIGALRM);
    set_alarm(120000);
    CHECK(epoll_wait(set, &event, 1, -1) == -1 && errno == EINTR && alarms == 1);
    set_alarm(120000);
    CHECK(poll(&one, 1, -1) == -1 && errno == EINTR && alarms == 2);
    CHECK(sigprocmask(SIG_BLOCK, &only_alarm, NULL) == 0);
    set_alarm(1000);
    CHECK(epoll_wait(set, &event, 1, 200) == 0 && alarms == 2);
    CHECK(epoll_pwait(set, &event, 1, -1, &none) == -1 && errno == EINTR && alarms == 3);
    set_alarm(120000);
    CHECK(ppoll(&one, 1, NULL, &none) == -1 && errno == EINTR && alarms == 4);
    sigset_t now;
    CHECK(sigprocmask(SIG_UNBLOCK, &only_alarm, &now) == 0);
    CHECK(sigismember(&now, SIGALRM) == 1 && sigismember(&now, SIGUSR1) == 0);
}

static void try_waits(void) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {EPOLLIN, {.fd = 3}};
    CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, 3, &event) == 0);
    try_times(set);
#if !UNDER_TSAN /* it runs handlers late */
    try_signals(set);
#else
    (void)try_signals;
#endif
}

/* A program that closes whatever it finds, and wants the numbers of the library's descriptors. */
static void try_descriptors(void) {
    int listener = fcntl(3, F_DUPFD_CLOEXEC, 200);
    CHECK(listener == 200 && dup2(listener, 3) == 3);
    CHECK(close(4) == 0 && close(5) == 0);
    CHECK(close_range(4, 99, 0) == 0);
    CHECK(dup2(0, 5) == 5 && dup3(0, 4, O_CLOEXEC) == 4);
    CHECK(close(5) == 0 && close(4) == 0);
    CHECK(dup2(0, 5) == 5);
    closefrom(250);
    serve_by_poll();
}

/* A program that brings its own client. */
static void speak_natively(void) {
    struct reeve_worker* worker = NULL;
    CHECK(reeve_worker_open(&worker, 0) == REEVE_WORKER_OK);
    reeve_worker_ready(worker);
    struct pollfd one = {3, POLLIN, 0};
    while (!stopping) {
        (void)poll(&one, 1, reeve_worker_wait_ms(worker, 100));
        reeve_worker_beat(worker);
    }
    reeve_worker_close(worker);
}

/* The program that serves becomes another, which does not. */
static void become_another(void) {
    struct pollfd one = {3, POLLIN, 0};
    CHECK(poll(&one, 1, 0) == 0);
    CHECK(execl("/nonexistent", "no", NULL) == -1 && errno == ENOENT);
    CHECK(poll(&one, 1, 100) == 0);
    execl("/proc/self/exe", "subject", "pause", NULL);
    CHECK(0);
}

int run_mode(const char* mode) {
    if (strcmp(mode, "poll") == 0) {
        serve_by_poll();
    } else if (strcmp(mode, "select") == 0) {
        serve_by_select();
    } else if (strcmp(mode, "waits") == 0) {
        try_waits();
    } else if (strcmp(mode, "descriptors") == 0) {
        try_descriptors();
    } else if (strcmp(mode, "native") == 0) {
        speak_natively();
    } else if (strcmp(mode, "exec") == 0) {
        become_another();
    } else if (strcmp(mode, "pause") == 0) {
        while (!stopping) {
            pause();
        }
    } else {
        return 2;
    }
    return 0;
}
