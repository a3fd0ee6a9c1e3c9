/* Connections of the pool begin here, and so does being the program that serves. */
#include <fcntl.h>
#include <string.h>

#include "preload/heads.h"

/* A connection came, or at least was asked for: the result of the accept is passed on. */
static int accepted(int fd, const struct sockaddr_storage* peer) {
    int saved_errno = errno;
    if (fd >= 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
        arm();
    }
    if (fd >= 0 && is_armed() && own_process()) {
        uint32_t before = table_exchange(fd, KIND_UNKNOWN);
        if (before >= KINDS) {
            turn_closed(before); /* it was closed where nobody saw it */
        }
        uint32_t entry = connection_new(reeve_ticks(image.worker));
        if (heads_wanted()) {
            head_accepted(entry, peer);
        }
        table_exchange(fd, entry);
        count_connection();
    }
    errno = saved_errno;
    return fd;
}

/* Who came, where the program did not ask; or what it asked for, as far as it had room. */
static void find_peer(int fd, const struct sockaddr* address, const socklen_t* size, socklen_t room,
                      struct sockaddr_storage* peer) {
    peer->ss_family = AF_UNSPEC;
    if (fd < 0 || !heads_wanted()) {
        return;
    }
    if (address != NULL && size != NULL && *size <= room && *size <= sizeof *peer) {
        memcpy(peer, address, *size);
    } else {
        int saved_errno = errno;
        socklen_t own = sizeof *peer;
        if (getpeername(fd, (struct sockaddr*)peer, &own) != 0) {
            peer->ss_family = AF_UNSPEC;
        }
        errno = saved_errno;
    }
}

/* While it drains, nothing waits on a listening socket: as if nobody came. */
static int nobody_comes(int fd) {
    int flags = real()->fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK)) {
        errno = EAGAIN;
        return -1;
    }
    struct timespec moment = {0, PART_FIRST_NS};
    do {
        if (loop_turned()) {
            errno = EINTR;
            return -1;
        }
    } while (real()->ppoll(NULL, 0, &moment, NULL) == 0);
    return -1;
}

/* -1: the accept is not to be made. */
static int about_to_accept(int fd, int* is_listener) {
    uint32_t entry = entry_of(fd);
    *is_listener = (entry == KIND_UNKNOWN ? find_kind(fd) : entry) == KIND_LISTENER;
    if (!*is_listener) {
        return 0;
    }
    if (loop_turned()) {
        errno = EINTR;
        return -1;
    }
    if (is_draining() && is_armed()) {
        return nobody_comes(fd);
    }
    int flags = 0;
    if (atomic_load_explicit(&image.armed, memory_order_relaxed) == 0) {
        flags = real()->fcntl(fd, F_GETFL);
        if (flags >= 0 && !(flags & O_NONBLOCK)) {
            arm(); /* it is about to wait in this very call */
        }
    }
    return 0;
}

WRAP(int, accept, (int fd, struct sockaddr* address, socklen_t* size)) {
    int is_listener = 0;
    if (about_to_accept(fd, &is_listener) < 0) {
        return -1;
    }
    if (!is_listener) {
        return real()->accept(fd, address, size);
    }
    struct sockaddr_storage peer;
    socklen_t room = size != NULL ? *size : 0;
    blocked_begin(fd);
    int connection = real()->accept(fd, address, size);
    blocked_end();
    find_peer(connection, address, size, room, &peer);
    return accepted(connection, &peer);
}

WRAP(int, accept4, (int fd, struct sockaddr* address, socklen_t* size, int flags)) {
    int is_listener = 0;
    if (about_to_accept(fd, &is_listener) < 0) {
        return -1;
    }
    if (!is_listener) {
        return real()->accept4(fd, address, size, flags);
    }
    struct sockaddr_storage peer;
    socklen_t room = size != NULL ? *size : 0;
    blocked_begin(fd);
    int connection = real()->accept4(fd, address, size, flags);
    blocked_end();
    find_peer(connection, address, size, room, &peer);
    return accepted(connection, &peer);
}
