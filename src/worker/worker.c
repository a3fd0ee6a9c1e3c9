/* Opening and closing a worker: what the environment promises, checked before it is believed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define FIRST_SOCKET 3

/* A decimal number up to `most`; -1 = absent or no such number. */
static int64_t number_from(const char* variable, int64_t most) {
    const char* text = getenv(variable);
    if (text == NULL || *text == '\0' || strlen(text) > 18) {
        return -1;
    }
    int64_t value = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        value = value * 10 + (*text - '0');
    }
    return value <= most ? value : -1;
}

static void set_cloexec(int fd) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0) {
        fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    }
}

/* A variable may be left over from a grandparent, and its number belong to another file by now: a
 * packet pipe is hardly anything else. */
static int take_heartbeat(struct reeve_worker* worker) {
    int fd = (int)number_from("REEVE_HEARTBEAT_FD", INT32_MAX);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode)) {
        return -1;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || !(flags & O_DIRECT) || (flags & O_ACCMODE) == O_RDONLY) {
        return -1;
    }
    if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return -1;
    }
    worker->heartbeat_signals = (flags & O_ACCMODE) == O_WRONLY;
    set_cloexec(fd);
    return fd;
}

static int take_control(void) {
    int fd = (int)number_from("REEVE_CONTROL_FD", INT32_MAX);
    int type = 0;
    int domain = 0;
    socklen_t size = sizeof type;
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        type != SOCK_SEQPACKET) {
        return -1;
    }
    size = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX) {
        return -1;
    }
    set_cloexec(fd);
    return fd;
}

/* LISTEN_FDS counts only when LISTEN_PID is this process: else it was meant for a parent. */
static void take_sockets(struct reeve_worker* worker) {
    int64_t count = number_from("LISTEN_FDS", REEVE_SOCKETS_MAX);
    if (count <= 0 || number_from("LISTEN_PID", INT32_MAX) != getpid()) {
        return;
    }
    const char* names = getenv("LISTEN_FDNAMES");
    for (int i = 0; i < (int)count; i++) {
        size_t length = names != NULL ? strcspn(names, ":") : 0;
        worker->socket[i] = FIRST_SOCKET + i;
        worker->socket_name[i] = length > 0 ? strndup(names, length) : strdup("unknown");
        set_cloexec(FIRST_SOCKET + i);
        if (names != NULL) {
            names += length + (names[length] == ':');
        }
    }
    worker->sockets = (unsigned)count;
    worker->inherited = 1;
}

static void clean_environment(void) {
    static const char* const variables[] = {
        "REEVE_PROTOCOL",   "REEVE_CONTROL_FD", "REEVE_HEARTBEAT_FD", "REEVE_BEAT_INTERVAL",
        "REEVE_QUOTA",      "REEVE_TOKEN",      "REEVE_POOL",         "REEVE_SLOT",
        "REEVE_GENERATION", "REEVE_REJOIN",     "LISTEN_FDS",         "LISTEN_PID",
        "LISTEN_FDNAMES"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        unsetenv(variables[i]);
    }
}

/* Zeroed pages, which cost no memory until many requests are in flight at once. */
static struct reeve_worker* make_worker(void) {
    void* memory = mmap(NULL, sizeof(struct reeve_worker), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

enum reeve_worker_result reeve_worker_open(struct reeve_worker** out, unsigned flags) {
    *out = NULL;
    struct reeve_worker* worker = make_worker();
    if (worker == NULL) {
        return REEVE_WORKER_ERROR;
    }
    if (reeve_registry_add(worker) != 0) {
        munmap(worker, sizeof *worker);
        errno = EMFILE;
        return REEVE_WORKER_ERROR;
    }
    worker->flags = flags;
    worker->process = getpid();
    worker->image = reeve_new_image();
    worker->heartbeat = take_heartbeat(worker);
    worker->control = take_control();
    atomic_flag_clear(&worker->beating);
    atomic_store(&worker->state, (uint32_t)REEVE_STATE_STARTING);
    int64_t interval_ms = number_from("REEVE_BEAT_INTERVAL", INT32_MAX);
    atomic_store(&worker->interval_ns, (uint64_t)(interval_ms > 0 ? interval_ms : 1000) * 1000000);
    int64_t quota = number_from("REEVE_QUOTA", INT64_MAX);
    atomic_store(&worker->quota, quota > 0 ? (uint64_t)quota : 0);
    take_sockets(worker);
    if (worker->heartbeat >= 0) {
        reeve_clock_open(worker);
    }
    if (flags & REEVE_WORKER_CLEAN_ENVIRONMENT) {
        clean_environment();
    }
    *out = worker;
    return worker->heartbeat >= 0 || worker->control >= 0 ? REEVE_WORKER_OK : REEVE_WORKER_ALONE;
}

unsigned reeve_worker_socket_count(const struct reeve_worker* worker) {
    return worker != NULL ? worker->sockets : 0;
}

int reeve_worker_socket(const struct reeve_worker* worker, const char* name, unsigned index) {
    for (unsigned i = 0; i < reeve_worker_socket_count(worker); i++) {
        const char* own = worker->socket_name[i];
        if ((name == NULL || (own != NULL && strcmp(own, name) == 0)) && index-- == 0) {
            return worker->socket[i];
        }
    }
    return -1;
}

const char* reeve_worker_socket_name(const struct reeve_worker* worker, unsigned index) {
    return index < reeve_worker_socket_count(worker) ? worker->socket_name[index] : NULL;
}

void reeve_worker_close(struct reeve_worker* worker) {
    if (worker == NULL) {
        return;
    }
    reeve_registry_remove(worker);
    if (worker->heartbeat >= 0) {
        close(worker->heartbeat);
    }
    if (worker->control >= 0) {
        close(worker->control);
    }
    for (unsigned i = 0; i < worker->sockets; i++) {
        free(worker->socket_name[i]);
    }
    munmap(worker, sizeof *worker);
}
