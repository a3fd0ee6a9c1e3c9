/* The waits of loops on poll and select, in parts as those on epoll. While the image drains, the
 * pool's listening sockets are left out of them. */
#include <alloca.h>
#include <pthread.h>
#include <string.h>
#include <sys/time.h>

#include "preload/internal.h"

#define COPIED_MAX 1024u /* entries; a longer list is waited on without the control channel */
#define WORD_BITS  (8u * (unsigned)sizeof(unsigned long))
#define SET_MAX    65536u

/* 2: a listening socket of the pool is among them; 1: a connection of it is; 0: none of ours. */
static int look_at(int fd, int so_far) {
    uint32_t entry = fd >= 0 ? entry_of(fd) : (uint32_t)KIND_OTHER;
    if (entry == KIND_UNKNOWN && atomic_load_explicit(&image.armed, memory_order_relaxed) == 0) {
        entry = find_kind(fd);
    }
    if (entry == KIND_LISTENER) {
        return 2;
    }
    return entry >= KINDS && so_far == 0 ? 1 : so_far;
}

static int look_at_list(const struct pollfd* list, nfds_t count) {
    int ours = 0;
    if (watching()) {
        for (nfds_t i = 0; i < count && ours < 2; i++) {
            ours = look_at(list[i].fd, ours);
        }
    }
    if (ours == 2) {
        arm();
    }
    return is_armed() ? ours : 0;
}

static int poll_in_parts(struct pollfd* list, nfds_t count, const struct timespec* timeout,
                         const sigset_t* mask) {
    struct parts parts;
    struct pollfd* copy = count <= COPIED_MAX ? alloca((count + 1) * sizeof *copy) : NULL;
    parts_begin(&parts, timeout);
    for (;;) {
        parts_next(&parts);
        const sigset_t* let_in = mask == NULL && parts.number > 0 ? &parts.mask : mask;
        int control = parts.number > 0 ? control_to_watch() : -1;
        int got = 0;
        if (copy != NULL && (control >= 0 || is_draining())) {
            for (nfds_t i = 0; i < count; i++) {
                copy[i] = list[i];
                copy[i].revents = 0;
                if (is_draining() && copy[i].fd >= 0 && entry_of(copy[i].fd) == KIND_LISTENER) {
                    copy[i].fd = -1;
                }
            }
            copy[count] = (struct pollfd){control, POLLIN, 0};
            got = real()->ppoll(copy, count + 1, &parts.length, let_in);
            for (nfds_t i = 0; got >= 0 && i < count; i++) {
                list[i].revents = copy[i].revents;
            }
            if (got > 0 && copy[count].revents != 0) {
                look_soon();
                got--;
            }
        } else {
            got = real()->ppoll(list, count, &parts.length, let_in);
        }
        int over = got == 0 ? parts_over(&parts) : 0;
        if (got != 0 || over != 0) {
            parts_end(&parts);
            if (over < 0) {
                errno = EINTR;
            }
            return over < 0 ? -1 : got;
        }
    }
}

/* Whether the call is to be made in parts, or interrupted by a stop signal (-1). */
static int watch_over(int ours) {
    if (ours == 0) {
        return 0;
    }
    if (loop_turned()) {
        errno = EINTR;
        return -1;
    }
    return 1;
}

static int poll_as_ever(struct pollfd* list, nfds_t count, int timeout_ms) {
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    return poll_in_parts(list, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

static int is_short(int timeout_ms) {
    return timeout_ms >= 0 && timeout_ms <= (int)(PART_FIRST_NS / 1000000) && !is_draining();
}

WRAP(int, poll, (struct pollfd * list, nfds_t count, int timeout)) {
    int over = watch_over(look_at_list(list, count));
    if (over < 0) {
        return -1;
    }
    return over == 0 || is_short(timeout) ? real()->poll(list, count, timeout)
                                          : poll_as_ever(list, count, timeout);
}

WRAP(int, __poll_chk, (struct pollfd * list, nfds_t count, int timeout, size_t size)) {
    if (count > size / sizeof *list) {
        return real()->__poll_chk(list, count, timeout, size);
    }
    return wrap_poll(list, count, timeout);
}

static int is_time(const struct timespec* time) {
    return time == NULL || (time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < 1000000000);
}

WRAP(int, ppoll,
     (struct pollfd * list, nfds_t count, const struct timespec* timeout, const sigset_t* mask)) {
    int over = is_time(timeout) ? watch_over(look_at_list(list, count)) : 0;
    if (over < 0) {
        return -1;
    }
    return over == 0 ? real()->ppoll(list, count, timeout, mask)
                     : poll_in_parts(list, count, timeout, mask);
}

WRAP(int, __ppoll_chk,
     (struct pollfd * list, nfds_t count, const struct timespec* timeout, const sigset_t* mask,
      size_t size)) {
    if (count > size / sizeof *list) {
        return real()->__ppoll_chk(list, count, timeout, mask, size);
    }
    return wrap_ppoll(list, count, timeout, mask);
}

/* The three sets of a select, whatever their length. */
struct sets {
    int count;
    size_t words;
    unsigned long* set[3];
};

static struct sets sets_of(int count, fd_set* first, fd_set* second, fd_set* third) {
    struct sets sets = {count, 0, {(void*)first, (void*)second, (void*)third}};
    sets.words = count > 0 ? ((size_t)count + WORD_BITS - 1) / WORD_BITS : 0;
    return sets;
}

static int look_at_sets(const struct sets* sets) {
    int ours = 0;
    if (!watching() || sets->count < 0 || (unsigned)sets->count > SET_MAX) {
        return 0;
    }
    for (size_t word = 0; word < sets->words && ours < 2; word++) {
        unsigned long bits = 0;
        for (int i = 0; i < 3; i++) {
            bits |= sets->set[i] != NULL ? sets->set[i][word] : 0;
        }
        for (; bits != 0 && ours < 2; bits &= bits - 1) {
            ours = look_at((int)(word * WORD_BITS) + __builtin_ctzl(bits), ours);
        }
    }
    if (ours == 2) {
        arm();
    }
    return is_armed() ? ours : 0;
}

static void leave_out_listeners(const struct sets* sets) {
    for (size_t word = 0; sets->set[0] != NULL && word < sets->words; word++) {
        for (unsigned long bits = sets->set[0][word]; bits != 0; bits &= bits - 1) {
            if (entry_of((int)(word * WORD_BITS) + __builtin_ctzl(bits)) == KIND_LISTENER) {
                sets->set[0][word] &= ~(bits & -bits);
            }
        }
    }
}

static int select_in_parts(const struct sets* sets, const struct timespec* timeout,
                           const sigset_t* mask, struct parts* parts) {
    size_t bytes = sets->words * sizeof(unsigned long);
    unsigned long* wanted[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 3; i++) {
        if (sets->set[i] != NULL) {
            wanted[i] = alloca(bytes + sizeof(unsigned long));
            memcpy(wanted[i], sets->set[i], bytes);
        }
    }
    parts_begin(parts, timeout);
    for (;;) {
        parts_next(parts);
        const sigset_t* let_in = mask == NULL && parts->number > 0 ? &parts->mask : mask;
        for (int i = 0; i < 3; i++) {
            if (wanted[i] != NULL) {
                memcpy(sets->set[i], wanted[i], bytes);
            }
        }
        if (is_draining()) {
            leave_out_listeners(sets);
        }
        int got = real()->pselect(sets->count, (void*)sets->set[0], (void*)sets->set[1],
                                  (void*)sets->set[2], &parts->length, let_in);
        int over = got == 0 ? parts_over(parts) : 0;
        if (got != 0 || over != 0) {
            parts_end(parts);
            if (over < 0) {
                errno = EINTR;
            }
            return over < 0 ? -1 : got;
        }
    }
}

WRAP(int, select, (int count, fd_set* first, fd_set* second, fd_set* third, struct timeval* time)) {
    struct sets sets = sets_of(count, first, second, third);
    int valid =
        time == NULL || (time->tv_sec >= 0 && time->tv_usec >= 0 && time->tv_usec < 1000000);
    int over = valid ? watch_over(look_at_sets(&sets)) : 0;
    if (over <= 0) {
        return over < 0 ? -1 : real()->select(count, first, second, third, time);
    }
    struct parts parts;
    struct timespec timeout = {0, 0};
    if (time != NULL) {
        timeout = (struct timespec){time->tv_sec, time->tv_usec * 1000};
    }
    int got = select_in_parts(&sets, time != NULL ? &timeout : NULL, NULL, &parts);
    if (time != NULL && parts.until_ns != 0) {
        /* Linux says how much time was left. */
        int saved_errno = errno;
        uint64_t now = reeve_monotonic_ns();
        uint64_t left = parts.until_ns > now ? parts.until_ns - now : 0;
        time->tv_sec = (time_t)(left / 1000000000);
        time->tv_usec = (suseconds_t)(left % 1000000000 / 1000);
        errno = saved_errno;
    }
    return got;
}

WRAP(int, pselect,
     (int count, fd_set* first, fd_set* second, fd_set* third, const struct timespec* timeout,
      const sigset_t* mask)) {
    struct sets sets = sets_of(count, first, second, third);
    struct parts parts;
    int over = is_time(timeout) ? watch_over(look_at_sets(&sets)) : 0;
    if (over <= 0) {
        return over < 0 ? -1 : real()->pselect(count, first, second, third, timeout, mask);
    }
    return select_in_parts(&sets, timeout, mask, &parts);
}
