/* Opening and closing a worker, and the sockets that came with it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define FIRST_SOCKET 3

static void set_cloexec(int fd) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0) {
        fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    }
}

/* LISTEN_FDS counts only when LISTEN_PID is this process: else it was meant for a parent. */
static void take_sockets(struct reeve_worker* worker) {
    int64_t count = reeve_number_from("LISTEN_FDS", REEVE_SOCKETS_MAX);
    if (count <= 0 || reeve_number_from("LISTEN_PID", INT32_MAX) != getpid()) {
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
        "REEVE_PROTOCOL",     "REEVE_CONTROL_FD", "REEVE_HEARTBEAT_FD", "REEVE_BEAT_INTERVAL",
        "REEVE_QUOTA",        "REEVE_TOKEN",      "REEVE_POOL",         "REEVE_SLOT",
        "REEVE_GENERATION",   "REEVE_REJOIN",     "REEVE_ACCESS_LOG",   "REEVE_ACCESS_LOG_FORMAT",
        "REEVE_SLOW_REQUEST", "LISTEN_FDS",       "LISTEN_PID",         "LISTEN_FDNAMES"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        unsetenv(variables[i]);
    }
}

enum reeve_worker_result reeve_worker_open(struct reeve_worker** out, unsigned flags) {
    *out = NULL;
    struct reeve_worker* worker = reeve_worker_new();
    if (worker == NULL) {
        return REEVE_WORKER_ERROR;
    }
    if (reeve_registry_add(worker) != 0) {
        munmap(worker, sizeof *worker);
        errno = EMFILE;
        return REEVE_WORKER_ERROR;
    }
    worker->flags = flags;
    worker->collect = reeve_requests_collect;
    worker->reset = reeve_requests_reset;
    worker->heartbeat = reeve_take_heartbeat(worker);
    worker->control = reeve_take_control();
    set_cloexec(worker->heartbeat);
    set_cloexec(worker->control);
    reeve_take_numbers(worker);
    take_sockets(worker);
    reeve_access_open(worker, FIRST_SOCKET);
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
    reeve_access_close(worker);
    munmap(worker, sizeof *worker);
}
