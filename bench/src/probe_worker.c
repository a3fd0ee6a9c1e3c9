/* A worker as small as can be that reports when it starts, hangs and is aborted.
 *
 *     probe-worker REPORTS
 *
 * REPORTS is a FIFO that the benchmark reads. SIGTERM ends the worker. SIGUSR1 makes it beat once
 * more and then stand still: so many workers can be made to hang at the same moment. It writes its
 * beats itself, because the library keeps to itself when it last sent one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "probe_report.h"
#include <reeve/protocol.h>

#define SECOND_NS    1000000000ull
#define MILLISECOND  1000000ull
#define LIFETIME_MAX 1800 /* seconds: nothing is left over from a benchmark that was cut off */

static int reports = -1;
static int pipe_fd = -1;
static uint64_t interval_ns;
static uint64_t last_beat_ns;
static uint64_t sequence;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void report(enum probe_kind kind, uint64_t at_ns) {
    struct probe_report what = {(uint32_t)getpid(), kind, at_ns, last_beat_ns};
    if (write(reports, &what, sizeof what) != (ssize_t)sizeof what) {
        _exit(3);
    }
}

static void on_abort(int number) {
    (void)number;
    report(PROBE_ABORTED, now_ns());
    _exit(0);
}

static void beat(void) {
    if (pipe_fd < 0) {
        return;
    }
    struct reeve_beat what = {.magic = REEVE_BEAT_MAGIC,
                              .version = REEVE_PROTOCOL_VERSION,
                              .size = sizeof what,
                              .process = (uint32_t)getpid(),
                              .image = 1,
                              .sequence = ++sequence,
                              .state = REEVE_STATE_SERVING};
    what.sent_ns = now_ns();
    if (write(pipe_fd, &what, sizeof what) == (ssize_t)sizeof what) {
        last_beat_ns = what.sent_ns;
    }
}

static long from_environment(const char* name, long otherwise) {
    const char* value = getenv(name);
    return value == NULL ? otherwise : strtol(value, NULL, 10);
}

/* Waits for a signal of `set` until the next beat is due; 0 = none came. */
static int wait_for(const sigset_t* set) {
    if (pipe_fd < 0) {
        return sigwaitinfo(set, NULL);
    }
    uint64_t now = now_ns();
    uint64_t due = last_beat_ns + interval_ns;
    uint64_t left = due > now ? due - now : 0;
    struct timespec timeout = {(time_t)(left / SECOND_NS), (long)(left % SECOND_NS)};
    int number = sigtimedwait(set, NULL, &timeout);
    return number > 0 ? number : 0;
}

int main(int argc, char** argv) {
    uint64_t started = now_ns();
    sigset_t set;
    if (argc != 2 || (reports = open(argv[1], O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0) {
        fputs("usage: probe-worker REPORTS, a FIFO that somebody reads\n", stderr);
        return 2;
    }
    report(PROBE_STARTED, started);
    alarm(LIFETIME_MAX);
    signal(SIGABRT, on_abort);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pipe_fd = (int)from_environment("REEVE_HEARTBEAT_FD", -1);
    interval_ns = (uint64_t)from_environment("REEVE_BEAT_INTERVAL", 1000) * MILLISECOND;
    beat();
    for (;;) {
        int number = wait_for(&set);
        if (number == SIGTERM) {
            return 0;
        }
        beat();
        if (number == SIGUSR1) {
            report(PROBE_HUNG, now_ns());
            for (;;) {
                pause();
            }
        }
    }
}
