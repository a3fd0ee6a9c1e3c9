/* Counting requests and writing beats: the calls that a program makes all the time. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define OVERFLOW_PLACE (REQUESTS_TRACKED + 1)

static const uint32_t latency_bounds_us[REEVE_LATENCY_BUCKETS] = REEVE_LATENCY_BOUNDS_US;

/* Which word of `taken` this thread looks at first, plus one: threads keep out of each other's way.
 */
static _Thread_local uint32_t first_word;

static uint32_t choose_first_word(void) {
    static _Atomic uint32_t threads;
    first_word = atomic_fetch_add(&threads, 1) % PLACE_WORDS + 1;
    return first_word;
}

/* For counters with one writer at a time: an addition without a locked instruction. */
static void add_alone(_Atomic uint64_t* counter, uint64_t amount) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount,
                          memory_order_relaxed);
}

static void add_shared(_Atomic uint64_t* counter, uint64_t amount) {
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static uint64_t get(_Atomic uint64_t* counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void raise_places_used(struct reeve_worker* worker, uint32_t used) {
    uint32_t before = atomic_load_explicit(&worker->places_used, memory_order_relaxed);
    while (before < used && !atomic_compare_exchange_weak(&worker->places_used, &before, used)) {
    }
}

/* Index of the first bucket that holds the duration, REEVE_LATENCY_BUCKETS when none does. */
static unsigned bucket_of(uint64_t ns) {
    unsigned bucket = 0;
    while (bucket < REEVE_LATENCY_BUCKETS && ns > (uint64_t)latency_bounds_us[bucket] * 1000) {
        bucket++;
    }
    return bucket;
}

/* Takes a free place: its index, or REQUESTS_TRACKED when there is none. */
static uint32_t take_place(struct reeve_worker* worker) {
    uint32_t word = (first_word != 0 ? first_word : choose_first_word()) - 1;
    for (unsigned tried = 0; tried < PLACE_WORDS; tried++, word = (word + 1) % PLACE_WORDS) {
        uint64_t seen = get(&worker->taken[word].bits);
        while (seen != UINT64_MAX) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~seen);
            uint64_t mask = UINT64_C(1) << bit;
            seen = atomic_fetch_or_explicit(&worker->taken[word].bits, mask, memory_order_acquire);
            if ((seen & mask) == 0) {
                return word * 64 + bit;
            }
        }
    }
    return REQUESTS_TRACKED;
}

struct reeve_request reeve_worker_request_begin(struct reeve_worker* worker) {
    struct reeve_request request = {0, 0};
    if (worker == NULL || worker->heartbeat < 0) {
        return request;
    }
    request.start = reeve_ticks(worker);
    uint32_t index = take_place(worker);
    request.place = (uint64_t)worker->image << 32 | (index + 1);
    if (index == REQUESTS_TRACKED) {
        add_shared(&worker->overflow.begun, 1);
        return request;
    }
    if (index >= atomic_load_explicit(&worker->places_used, memory_order_relaxed)) {
        raise_places_used(worker, index + 1);
    }
    atomic_store_explicit(&worker->places[index].start, request.start, memory_order_relaxed);
    return request;
}

static void end_tracked(struct reeve_worker* worker, uint32_t index, uint64_t ns, int failed) {
    struct place* place = &worker->places[index];
    unsigned bucket = bucket_of(ns);
    if (bucket < REEVE_LATENCY_BUCKETS) {
        add_alone(&place->latency_counts[bucket], 1);
    }
    add_alone(&place->latency_sum_ns, ns);
    if (failed) {
        add_alone(&place->failed, 1);
    }
    add_alone(&place->ended, 1);
    atomic_store_explicit(&place->start, 0, memory_order_release);
    atomic_fetch_and_explicit(&worker->taken[index / 64].bits, ~(UINT64_C(1) << index % 64),
                              memory_order_release);
}

static void end_overflowed(struct reeve_worker* worker, uint64_t ns, int failed) {
    struct overflow* overflow = &worker->overflow;
    unsigned bucket = bucket_of(ns);
    if (bucket < REEVE_LATENCY_BUCKETS) {
        add_shared(&overflow->latency_counts[bucket], 1);
    }
    add_shared(&overflow->latency_sum_ns, ns);
    if (failed) {
        add_shared(&overflow->failed, 1);
    }
    add_shared(&overflow->ended, 1);
}

void reeve_worker_request_end(struct reeve_worker* worker, struct reeve_request request,
                              int failed) {
    uint32_t place = (uint32_t)request.place;
    if (worker == NULL || place == 0 || place > OVERFLOW_PLACE ||
        request.place >> 32 != worker->image) {
        return;
    }
    uint64_t now = reeve_ticks(worker);
    uint64_t ns = now > request.start ? reeve_ticks_to_ns(worker, now - request.start) : 0;
    if (place == OVERFLOW_PLACE) {
        end_overflowed(worker, ns, failed);
    } else if (get(&worker->places[place - 1].start) == request.start) {
        end_tracked(worker, place - 1, ns, failed);
    } else {
        return;
    }
    uint64_t quota = get(&worker->quota);
    if (quota != 0 &&
        atomic_fetch_add_explicit(&worker->ended, 1, memory_order_relaxed) + 1 == quota) {
        reeve_beat_now(worker);
    }
}

void reeve_worker_connection_opened(struct reeve_worker* worker) {
    if (worker != NULL) {
        add_shared(&worker->connections, 1);
    }
}

void reeve_worker_error(struct reeve_worker* worker) {
    if (worker != NULL) {
        add_shared(&worker->errors, 1);
    }
}

void reeve_counters_reset(struct reeve_worker* worker) {
    uint32_t used = atomic_exchange(&worker->places_used, 0);
    memset((void*)worker->places, 0, used * sizeof worker->places[0]);
    memset((void*)worker->taken, 0, sizeof worker->taken);
    memset((void*)&worker->overflow, 0, sizeof worker->overflow);
    atomic_store(&worker->ended, 0);
    atomic_store(&worker->connections, 0);
    atomic_store(&worker->errors, 0);
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

static void add_places(struct reeve_worker* worker, struct reeve_beat* beat,
                       uint64_t* oldest_tick) {
    uint32_t used = atomic_load_explicit(&worker->places_used, memory_order_acquire);
    for (uint32_t i = 0; i < used; i++) {
        struct place* place = &worker->places[i];
        uint64_t start = atomic_load_explicit(&place->start, memory_order_acquire);
        if (start != 0) {
            beat->in_flight++;
            *oldest_tick = start < *oldest_tick ? start : *oldest_tick;
        }
        beat->requests += get(&place->ended);
        beat->errors += get(&place->failed);
        beat->latency_sum_ns += get(&place->latency_sum_ns);
        for (unsigned bucket = 0; bucket < REEVE_LATENCY_BUCKETS; bucket++) {
            beat->latency_counts[bucket] += get(&place->latency_counts[bucket]);
        }
    }
}

static void add_overflow(struct reeve_worker* worker, struct reeve_beat* beat) {
    struct overflow* overflow = &worker->overflow;
    uint64_t ended = get(&overflow->ended);
    uint64_t begun = get(&overflow->begun);
    beat->requests += ended;
    beat->in_flight += begun > ended ? (uint32_t)(begun - ended) : 0;
    beat->errors += get(&overflow->failed);
    beat->latency_sum_ns += get(&overflow->latency_sum_ns);
    for (unsigned bucket = 0; bucket < REEVE_LATENCY_BUCKETS; bucket++) {
        beat->latency_counts[bucket] += get(&overflow->latency_counts[bucket]);
    }
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
    beat->connections = get(&worker->connections);
    beat->errors = get(&worker->errors);
    uint64_t oldest_tick = UINT64_MAX;
    add_places(worker, beat, &oldest_tick);
    add_overflow(worker, beat);
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
