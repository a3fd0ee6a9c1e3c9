/* One thread that beats for those blocked in an accept: it is shared with other processes, so
 * neither can it be made to return after a while nor is it known to return after a poll. Only
 * programs that block there get the thread. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "preload/internal.h"

static _Atomic int blocked; /* threads that are */
static _Atomic int running;
static _Atomic int never_blocks; /* plus one: the descriptor that was found not to */

static void* watch(void* unused) {
    (void)unused;
    for (;;) {
        int idle = atomic_load(&blocked) != 0;
        struct pollfd control = {idle ? control_to_watch() : -1, POLLIN, 0};
        uint64_t wait_ns = atomic_load(&image.worker->interval_ns);
        if (is_draining()) {
            wait_ns = PART_FIRST_NS;
        } else if (atomic_load(&image.fresh)) {
            wait_ns = PART_SETTLE_NS;
        }
        struct timespec wait = {(time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
        (void)real()->ppoll(&control, 1, &wait, NULL);
        if (atomic_load(&blocked) == 0) {
            continue;
        }
        if (control.revents != 0) {
            look_soon();
        } else if (atomic_load(&image.fresh)) {
            image_beat();
        }
        (void)loop_turned();
    }
    return NULL;
}

static void start(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    if (atomic_exchange(&running, 1) || pthread_attr_init(&attributes) != 0) {
        return;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (pthread_create(&thread, &attributes, watch, NULL) != 0) {
        atomic_store(&running, 0);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

/* A thread is about to wait on `fd`, for ever if it has to. */
void blocked_begin(int fd) {
    int saved_errno = errno;
    if (is_armed() && !watcher_runs() &&
        atomic_load_explicit(&never_blocks, memory_order_relaxed) != fd + 1) {
        int flags = real()->fcntl(fd, F_GETFL);
        if (flags >= 0 && !(flags & O_NONBLOCK)) {
            start();
        } else {
            atomic_store_explicit(&never_blocks, fd + 1, memory_order_relaxed);
        }
    }
    errno = saved_errno;
    atomic_fetch_add_explicit(&blocked, 1, memory_order_relaxed);
}

void blocked_end(void) { atomic_fetch_sub_explicit(&blocked, 1, memory_order_relaxed); }

void blocking_changed(void) { atomic_store(&never_blocks, 0); }

int watcher_runs(void) { return atomic_load_explicit(&running, memory_order_relaxed); }

void watcher_forked(void) {
    atomic_store(&blocked, 0);
    atomic_store(&running, 0);
}
