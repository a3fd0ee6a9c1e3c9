/* The modes of the misbehaving worker, and the table that names them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "misbehave.h"
#include <reeve/protocol.h>

#define CHILD_LIFE_SECONDS 300 /* what outlives its test does not outlive it by much */

static volatile int for_ever = 1;

static void stand_still(void) {
    while (for_ever) {
        pause();
    }
}

static void spin(void) {
    while (for_ever) {
    }
}

static void be_mute(void) {
    self.speaks = 0;
    self.beats = 0;
}

static void want_signals(void) { self.drains = 0; }

static void owe_ready(void) {
    self.ready_owed = 1;
    if (self.parameters > 0) {
        trigger_at_ms(parameter_number(0, 0));
    }
}

static void pay_ready(void) { self.ready_owed = 0; }
static void be_silent(void) { self.beats = 0; }
static void ignore_end(void) { self.ignores_end = 1; }
static void leave(void) { _exit((int)parameter_number(0, 0)); }

static void touch_megabytes(long megabytes) {
    size_t size = (size_t)megabytes << 20;
    char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; memory != MAP_FAILED && i < size; i += 4096) {
        /* Not a page of zeros: the core must have something to write. */
        memset(memory + i, (int)(i >> 12) | 1, 64);
    }
}

static void leak(void) { touch_megabytes(parameter_number(0, 1)); }

static void crash(void) {
    if (self.core) {
        struct rlimit limit;
        getrlimit(RLIMIT_CORE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_CORE, &limit);
    }
    raise(SIGSEGV);
}

/* Says to the file in the mode's parameter which process it made. */
static void tell_pid(int parameter, const char* what, pid_t pid) {
    char line[64];
    if (parameter < self.parameters) {
        snprintf(line, sizeof line, "%s %d", what, (int)pid);
        append_line(self.parameter[parameter], line);
    }
}

/* An orphan: its parent leaves at once, so that whoever adopts orphans gets it. */
static void make_orphan(void (*life)(void)) {
    pid_t middle = fork();
    if (middle == 0) {
        if (fork() == 0) {
            alarm(CHILD_LIFE_SECONDS);
            life();
        }
        _exit(0);
    }
    while (middle > 0 && waitpid(middle, NULL, 0) < 0 && errno == EINTR) {
    }
}

static void live_apart(void) {
    setsid();
    tell_pid(0, "apart", getpid());
    stand_still();
}

static void end_with_three(void) {
    tell_pid(0, "three", getpid());
    _exit(3);
}

static void double_fork(void) {
    make_orphan(live_apart);
    make_orphan(end_with_three);
}

static void fork_children(void) {
    for (long i = parameter_number(0, 3); i > 0; i--) {
        pid_t child = fork();
        if (child == 0) {
            alarm(CHILD_LIFE_SECONDS);
            signal(SIGTERM, SIG_IGN);
            stand_still();
        }
        tell_pid(1, "child", child);
    }
}

static void hang_child(void) {
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_LIFE_SECONDS);
        reeve_worker_beat(self.worker);
        stand_still();
    }
    tell_pid(0, "child", child);
}

static void close_heartbeat(void) {
    close(heartbeat_fd());
    self.beats = 0;
}

static void flood(void) {
    self.flood = 64;
    self.beats = 0;
}

static void write_garbage(void) { self.garbage = 1; }

/* A beat of a program image of its own, so that it does not disturb the honest ones. */
static int write_foreign_beat(enum reeve_state state) {
    static uint64_t sequence;
    struct reeve_beat beat = {.magic = REEVE_BEAT_MAGIC,
                              .version = REEVE_PROTOCOL_VERSION,
                              .size = sizeof beat,
                              .process = (uint32_t)getpid(),
                              .image = 1,
                              .sequence = ++sequence,
                              .state = state};
    beat.sent_ns = (uint64_t)now_ms() * 1000000;
    return write(heartbeat_fd(), &beat, sizeof beat) > 0;
}

static void fill(void) {
    for (int i = 0; i < 10000 && write_foreign_beat(REEVE_STATE_STOPPING); i++) {
    }
}

static void control_garbage(void) {
    unsigned char bytes[REEVE_CONTROL_SIZE_MAX * 2];
    static const size_t sizes[] = {1, 11, 12, 64, REEVE_CONTROL_SIZE_MAX, sizeof bytes};
    memset(bytes, 0x5a, sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        send(control_fd(), bytes, sizes[i], MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    /* A right head over a body that is too short, and a message type of the future. */
    struct reeve_hello hello = {
        {REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_HELLO, 9999}, 1, ~0u};
    send(control_fd(), &hello, sizeof hello, MSG_DONTWAIT | MSG_NOSIGNAL);
    hello.header.type = 999;
    hello.header.size = sizeof hello;
    send(control_fd(), &hello, sizeof hello, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* So many reports of slow requests, of which each third is none. */
static void tell_slow(void) {
    static const char text[] = "GET /\033[2J\"\nforged=1\\\377";
    struct {
        struct reeve_slow slow;
        char text[REEVE_SLOW_TEXT_MAX * 2];
    } message;
    memset(&message, 'x', sizeof message);
    memcpy(message.text, text, sizeof text - 1);
    for (long i = 0; i < parameter_number(0, 1); i++) {
        size_t size = i % 3 == 2 ? sizeof message.text : sizeof text - 1;
        message.slow =
            (struct reeve_slow){.header = {REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_SLOW,
                                           (uint32_t)(sizeof message.slow + size)},
                                .duration_ns = i % 2 == 0 ? UINT64_MAX : 5000000000,
                                .text_size = (uint32_t)size};
        send(control_fd(), &message, sizeof message.slow + size, MSG_NOSIGNAL);
    }
}

static void chatter(void) {
    int to_stdout = self.parameters > 0 && strcmp(self.parameter[0], "stdout") == 0;
    self.chatter_fd = to_stdout ? STDOUT_FILENO : STDERR_FILENO;
}

static void begin_long_request(void) { reeve_worker_request_begin(self.worker); }
static void count_requests(void) { self.requests_per_second = (double)parameter_number(0, 100); }
static void show_state(void) { print_state(self.parameter[0]); }
static void set_marker(void) { self.marker = self.parameter[0]; }

/* The descriptors stay open over exec, as after a wrapper script that knows nothing of them. */
static void become_other_program(void) {
    char* const arguments[] = {"test-misbehave", "mute", self.serves ? "--serve" : NULL, NULL};
    if (heartbeat_fd() >= 0) {
        fcntl(heartbeat_fd(), F_SETFD, 0);
    }
    if (control_fd() >= 0) {
        fcntl(control_fd(), F_SETFD, 0);
    }
    for (unsigned i = 0; i < reeve_worker_socket_count(self.worker); i++) {
        fcntl(reeve_worker_socket(self.worker, NULL, i), F_SETFD, 0);
    }
    execv("/proc/self/exe", arguments);
    _exit(127);
}

const struct mode modes[] = {
    {"polite", 0, NULL, NULL, "misbehaves not at all"},
    {"mute", 0, be_mute, NULL, "says nothing to reeve; knows only LISTEN_FDS and SIGTERM"},
    {"late", 0, owe_ready, pay_ready, "[MS] is ready only after MS, or at the trigger"},
    {"never-ready", 0, owe_ready, NULL, "greets and beats, and is never ready"},
    {"silent", 0, NULL, be_silent, "beats no more; the loop goes on"},
    {"hang", 0, NULL, stand_still, "the loop waits for ever"},
    {"spin", 0, NULL, spin, "the loop runs in a circle"},
    {"hang-child", 0, NULL, hang_child, "[FILE] forks a child that beats once and hangs"},
    {"ignore-term", 0, ignore_end, NULL, "acts on no stop signal and no drain message"},
    {"exit", 1, NULL, leave, "CODE"},
    {"abort", 0, NULL, abort, ""},
    {"segv", 0, NULL, crash, ""},
    {"segv-big-core", 1, leak, crash, "MB of memory, then a crash; see --core"},
    {"double-fork", 0, NULL, double_fork,
     "[FILE] orphans: one in a session of its own that lives on, one that exits with 3"},
    {"fork-children", 0, NULL, fork_children, "[N [FILE]] children that ignore SIGTERM"},
    {"exec", 0, want_signals, become_other_program, "becomes `mute`, its descriptors still open"},
    {"close-heartbeat", 0, NULL, close_heartbeat, ""},
    {"flood", 0, NULL, flood, "the heartbeat, without end"},
    {"garbage", 0, NULL, write_garbage, "on the heartbeat, at each turn"},
    {"control-garbage", 0, NULL, control_garbage, "on the control channel, once"},
    {"tell-slow", 1, NULL, tell_slow, "N reports of slow requests, a third of them garbage"},
    {"fill", 0, NULL, fill, "the heartbeat pipe until it is full, then go on"},
    {"chatter", 0, NULL, chatter, "[stdout|stderr] lines without end"},
    {"request-long", 0, NULL, begin_long_request, "a request is in flight for ever"},
    {"leak", 1, NULL, leak, "MB"},
    {"count", 1, NULL, count_requests, "N requests reported a second"},
    {"print-state", 1, show_state, NULL, "FILE: what it finds at its start, as JSON"},
    {"drain-marker", 1, set_marker, NULL, "FILE: the same as polite --marker FILE"},
};

const unsigned mode_count = sizeof modes / sizeof modes[0];

static void write_garbage_packets(void) {
    unsigned char bytes[4096];
    static const size_t sizes[] = {1, 16, 199, 200, 201, 256, 257, 4096};
    memset(bytes, 0xa5, sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (write(heartbeat_fd(), bytes, sizes[i]) < 0) {
            return;
        }
    }
}

void misbehave_each_turn(double seconds) {
    for (long i = 0; i < self.flood; i++) {
        write_foreign_beat(REEVE_STATE_SERVING);
    }
    if (self.garbage) {
        write_garbage_packets();
    }
    for (int i = 0; self.chatter_fd >= 0 && i < 20; i++) {
        char line[128];
        int length = snprintf(line, sizeof line, "%d chatters on, and on, and on: %060d\n",
                              (int)getpid(), i);
        if (write(self.chatter_fd, line, (size_t)length) < 0) {
            break;
        }
    }
    self.requests_due += seconds * self.requests_per_second;
    for (; self.requests_due >= 1; self.requests_due -= 1) {
        reeve_worker_request_end(self.worker, reeve_worker_request_begin(self.worker), 0);
    }
}
