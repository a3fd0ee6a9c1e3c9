/* Counting requests: the calls that a program makes all the time. */
#include <stdint.h>
#include <string.h>

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

static struct reeve_text text_of(const char* text) {
    return (struct reeve_text){text, text != NULL ? strlen(text) : 0};
}

int reeve_worker_slow(struct reeve_worker* worker, struct reeve_request request, const char* method,
                      const char* target) {
    if (worker == NULL || worker->slow_ns == 0 || request.place == 0 ||
        request.place >> 32 != worker->image) {
        return 0;
    }
    uint64_t now = reeve_ticks(worker);
    uint64_t ns = now > request.start ? reeve_ticks_to_ns(worker, now - request.start) : 0;
    if (ns < worker->slow_ns) {
        return 0;
    }
    reeve_send_slow(worker, ns, text_of(method), text_of(target));
    return 1;
}

void reeve_worker_log_access(struct reeve_worker* worker, const struct reeve_access* access) {
    if (worker == NULL || atomic_load_explicit(&worker->access.fd, memory_order_relaxed) < 0) {
        return;
    }
    struct access_entry entry = {.remote = text_of(access->remote),
                                 .method = text_of(access->method),
                                 .target = text_of(access->target),
                                 .protocol = text_of(access->protocol),
                                 .referer = text_of(access->referer),
                                 .user_agent = text_of(access->user_agent),
                                 .status = access->status,
                                 .bytes = access->bytes,
                                 .duration_ns = access->duration_ns};
    reeve_access_write(worker, &entry);
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

void reeve_requests_collect(struct reeve_worker* worker, struct reeve_beat* beat,
                            uint64_t* oldest_tick) {
    beat->connections = get(&worker->connections);
    beat->errors = get(&worker->errors);
    add_places(worker, beat, oldest_tick);
    add_overflow(worker, beat);
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

void reeve_requests_reset(struct reeve_worker* worker) {
    uint32_t used = atomic_exchange(&worker->places_used, 0);
    memset((void*)worker->places, 0, used * sizeof worker->places[0]);
    memset((void*)worker->taken, 0, sizeof worker->taken);
    memset((void*)&worker->overflow, 0, sizeof worker->overflow);
    atomic_store(&worker->ended, 0);
    atomic_store(&worker->connections, 0);
    atomic_store(&worker->errors, 0);
}
