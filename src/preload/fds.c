/* Descriptors that come, are copied and go: accept, dup, close and their like. */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload/internal.h"

/* `fd` is about to be closed by this process. A child made by vfork has its own descriptors, but
 * writes into its parent's memory. */
void descriptor_closing(int fd) {
    if (entry_of(fd) == KIND_UNKNOWN) {
        return;
    }
    int saved_errno = errno;
    if (own_process()) {
        uint32_t entry = table_exchange(fd, KIND_UNKNOWN);
        if (entry >= KINDS) {
            turn_closed(entry);
        }
    }
    errno = saved_errno;
}

void descriptor_copied(int from, int to) {
    uint32_t entry = entry_of(from);
    if ((entry == KIND_UNKNOWN && entry_of(to) == KIND_UNKNOWN) || from == to) {
        return;
    }
    int saved_errno = errno;
    if (own_process()) {
        if (entry == KIND_OWN) {
            entry = KIND_UNKNOWN;
        }
        if (entry >= KINDS) {
            atomic_fetch_add(&connection_at(entry)->descriptors, 1);
        }
        uint32_t before = table_exchange(to, entry);
        if (before >= KINDS) {
            turn_closed(before);
        }
    }
    errno = saved_errno;
}

/* Programs that close whatever is open at their start do not mean our descriptors. */
static int is_kept(int fd) { return entry_of(fd) == KIND_OWN && own_process(); }

WRAP(int, close, (int fd)) {
    if (is_kept(fd)) {
        return 0;
    }
    descriptor_closing(fd);
    return real()->close(fd);
}

WRAP(int, fclose, (FILE * file)) {
    int saved_errno = errno;
    int fd = file != NULL ? fileno(file) : -1;
    errno = saved_errno;
    /* What is still buffered belongs to the answer. */
    if (fd >= 0 && entry_of(fd) >= KINDS) {
        (void)fflush(file);
        descriptor_closing(fd);
    }
    return real()->fclose(file);
}

static int next_kept(int from) {
    int next = INT_MAX;
    if (image.worker == NULL) {
        return next;
    }
    const int ours[] = {image.worker->heartbeat, image.worker->control,
                        atomic_load(&image.worker->access.fd)};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (ours[i] >= from && ours[i] < next && is_kept(ours[i])) {
            next = ours[i];
        }
    }
    return next;
}

/* Calls `range` for what is between our descriptors. */
static int close_around_ours(unsigned first, unsigned last, int flags) {
    int result = 0;
    while (first <= last && result == 0) {
        int kept = first <= INT_MAX ? next_kept((int)first) : INT_MAX;
        unsigned until = kept < INT_MAX && (unsigned)kept <= last ? (unsigned)kept : UINT_MAX;
        if (until > first) {
            result = real()->close_range(first, until == UINT_MAX ? last : until - 1, flags);
        }
        if (until == UINT_MAX) {
            break;
        }
        first = until + 1;
    }
    return result;
}

static void range_closing(unsigned first, unsigned last) {
    for (unsigned leaf = first >> LEAF_BITS; leaf < LEAVES && leaf <= last >> LEAF_BITS; leaf++) {
        if (atomic_load(&reeve_leaves[leaf]) == NULL) {
            continue;
        }
        for (unsigned i = 0; i < LEAF_SIZE; i++) {
            unsigned fd = (leaf << LEAF_BITS) + i;
            if (fd >= first && fd <= last && entry_of((int)fd) != KIND_OWN) {
                descriptor_closing((int)fd);
            }
        }
    }
}

WRAP(int, close_range, (unsigned first, unsigned last, int flags)) {
    if (image.worker == NULL || first > last || !own_process()) {
        return real()->close_range(first, last, flags);
    }
    if (((unsigned)flags & CLOSE_RANGE_CLOEXEC) == 0) {
        range_closing(first, last);
    }
    return close_around_ours(first, last, flags);
}

WRAP(void, closefrom, (int first)) {
    if (image.worker == NULL || !own_process() ||
        wrap_close_range(first > 0 ? (unsigned)first : 0, UINT_MAX, 0) != 0) {
        real()->closefrom(first);
    }
}

WRAP(int, dup, (int fd)) {
    int copy = real()->dup(fd);
    if (copy >= 0) {
        descriptor_copied(fd, copy);
    }
    return copy;
}

/* The program takes a number of its own choice, which may be that of ours. */
static void about_to_take(int from, int to) {
    if (from != to && !inside && is_kept(to)) {
        int saved_errno = errno;
        keep_own(to);
        errno = saved_errno;
    }
}

WRAP(int, dup2, (int from, int to)) {
    about_to_take(from, to);
    int copy = real()->dup2(from, to);
    if (copy >= 0) {
        descriptor_copied(from, to);
    }
    return copy;
}

WRAP(int, dup3, (int from, int to, int flags)) {
    about_to_take(from, to);
    int copy = real()->dup3(from, to, flags);
    if (copy >= 0) {
        descriptor_copied(from, to);
    }
    return copy;
}

static int control_file(int fd, int command, void* argument) {
    int result = real()->fcntl64 != NULL ? real()->fcntl64(fd, command, argument)
                                         : real()->fcntl(fd, command, argument);
    if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC)) {
        descriptor_copied(fd, result);
    }
    if (command == F_SETFL) {
        blocking_changed();
    }
    return result;
}

WRAP(int, fcntl, (int fd, int command, ...)) {
    va_list arguments;
    va_start(arguments, command);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    return control_file(fd, command, argument);
}

WRAP(int, fcntl64, (int fd, int command, ...)) {
    va_list arguments;
    va_start(arguments, command);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    return control_file(fd, command, argument);
}

WRAP(int, shutdown, (int fd, int how)) {
    uint32_t entry = entry_of(fd);
    if (entry >= KINDS && (how == SHUT_WR || how == SHUT_RDWR)) {
        turn_ended(entry);
    }
    return real()->shutdown(fd, how);
}

/* libuv closes by number, past the C library's close. */
WRAP(long, syscall, (long number, ...)) {
    va_list list;
    long a[6];
    va_start(list, number);
    for (int i = 0; i < 6; i++) {
        a[i] = va_arg(list, long);
    }
    va_end(list);
    if (number == SYS_close) {
        if (is_kept((int)a[0])) {
            return 0;
        }
        descriptor_closing((int)a[0]);
    }
    return real()->syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
