/* A worker that does on request what real ones do on bad days. `test-misbehave` alone lists it. */
#include "misbehave.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TURN_MS       10
#define LIFE_SECONDS  900
#define LISTENERS_MAX 8

enum trigger { AT_START, AT_READY, AT_SIGNAL, AT_FILE, AT_REQUEST, AT_TIME };

struct misbehave self = {.speaks = 1, .drains = 1, .beats = 1, .chatter_fd = -1};

static const struct mode* mode;
static enum trigger trigger = AT_READY;
static const char* trigger_file;
static int64_t trigger_after_ms;
static int acted;
static int exit_code;
static int64_t drain_takes_ms;
static int stays_when_orphaned;
static int said_ready;
static int64_t started_ms;
static int64_t leave_at_ms = INT64_MAX;

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long parameter_number(int index, long otherwise) {
    return index < self.parameters ? strtol(self.parameter[index], NULL, 10) : otherwise;
}

void trigger_at_ms(long after_ms) {
    trigger = AT_TIME;
    trigger_after_ms = after_ms;
}

static int fd_from(const char* variable) {
    const char* text = getenv(variable);
    return text != NULL ? (int)strtol(text, NULL, 10) : -1;
}

int heartbeat_fd(void) { return fd_from("REEVE_HEARTBEAT_FD"); }
int control_fd(void) { return fd_from("REEVE_CONTROL_FD"); }

void append_line(const char* path, const char* line) {
    char text[256];
    int length = snprintf(text, sizeof text, "%s\n", line);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, text, (size_t)length) != length) {
        _exit(99);
    }
    close(fd);
}

static void mark(const char* what) {
    char line[64];
    if (self.marker != NULL) {
        snprintf(line, sizeof line, "%d %s", (int)getpid(), what);
        append_line(self.marker, line);
    }
}

static volatile sig_atomic_t sigpipe_came;

/* What must never happen; told at the next turn. */
static void on_sigpipe(int number) {
    (void)number;
    sigpipe_came = 1;
}

static void act(void) {
    if (!acted) {
        acted = 1;
        if (mode->act != NULL) {
            mode->act();
        }
    }
}

/* Leaves, unless it is one that does not; `why` goes to the marker file. */
static void end(const char* why) {
    mark(why);
    if (self.ignores_end || leave_at_ms != INT64_MAX) {
        return;
    }
    reeve_worker_draining(self.worker);
    leave_at_ms = now_ms() + drain_takes_ms;
}

static void on_signal(int fd) {
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    switch (info.ssi_signo) {
        case SIGUSR1:
            if (trigger == AT_SIGNAL) {
                act();
            }
            break;
        case SIGTERM: end("term"); break;
        case SIGINT: end("int"); break;
        case SIGQUIT: end("quit"); break;
        default: end("hup"); break;
    }
}

static void on_control(void) {
    switch (reeve_worker_control(self.worker, NULL)) {
        case REEVE_WORKER_DRAIN: end("drain"); break;
        case REEVE_WORKER_ORPHANED:
            if (stays_when_orphaned) {
                mark("orphaned-stays");
            } else {
                end("orphaned");
            }
            break;
        case REEVE_WORKER_ORPHANED_KEEP: mark("orphaned-keep"); break;
        case REEVE_WORKER_REOPEN:
        case REEVE_WORKER_NOTHING: break;
    }
}

/* GET /pid, and /trigger; one request a connection, and a client that dawdles is dropped. */
static void on_listener(int listener) {
    char text[2048];
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) {
        return;
    }
    struct timeval patience = {1, 0};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    size_t size = 0;
    ssize_t got = 1;
    text[0] = '\0';
    while (got > 0 && size < sizeof text - 1 && strstr(text, "\r\n\r\n") == NULL) {
        got = recv(connection, text + size, sizeof text - 1 - size, 0);
        size += got > 0 ? (size_t)got : 0;
        text[size] = '\0';
    }
    if (trigger == AT_REQUEST && strncmp(text, "GET /trigger", 12) == 0) {
        act();
    }
    char body[32];
    int length = snprintf(body, sizeof body, "%d\n", (int)getpid());
    length = snprintf(text, sizeof text,
                      "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
                      length, body);
    send(connection, text, (size_t)length, MSG_NOSIGNAL);
    shutdown(connection, SHUT_WR);
    while (got > 0 && recv(connection, text, sizeof text, 0) > 0) {
    }
    close(connection);
}

static int trigger_is_due(void) {
    return (trigger == AT_TIME && now_ms() >= started_ms + trigger_after_ms) ||
           (trigger == AT_FILE && access(trigger_file, F_OK) == 0) ||
           (trigger == AT_READY && (said_ready || !self.speaks));
}

static void say_ready(void) {
    if (self.speaks && !self.ready_owed && !said_ready) {
        said_ready = 1;
        reeve_worker_ready(self.worker);
    }
}

static void one_turn(struct pollfd* watched, nfds_t count) {
    static int64_t before_ms;
    int64_t now = now_ms();
    if (sigpipe_came) {
        mark("sigpipe");
        _exit(98);
    }
    misbehave_each_turn(before_ms != 0 ? (double)(now - before_ms) / 1000 : 0);
    before_ms = now;
    if (!acted && trigger_is_due()) {
        act();
    }
    say_ready();
    if (self.beats) {
        reeve_worker_beat(self.worker);
    }
    watched[1].fd = self.speaks ? reeve_worker_control_fd(self.worker) : -1;
    if (poll(watched, count, self.flood > 0 ? 1 : TURN_MS) <= 0) {
        return;
    }
    if (watched[0].revents != 0) {
        on_signal(watched[0].fd);
    }
    if (watched[1].revents != 0) {
        on_control();
    }
    for (nfds_t i = 2; i < count; i++) {
        if (watched[i].revents != 0 && leave_at_ms == INT64_MAX) {
            on_listener(watched[i].fd);
        }
    }
}

static void run(int signals) {
    struct pollfd watched[2 + LISTENERS_MAX] = {{signals, POLLIN, 0}, {-1, POLLIN, 0}};
    nfds_t count = 2;
    unsigned sockets = self.serves ? reeve_worker_socket_count(self.worker) : 0;
    for (unsigned i = 0; i < sockets && i < LISTENERS_MAX; i++) {
        int fd = reeve_worker_socket(self.worker, NULL, i);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        watched[count++] = (struct pollfd){fd, POLLIN, 0};
    }
    started_ms = now_ms();
    say_ready();
    while (now_ms() < leave_at_ms) {
        one_turn(watched, count);
    }
    if (self.speaks) {
        reeve_worker_stopping(self.worker);
    }
}

static int take_signals(void) {
    static const int wanted[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        sigaddset(&set, wanted[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (self.marker != NULL) {
        signal(SIGPIPE, on_sigpipe);
    }
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void usage(void) {
    fputs("usage: test-misbehave MODE [PARAMETER]... [OPTION]...\n\n", stderr);
    for (unsigned i = 0; i < mode_count; i++) {
        fprintf(stderr, "  %-16s %s\n", modes[i].name, modes[i].help);
    }
    fputs(
        "\n  --on start|ready|usr1|request|file:PATH|ms:N   when (ready); ms counts from the "
        "start\n"
        "  --serve          answers its pid on the sockets; GET /trigger is --on request\n"
        "  --marker FILE    appends `PID drain|term|int|quit|hup|orphaned...|sigpipe`\n"
        "  --stay           serves on when reeve is gone, whatever Welcome said\n"
        "  --no-drains      Hello without REEVE_HELLO_DRAINS: the stop signal is wanted\n"
        "  --drain-ms N     takes so long to leave       --exit-code N   leaves with it\n"
        "  --ignore N       ignores signal N             --core          wants a core dump\n",
        stderr);
    exit(2);
}

static void parse_trigger(const char* text) {
    if (strcmp(text, "start") == 0) {
        trigger = AT_START;
    } else if (strcmp(text, "usr1") == 0) {
        trigger = AT_SIGNAL;
    } else if (strcmp(text, "request") == 0) {
        trigger = AT_REQUEST;
    } else if (strncmp(text, "file:", 5) == 0) {
        trigger = AT_FILE;
        trigger_file = text + 5;
    } else if (strncmp(text, "ms:", 3) == 0) {
        trigger_at_ms(strtol(text + 3, NULL, 10));
    } else if (strcmp(text, "ready") != 0) {
        usage();
    }
}

/* Takes the option `name`; returns how many further words it took, -1 for none of ours. */
static int take_option(const char* name, const char* value) {
    if (strcmp(name, "--serve") == 0) {
        self.serves = 1;
    } else if (strcmp(name, "--stay") == 0) {
        stays_when_orphaned = 1;
    } else if (strcmp(name, "--core") == 0) {
        self.core = 1;
    } else if (strcmp(name, "--no-drains") == 0) {
        self.drains = 0;
    } else if (value == NULL) {
        return -1;
    } else if (strcmp(name, "--on") == 0) {
        parse_trigger(value);
        return 1;
    } else if (strcmp(name, "--marker") == 0) {
        self.marker = value;
        return 1;
    } else if (strcmp(name, "--drain-ms") == 0) {
        drain_takes_ms = strtol(value, NULL, 10);
        return 1;
    } else if (strcmp(name, "--exit-code") == 0) {
        exit_code = (int)strtol(value, NULL, 10);
        return 1;
    } else if (strcmp(name, "--ignore") == 0) {
        signal((int)strtol(value, NULL, 10), SIG_IGN);
        return 1;
    } else {
        return -1;
    }
    return 0;
}

static void parse(int argc, char** argv) {
    for (unsigned i = 0; argc > 1 && i < mode_count; i++) {
        mode = strcmp(argv[1], modes[i].name) == 0 ? &modes[i] : mode;
    }
    for (int i = 2; i < argc; i++) {
        int taken = take_option(argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        if (taken >= 0) {
            i += taken;
        } else if (strncmp(argv[i], "--", 2) != 0 && self.parameters < PARAMETERS_MAX) {
            self.parameter[self.parameters++] = argv[i];
        } else {
            usage();
        }
    }
    if (mode == NULL || self.parameters < mode->parameters) {
        usage();
    }
}

/* Its ways to leave free nothing, and a leak checker would put an exit code of its own in place of
 * the one that the test asked for. The name is the sanitizer's.
 * NOLINTBEGIN(bugprone-reserved-identifier) */
const char* __asan_default_options(void);
const char* __asan_default_options(void) { return "detect_leaks=0"; }
/* NOLINTEND(bugprone-reserved-identifier) */

int main(int argc, char** argv) {
    parse(argc, argv);
    alarm(LIFE_SECONDS);
    if (mode->prepare != NULL) {
        mode->prepare();
    }
    if (trigger == AT_START) {
        act();
    }
    if (reeve_worker_open(&self.worker, self.drains ? REEVE_WORKER_DRAINS : 0) ==
        REEVE_WORKER_ERROR) {
        return 97;
    }
    int signals = take_signals();
    if (self.speaks) {
        reeve_worker_receive(self.worker, 5000);
    }
    run(signals);
    return exit_code;
}
