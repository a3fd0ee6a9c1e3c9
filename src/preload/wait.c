/* The waits of an event loop on epoll. A wait that is short is left as it is. A longer one is made
 * of parts: the first is short, so that a busy loop pays nothing; the others end when a beat is
 * due or reeve says something. To the program it is one wait: the same result, the same end of the
 * time, and a signal interrupts it as ever. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload/internal.h"

#define SECOND_NS        1000000000u
#define LOOK_INTO_SET_NS 250000000u /* how often an unknown epoll set is looked at */

void parts_begin(struct parts* parts, const struct timespec* timeout) {
    parts->now_ns = reeve_monotonic_ns();
    parts->number = 0;
    parts->until_ns = 0;
    if (timeout != NULL) {
        uint64_t seconds = (uint64_t)timeout->tv_sec;
        uint64_t most = UINT64_MAX / SECOND_NS - parts->now_ns / SECOND_NS - 2;
        parts->until_ns =
            seconds < most ? parts->now_ns + seconds * SECOND_NS + (uint64_t)timeout->tv_nsec : 0;
    }
}

/* Sets the length of the next part. */
void parts_next(struct parts* parts) {
    struct reeve_worker* worker = image.worker;
    uint64_t length = PART_FIRST_NS;
    if (parts->number == 1 && atomic_load_explicit(&image.fresh, memory_order_relaxed)) {
        length = PART_SETTLE_NS;
    } else if (parts->number > 0 && !is_draining()) {
        uint64_t due = atomic_load_explicit(&worker->due_ns, memory_order_relaxed);
        uint64_t coarse = reeve_coarse_ns();
        length = due > coarse ? due - coarse + worker->slack_ns : 1;
    }
    if (parts->until_ns != 0) {
        uint64_t left = parts->until_ns > parts->now_ns ? parts->until_ns - parts->now_ns : 0;
        length = left < length ? left : length;
    }
    parts->length.tv_sec = (time_t)(length / SECOND_NS);
    parts->length.tv_nsec = (long)(length % SECOND_NS);
}

/* A part ended and nothing came. From here on signals are let in within the parts only, so that
 * none can come between two of them without interrupting the wait. */
int parts_over(struct parts* parts) {
    if (parts->number == 0) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &parts->mask);
    }
    if (parts->number == 1 && atomic_load_explicit(&image.fresh, memory_order_relaxed)) {
        image_beat();
    }
    parts->number++;
    parts->now_ns = reeve_monotonic_ns();
    if (parts->until_ns != 0 && parts->now_ns >= parts->until_ns) {
        return 1;
    }
    return loop_turned() ? -1 : 0;
}

void parts_end(struct parts* parts) {
    if (parts->number > 0) {
        int saved_errno = errno;
        pthread_sigmask(SIG_SETMASK, &parts->mask, NULL);
        errno = saved_errno;
    }
}

/* Calls `each` with every descriptor in an epoll set; for sets that others fill behind our back. */
static void for_each_in_set(int set, void (*each)(int set, int fd)) {
    char path[48] = "/proc/self/fdinfo/";
    char digits[12];
    size_t length = 0;
    unsigned rest = (unsigned)set;
    do {
        digits[length++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    for (size_t i = 0, end = strlen(path); i < length; i++) {
        path[end + i] = digits[length - 1 - i];
    }
    int info = open(path, O_RDONLY | O_CLOEXEC);
    if (info < 0) {
        return;
    }
    char text[4096];
    size_t kept = 0;
    ssize_t got = 0;
    while ((got = real()->read(info, text + kept, sizeof text - 1 - kept)) > 0) {
        text[kept + (size_t)got] = '\0';
        char* line = text;
        for (char* end = NULL; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            if (strncmp(line, "tfd:", 4) == 0) {
                each(set, (int)strtol(line + 4, NULL, 10));
            }
        }
        kept = strlen(line);
        memmove(text, line, kept + 1);
    }
    real()->close(info);
}

static void note_listener(int set, int fd) {
    if (find_kind(fd) == KIND_LISTENER) {
        table_exchange(set, KIND_EPOLL_LISTEN);
    }
}

static void take_out_listener(int set, int fd) {
    if (entry_of(fd) == KIND_LISTENER) {
        struct epoll_event none;
        memset(&none, 0, sizeof none);
        (void)real()->epoll_ctl(set, EPOLL_CTL_DEL, fd, &none);
    }
}

/* Whether to watch over a wait on this set. */
static int prepare(int set) {
    static _Atomic uint64_t look_ns;
    uint32_t entry = entry_of(set);
    int saved_errno = errno;
    if (atomic_load_explicit(&image.armed, memory_order_relaxed) == 0 && watching() &&
        entry != KIND_EPOLL_LISTEN) {
        uint64_t now = reeve_coarse_ns();
        if (now >= atomic_load_explicit(&look_ns, memory_order_relaxed)) {
            atomic_store_explicit(&look_ns, now + LOOK_INTO_SET_NS, memory_order_relaxed);
            for_each_in_set(set, note_listener);
            entry = entry_of(set);
        }
    }
    if (entry == KIND_EPOLL_LISTEN) {
        arm();
        if (is_draining() && is_armed()) {
            table_exchange(set, KIND_EPOLL_CLOSED);
            for_each_in_set(set, take_out_listener);
        }
    }
    errno = saved_errno;
    return is_armed() &&
           (entry == KIND_EPOLL || entry == KIND_EPOLL_LISTEN || entry == KIND_EPOLL_CLOSED);
}

static int wait_part(int set, struct epoll_event* events, int most, const struct timespec* length,
                     const sigset_t* mask) {
    if (real()->epoll_pwait2 != NULL) {
        int got = real()->epoll_pwait2(set, events, most, length, mask);
        if (got >= 0 || errno != ENOSYS) {
            return got;
        }
    }
    int64_t ms = length->tv_sec * 1000 + (length->tv_nsec + 999999) / 1000000;
    return real()->epoll_pwait(set, events, most, (int)ms, mask);
}

/* The same, but a word from reeve ends it too. */
static int wait_with_control(int set, struct epoll_event* events, int most,
                             const struct timespec* length, const sigset_t* mask) {
    struct pollfd both[2] = {{set, POLLIN, 0}, {control_to_watch(), POLLIN, 0}};
    if (both[1].fd < 0) {
        return wait_part(set, events, most, length, mask);
    }
    int got = real()->ppoll(both, 2, length, mask);
    if (both[1].revents != 0 && got > 0) {
        look_soon();
    }
    if (got <= 0 || both[0].revents == 0) {
        return got < 0 ? got : 0;
    }
    return real()->epoll_pwait(set, events, most, 0, mask);
}

static int wait_in_parts(int set, struct epoll_event* events, int most,
                         const struct timespec* timeout, const sigset_t* mask) {
    struct parts parts;
    parts_begin(&parts, timeout);
    for (;;) {
        parts_next(&parts);
        const sigset_t* let_in = mask == NULL && parts.number > 0 ? &parts.mask : mask;
        int got = parts.number == 0 ? wait_part(set, events, most, &parts.length, let_in)
                                    : wait_with_control(set, events, most, &parts.length, let_in);
        int over = got == 0 ? parts_over(&parts) : 0;
        if (got == 0 && over == 0 && is_draining()) {
            (void)prepare(set);
        }
        if (got != 0 || over != 0) {
            parts_end(&parts);
            if (over < 0) {
                errno = EINTR;
                return -1;
            }
            return got;
        }
    }
}

static int turn_interrupts(void) {
    if (loop_turned()) {
        errno = EINTR;
        return 1;
    }
    return 0;
}

WRAP(int, epoll_wait, (int set, struct epoll_event* events, int most, int timeout)) {
    if (!prepare(set)) {
        return real()->epoll_wait(set, events, most, timeout);
    }
    if (turn_interrupts()) {
        return -1;
    }
    if (timeout >= 0 && timeout <= (int)(PART_FIRST_NS / 1000000)) {
        return real()->epoll_wait(set, events, most, timeout);
    }
    struct timespec length = {timeout / 1000, timeout % 1000 * 1000000L};
    return wait_in_parts(set, events, most, timeout < 0 ? NULL : &length, NULL);
}

WRAP(int, epoll_pwait,
     (int set, struct epoll_event* events, int most, int timeout, const sigset_t* mask)) {
    if (!prepare(set)) {
        return real()->epoll_pwait(set, events, most, timeout, mask);
    }
    if (turn_interrupts()) {
        return -1;
    }
    if (timeout >= 0 && timeout <= (int)(PART_FIRST_NS / 1000000)) {
        return real()->epoll_pwait(set, events, most, timeout, mask);
    }
    struct timespec length = {timeout / 1000, timeout % 1000 * 1000000L};
    return wait_in_parts(set, events, most, timeout < 0 ? NULL : &length, mask);
}

WRAP(int, epoll_pwait2,
     (int set, struct epoll_event* events, int most, const struct timespec* timeout,
      const sigset_t* mask)) {
    int bad = timeout != NULL &&
              (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= SECOND_NS);
    if (real()->epoll_pwait2 == NULL) {
        errno = ENOSYS;
        return -1;
    }
    if (bad || !prepare(set)) {
        return real()->epoll_pwait2(set, events, most, timeout, mask);
    }
    return turn_interrupts() ? -1 : wait_in_parts(set, events, most, timeout, mask);
}

/* While it drains, the program may believe that its listening sockets are where it put them. */
WRAP(int, epoll_ctl, (int set, int operation, int fd, struct epoll_event* event)) {
    uint32_t entry = entry_of(fd);
    if (entry == KIND_UNKNOWN && operation == EPOLL_CTL_ADD) {
        entry = find_kind(fd);
    }
    if (entry == KIND_LISTENER && is_draining()) {
        return 0;
    }
    int done = real()->epoll_ctl(set, operation, fd, event);
    if (done == 0 && operation == EPOLL_CTL_ADD && (entry == KIND_LISTENER || entry >= KINDS)) {
        uint32_t before = entry_of(set);
        uint32_t after = entry == KIND_LISTENER ? KIND_EPOLL_LISTEN : KIND_EPOLL;
        if (before != after && before != KIND_EPOLL_LISTEN && before != KIND_EPOLL_CLOSED) {
            table_exchange(set, after);
        }
    }
    return done;
}
