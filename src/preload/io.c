/* Bytes that come and go. A descriptor that is no connection of the pool costs a look into the
 * table. */
#include <limits.h>

#include "preload/internal.h"

/* A read may wait for the client: who waits for him does not hang. */
static int before_read(uint32_t entry, int fd) {
    int watched = entry >= KINDS && watcher_runs();
    if (watched) {
        blocked_begin(fd);
    }
    return watched;
}

static ssize_t after_read(uint32_t entry, ssize_t size, int watched, int peeked,
                          const struct iovec* parts, size_t count) {
    if (watched) {
        blocked_end();
    }
    if (entry >= KINDS && !peeked) {
        turn_read(entry, size, parts, count);
    }
    return size;
}

static ssize_t after_write(uint32_t entry, ssize_t size, size_t wanted, const struct iovec* parts,
                           size_t count) {
    if (entry >= KINDS) {
        turn_wrote(entry, size, wanted, parts, count);
    } else if (entry == KIND_OWN && !inside && size > 0) {
        stand_back();
    }
    return size;
}

static size_t bytes_in(const struct iovec* parts, size_t count) {
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += parts[i].iov_len;
    }
    return sum;
}

#define READS(name, parameters, arguments, peeked, parts, count)                         \
    WRAP(ssize_t, name, parameters) {                                                    \
        uint32_t entry = entry_of(fd);                                                   \
        int watched = before_read(entry, fd);                                            \
        return after_read(entry, real()->name arguments, watched, peeked, parts, count); \
    }

/* Bytes that are looked at and left, and what is no bytes at all, begin no turn. */
#define LEFT_THERE (flags & (MSG_PEEK | MSG_ERRQUEUE))
#define ONE_PART   (&(struct iovec){buffer, size})

READS(read, (int fd, void* buffer, size_t size), (fd, buffer, size), size == 0, ONE_PART, 1)
READS(__read_chk, (int fd, void* buffer, size_t size, size_t room), (fd, buffer, size, room),
      size == 0, ONE_PART, 1)
READS(readv, (int fd, const struct iovec* parts, int count), (fd, parts, count), 0, parts,
      count > 0 ? (size_t)count : 0)
READS(recv, (int fd, void* buffer, size_t size, int flags), (fd, buffer, size, flags), LEFT_THERE,
      ONE_PART, 1)
READS(__recv_chk, (int fd, void* buffer, size_t size, size_t room, int flags),
      (fd, buffer, size, room, flags), LEFT_THERE, ONE_PART, 1)
READS(recvfrom,
      (int fd, void* buffer, size_t size, int flags, struct sockaddr* from, socklen_t* length),
      (fd, buffer, size, flags, from, length), LEFT_THERE, ONE_PART, 1)
READS(__recvfrom_chk,
      (int fd, void* buffer, size_t size, size_t room, int flags, struct sockaddr* from,
       socklen_t* length),
      (fd, buffer, size, room, flags, from, length), LEFT_THERE, ONE_PART, 1)

WRAP(ssize_t, recvmsg, (int fd, struct msghdr* message, int flags)) {
    uint32_t entry = entry_of(fd);
    int watched = before_read(entry, fd);
    ssize_t got = real()->recvmsg(fd, message, flags);
    return got > 0
               ? after_read(entry, got, watched, LEFT_THERE, message->msg_iov, message->msg_iovlen)
               : after_read(entry, got, watched, LEFT_THERE, NULL, 0);
}

WRAP(ssize_t, write, (int fd, const void* buffer, size_t size)) {
    uint32_t entry = entry_of(fd);
    return after_write(entry, real()->write(fd, buffer, size), size,
                       &(struct iovec){(void*)buffer, size}, 1);
}

WRAP(ssize_t, send, (int fd, const void* buffer, size_t size, int flags)) {
    uint32_t entry = entry_of(fd);
    return after_write(entry, real()->send(fd, buffer, size, flags), size,
                       &(struct iovec){(void*)buffer, size}, 1);
}

WRAP(ssize_t, sendto,
     (int fd, const void* buffer, size_t size, int flags, const struct sockaddr* to,
      socklen_t length)) {
    uint32_t entry = entry_of(fd);
    ssize_t sent = real()->sendto(fd, buffer, size, flags, to, length);
    return after_write(entry, sent, size, &(struct iovec){(void*)buffer, size}, 1);
}

static ssize_t after_parts(uint32_t entry, ssize_t size, const struct iovec* parts, size_t count) {
    if (entry < KINDS || count == 0) {
        return after_write(entry, size, 0, NULL, 0);
    }
    return after_write(entry, size, bytes_in(parts, count), parts, count);
}

WRAP(ssize_t, writev, (int fd, const struct iovec* parts, int count)) {
    uint32_t entry = entry_of(fd);
    return after_parts(entry, real()->writev(fd, parts, count), parts,
                       count > 0 ? (size_t)count : 0);
}

WRAP(ssize_t, sendmsg, (int fd, const struct msghdr* message, int flags)) {
    uint32_t entry = entry_of(fd);
    ssize_t sent = real()->sendmsg(fd, message, flags);
    return sent > 0 || entry >= KINDS
               ? after_parts(entry, sent, message->msg_iov, message->msg_iovlen)
               : sent;
}

WRAP(ssize_t, sendfile, (int fd, int from, off_t* offset, size_t size)) {
    uint32_t entry = entry_of(fd);
    return after_write(entry, real()->sendfile(fd, from, offset, size), size, NULL, 0);
}

WRAP(ssize_t, sendfile64, (int fd, int from, off_t* offset, size_t size)) {
    uint32_t entry = entry_of(fd);
    return after_write(entry, real()->sendfile64(fd, from, offset, size), size, NULL, 0);
}

WRAP(ssize_t, splice,
     (int from, off_t* from_at, int to, off_t* to_at, size_t size, unsigned flags)) {
    uint32_t reads = entry_of(from);
    uint32_t writes = entry_of(to);
    ssize_t moved = real()->splice(from, from_at, to, to_at, size, flags);
    /* What the pipe held is all that there was; a full socket is an error of its own. */
    (void)after_write(writes, moved, moved > 0 ? (size_t)moved : size, NULL, 0);
    return after_read(reads, moved, 0, 0, NULL, 0);
}
