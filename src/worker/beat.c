/* Writing beats, when they are due and when something is to be told at once. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

static uint64_t get(_Atomic uint64_t* counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* After a sleep of the machine the processor's count may have run on where the clock did not:
 * requests that were in flight then are reported as begun just now rather than as hours old. */
static void notice_parted_clocks(struct reeve_worker* worker, uint64_t tick, uint64_t ns) {
    uint64_t by_ticks = reeve_ticks_to_ns(worker, tick - worker->last_tick);
    uint64_t by_clock = ns - worker->last_ns;
    uint64_t apart = by_ticks > by_clock ? by_ticks - by_clock : by_clock - by_ticks;
    if (tick < worker->last_tick || apart > by_clock / 100 + 10000000) {
        worker->tick_floor = tick;
    }
    worker->last_tick = tick;
    worker->last_ns = ns;
}

static void fill_beat(struct reeve_worker* worker, struct reeve_beat* beat) {
    memset(beat, 0, sizeof *beat);
    beat->magic = REEVE_BEAT_MAGIC;
    beat->version = REEVE_PROTOCOL_VERSION;
    beat->size = sizeof *beat;
    beat->process = (uint32_t)worker->process;
    beat->image = worker->image;
    beat->sequence = ++worker->sequence;
    beat->state = atomic_load_explicit(&worker->state, memory_order_acquire);
    uint64_t oldest_tick = UINT64_MAX;
    worker->collect(worker, beat, &oldest_tick);
    uint64_t tick = reeve_ticks(worker);
    beat->sent_ns = reeve_monotonic_ns();
    notice_parted_clocks(worker, tick, beat->sent_ns);
    if (oldest_tick != UINT64_MAX) {
        oldest_tick = oldest_tick < worker->tick_floor ? worker->tick_floor : oldest_tick;
        uint64_t age = tick > oldest_tick ? reeve_ticks_to_ns(worker, tick - oldest_tick) : 0;
        beat->oldest_ns = age < beat->sent_ns ? beat->sent_ns - age : 1;
    }
}

/* Only for a pipe that was opened for writing alone: keeps the SIGPIPE of this write from the
 * program, and takes it back where the write caused it. */
static void write_without_signal(int fd, const struct reeve_beat* beat) {
    sigset_t pipe_signal;
    sigset_t before;
    sigset_t pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    if (pthread_sigmask(SIG_BLOCK, &pipe_signal, &before) != 0) {
        return;
    }
    if (write(fd, beat, sizeof *beat) < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE)) {
        struct timespec at_once = {0, 0};
        sigtimedwait(&pipe_signal, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void reeve_beat_now(struct reeve_worker* worker) {
    if (worker->heartbeat < 0 || worker->process != getpid()) {
        return;
    }
    if (atomic_flag_test_and_set_explicit(&worker->beating, memory_order_acquire)) {
        atomic_store_explicit(&worker->due_ns, 0, memory_order_release);
        return;
    }
    /* Before the counters are read: whoever found `beating` taken and asked for another beat is
     * either seen here, or keeps its wish. */
    uint64_t interval = get(&worker->interval_ns);
    uint64_t early = worker->slack_ns < interval / 2 ? worker->slack_ns : interval / 2;
    atomic_exchange_explicit(&worker->due_ns, reeve_coarse_ns() + interval - early,
                             memory_order_acq_rel);
    struct reeve_beat beat;
    fill_beat(worker, &beat);
    int saved_errno = errno;
    if (worker->heartbeat_signals) {
        write_without_signal(worker->heartbeat, &beat);
    } else if (write(worker->heartbeat, &beat, sizeof beat) < 0) {
        /* A full pipe, or nobody there any more: counters are cumulative, so the next beat makes up
         * for it. */
        errno = saved_errno;
    }
    errno = saved_errno;
    atomic_flag_clear_explicit(&worker->beating, memory_order_release);
}

void reeve_worker_beat(struct reeve_worker* worker) {
    if (worker != NULL && worker->heartbeat >= 0 &&
        reeve_coarse_ns() >= atomic_load_explicit(&worker->due_ns, memory_order_relaxed)) {
        reeve_beat_now(worker);
    }
}

int reeve_worker_wait_ms(const struct reeve_worker* worker, int timeout_ms) {
    if (worker == NULL || worker->heartbeat < 0) {
        return timeout_ms;
    }
    uint64_t due = atomic_load_explicit(&worker->due_ns, memory_order_relaxed);
    uint64_t now = reeve_coarse_ns();
    uint64_t wait_ms = due > now ? (due - now + worker->slack_ns) / 1000000 + 1 : 0;
    if (timeout_ms >= 0 && (uint64_t)timeout_ms < wait_ms) {
        return timeout_ms;
    }
    return wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms;
}

static void enter(struct reeve_worker* worker, enum reeve_state state) {
    atomic_store_explicit(&worker->state, (uint32_t)state, memory_order_release);
    reeve_beat_now(worker);
}

void reeve_worker_ready(struct reeve_worker* worker) {
    if (worker == NULL) {
        return;
    }
    reeve_greet(worker);
    /* The beat first: who is ready has beaten, so that its silence is noticed from then on. */
    enter(worker, REEVE_STATE_SERVING);
    reeve_control_send(worker, REEVE_READY);
}

void reeve_worker_draining(struct reeve_worker* worker) {
    if (worker != NULL) {
        enter(worker, REEVE_STATE_DRAINING);
    }
}

void reeve_worker_stopping(struct reeve_worker* worker) {
    if (worker != NULL) {
        enter(worker, REEVE_STATE_STOPPING);
    }
}
