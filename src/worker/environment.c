/* What the environment promises a worker, checked before it is believed. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* A decimal number up to `most`; -1 = absent or no such number. */
int64_t reeve_number_from(const char* variable, int64_t most) {
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

/* A variable may be left over from a grandparent, and its number belong to another file by now: a
 * packet pipe is hardly anything else. */
int reeve_take_heartbeat(struct reeve_worker* worker) {
    int fd = (int)reeve_number_from("REEVE_HEARTBEAT_FD", INT32_MAX);
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
    return fd;
}

int reeve_take_control(void) {
    int fd = (int)reeve_number_from("REEVE_CONTROL_FD", INT32_MAX);
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
    return fd;
}

/* Zeroed pages, which cost no memory until many requests are in flight at once. */
struct reeve_worker* reeve_worker_new(void) {
    void* memory = mmap(NULL, sizeof(struct reeve_worker), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

void reeve_take_numbers(struct reeve_worker* worker) {
    worker->process = getpid();
    worker->image = reeve_new_image();
    atomic_flag_clear(&worker->beating);
    atomic_store(&worker->state, (uint32_t)REEVE_STATE_STARTING);
    int64_t interval_ms = reeve_number_from("REEVE_BEAT_INTERVAL", INT32_MAX);
    atomic_store(&worker->interval_ns, (uint64_t)(interval_ms > 0 ? interval_ms : 1000) * 1000000);
    int64_t quota = reeve_number_from("REEVE_QUOTA", INT64_MAX);
    atomic_store(&worker->quota, quota > 0 ? (uint64_t)quota : 0);
    int64_t slow_ms = reeve_number_from("REEVE_SLOW_REQUEST", INT32_MAX);
    worker->slow_ns = slow_ms > 0 ? (uint64_t)slow_ms * 1000000 : 0;
}
