/* Starts programs under the library and listens to what it says of them. */
#include "supervisor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_number(const char* name, unsigned long long value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", value);
    CHECK(setenv(name, text, 1) == 0);
}

static int high(int fd) {
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 100);
    CHECK(moved >= 100);
    close(fd);
    return moved;
}

static int open_listener(struct subject* subject) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    CHECK(bind(fd, (struct sockaddr*)&address, sizeof address) == 0 && listen(fd, 512) == 0);
    CHECK(getsockname(fd, (struct sockaddr*)&address, &size) == 0);
    subject->port = ntohs(address.sin_port);
    return high(fd);
}

static void become_subject(const struct subject* subject, int heartbeat, int control,
                           const char* mode) {
    struct stat status;
    char path[64];
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0); /* no test that ends early leaves it behind */
    snprintf(path, sizeof path, "/proc/self/fd/%d", heartbeat);
    int both = open(path, O_RDWR | O_NONBLOCK);
    CHECK(both >= 0 && fcntl(both, F_SETFL, O_DIRECT | O_NONBLOCK) == 0);
    CHECK(dup2(both, 60) == 60 && dup2(control, 61) == 61 && dup2(subject->listener, 3) == 3);
    CHECK(dup2(60, 5) == 5 && dup2(61, 4) == 4 && close(60) == 0 && close(61) == 0);
    CHECK(fstat(3, &status) == 0);
    set_number("REEVE_HEARTBEAT_FD", 5);
    set_number("REEVE_CONTROL_FD", 4);
    set_number("REEVE_SOCKET_INODES", status.st_ino);
    set_number("REEVE_STOP_SIGNAL", SIGTERM);
    if (getenv("UNIT_PRELOAD") != NULL) {
        setenv("LD_PRELOAD", getenv("UNIT_PRELOAD"), 1);
    }
    execl("/proc/self/exe", "subject", mode, NULL);
    _exit(99);
}

struct subject start_subject(const char* mode, unsigned interval_ms) {
    struct subject subject;
    int pipe_ends[2];
    int channel[2];
    memset(&subject, 0, sizeof subject);
    subject.listener = open_listener(&subject);
    CHECK(pipe2(pipe_ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == 0);
    subject.heartbeat = high(pipe_ends[0]);
    subject.control = high(channel[0]);
    int heartbeat = high(pipe_ends[1]);
    int control = high(channel[1]);
    set_number("REEVE_BEAT_INTERVAL", interval_ms);
    subject.pid = fork();
    CHECK(subject.pid >= 0);
    if (subject.pid == 0) {
        become_subject(&subject, heartbeat, control, mode);
    }
    close(heartbeat);
    close(control);
    return subject;
}

static void keep(struct subject* subject, const struct reeve_beat* beat) {
    subject->drained |= beat->state == REEVE_STATE_DRAINING;
    for (unsigned i = 0; i < subject->streams; i++) {
        struct reeve_beat* last = &subject->last[i];
        if (last->process == beat->process && last->image == beat->image) {
            CHECK(beat->sequence > last->sequence);
            CHECK(beat->requests >= last->requests && beat->connections >= last->connections);
            *last = *beat;
            return;
        }
    }
    CHECK(subject->streams < STREAMS_MAX);
    subject->last[subject->streams++] = *beat;
}

void read_beats(struct subject* subject, int wait_ms) {
    struct pollfd pipe_end = {subject->heartbeat, POLLIN, 0};
    struct reeve_beat beat;
    ssize_t got = 0;
    (void)poll(&pipe_end, 1, wait_ms);
    while ((got = read(subject->heartbeat, &beat, sizeof beat)) > 0) {
        CHECK(got == sizeof beat && beat.magic == REEVE_BEAT_MAGIC && beat.size == sizeof beat);
        keep(subject, &beat);
        subject->beats++;
    }
    if (got == 0) {
        (void)poll(NULL, 0, 1); /* all are gone: whoever waits gives up by the clock */
    }
}

#define SUM(field)                                    \
    uint64_t sum = 0;                                 \
    for (unsigned i = 0; i < subject->streams; i++) { \
        sum += subject->last[i].field;                \
    }                                                 \
    return sum;

uint64_t requests_of(const struct subject* subject){SUM(requests)} uint64_t
    connections_of(const struct subject* subject){SUM(connections)} uint64_t
    errors_of(const struct subject* subject) {
    SUM(errors)
}
static uint64_t sum_in_flight(const struct subject* subject){SUM(in_flight)} uint32_t
    in_flight_of(const struct subject* subject) {
    return (uint32_t)sum_in_flight(subject);
}

void wait_until(struct subject* subject, int (*so)(const struct subject*, uint64_t), uint64_t value,
                const char* what) {
    int64_t until = now_ms() + PATIENCE_MS;
    while (!so(subject, value)) {
        if (now_ms() > until) {
            fprintf(stderr, "never came: %s %llu (requests %llu, connections %llu, errors %llu)\n",
                    what, (unsigned long long)value, (unsigned long long)requests_of(subject),
                    (unsigned long long)connections_of(subject),
                    (unsigned long long)errors_of(subject));
            exit(1);
        }
        read_beats(subject, 50);
    }
}

static int has_requests(const struct subject* subject, uint64_t count) {
    return requests_of(subject) >= count;
}

static int has_beats(const struct subject* subject, uint64_t count) {
    return subject->beats >= count;
}

void wait_requests(struct subject* subject, uint64_t count) {
    wait_until(subject, has_requests, count, "requests");
    if (requests_of(subject) != count) {
        fprintf(stderr, "%llu requests instead of %llu\n", (unsigned long long)requests_of(subject),
                (unsigned long long)count);
        exit(1);
    }
}

void wait_beats(struct subject* subject, unsigned more) {
    wait_until(subject, has_beats, subject->beats + more, "beats");
}

void wait_message(struct subject* subject, unsigned type, void* body, size_t size) {
    char bytes[REEVE_CONTROL_SIZE_MAX];
    struct reeve_header header;
    struct pollfd channel = {subject->control, POLLIN, 0};
    for (;;) {
        CHECK(poll(&channel, 1, PATIENCE_MS) == 1);
        ssize_t got = recv(subject->control, bytes, sizeof bytes, 0);
        CHECK(got >= (ssize_t)sizeof header);
        memcpy(&header, bytes, sizeof header);
        if (header.type == type) {
            CHECK((size_t)got >= size);
            memcpy(body, bytes, size);
            return;
        }
    }
}

void send_drain(struct subject* subject, uint32_t within_ms) {
    struct reeve_drain drain = {
        {REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_DRAIN, sizeof drain}, within_ms};
    CHECK(send(subject->control, &drain, sizeof drain, 0) == sizeof drain);
}

/* Waits until it ended, and asks it again and again where `insistent`. */
static int wait_for_end(struct subject* subject, int insistent) {
    int64_t until = now_ms() + PATIENCE_MS;
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(subject->pid, &status, WNOHANG)) == 0) {
        if (now_ms() > until) {
            fprintf(stderr, "process %d never ended\n", (int)subject->pid);
            exit(1);
        }
        (void)poll(NULL, 0, insistent ? 100 : 2);
        if (insistent) {
            kill(subject->pid, SIGTERM); /* a zombie until it was waited for: the pid is its own */
        }
    }
    CHECK(ended == subject->pid);
    read_beats(subject, 0);
    return status;
}

int wait_end(struct subject* subject) { return wait_for_end(subject, 0); }

int wait_stopped(struct subject* subject) {
    /* ThreadSanitizer holds a signal back until a later call, and then no wait is interrupted. */
    return wait_for_end(subject, UNDER_TSAN);
}

void end_subject(struct subject* subject) {
    kill(subject->pid, SIGTERM);
    int status = wait_stopped(subject);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(subject->heartbeat);
    close(subject->control);
    close(subject->listener);
}

int connect_to(const struct subject* subject) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(subject->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {PATIENCE_MS / 1000, 0};
    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK(connect(fd, (struct sockaddr*)&address, sizeof address) == 0);
    return fd;
}

void tell(int connection, const char* bytes) {
    CHECK(send(connection, bytes, strlen(bytes), MSG_NOSIGNAL) == (ssize_t)strlen(bytes));
}

void hear(int connection) {
    char byte = 0;
    do {
        CHECK(recv(connection, &byte, 1, 0) == 1);
    } while (byte != '\n');
}

void ask(int connection, const char* line) {
    tell(connection, line);
    hear(connection);
}
