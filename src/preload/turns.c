/* Counts requests by the direction of the bytes: a turn begins with the first byte read after an
 * answer (or after the accept) and ends when the next begins, when the connection ends, or when
 * nothing followed the answer for a while; it takes from its first byte read to its last byte
 * written. What was read and never answered is an error. */
#include <string.h>

#include "preload/heads.h"

#define STRIPES          16u
#define STREAM_SETTLE_NS 1000000000u /* nothing more came of an answer that came in parts */
#define FRESH_NS         1000000000u /* a new connection without a byte is about to be used */

static const uint32_t latency_bounds_us[REEVE_LATENCY_BUCKETS] = REEVE_LATENCY_BOUNDS_US;

/* Sums; threads keep out of each other's cache lines. */
struct stripe {
    _Alignas(64) _Atomic uint64_t requests;
    _Atomic uint64_t connections;
    _Atomic uint64_t errors;
    _Atomic uint64_t latency_sum_ns;
    _Atomic uint64_t latency_counts[REEVE_LATENCY_BUCKETS];
};
static struct stripe stripes[STRIPES];
static _Thread_local uint32_t own_stripe; /* plus one */

static struct stripe* stripe(void) {
    static _Atomic uint32_t threads;
    if (own_stripe == 0) {
        own_stripe = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % STRIPES + 1;
    }
    return &stripes[own_stripe - 1];
}

static void add(_Atomic uint64_t* counter, uint64_t amount) {
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static uint64_t get(_Atomic uint64_t* counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint32_t own(enum phase phase) {
    return atomic_load_explicit(&image.epoch, memory_order_relaxed) << 8 | (uint32_t)phase;
}

static enum phase phase_of(uint32_t state) { return (enum phase)(state & 0xff); }

/* Whether this process, and not one that it was forked from, last used the connection. */
static int is_own(uint32_t state) {
    return state >> 8 == atomic_load_explicit(&image.epoch, memory_order_relaxed);
}

static void mark_fresh(void) {
    if (!atomic_load_explicit(&image.fresh, memory_order_relaxed)) {
        atomic_store_explicit(&image.fresh, 1, memory_order_relaxed);
    }
}

void count_connection(void) {
    add(&stripe()->connections, 1);
    mark_fresh();
}

static uint64_t ns_between(uint64_t start, uint64_t end) {
    return end > start ? reeve_ticks_to_ns(image.worker, end - start) : 0;
}

static void count_turn(uint64_t start, uint64_t last) {
    struct reeve_worker* worker = image.worker;
    uint64_t ns = ns_between(start, last);
    struct stripe* sums = stripe();
    unsigned bucket = 0;
    while (bucket < REEVE_LATENCY_BUCKETS && ns > (uint64_t)latency_bounds_us[bucket] * 1000) {
        bucket++;
    }
    if (bucket < REEVE_LATENCY_BUCKETS) {
        add(&sums->latency_counts[bucket], 1);
    }
    add(&sums->latency_sum_ns, ns);
    add(&sums->requests, 1);
    mark_fresh();
    uint64_t quota = get(&worker->quota);
    if (quota != 0 &&
        atomic_fetch_add_explicit(&worker->ended, 1, memory_order_relaxed) + 1 == quota) {
        image_beat();
    }
}

static void tell_turn(uint32_t entry, const struct head_copy* copy, uint64_t ns) {
    uint64_t slow_ns = image.worker->slow_ns;
    if (slow_ns != 0 && ns >= slow_ns) {
        head_tell_slow(entry, copy, ns);
    }
    head_log(copy, ns);
}

static int is_answering(uint32_t state) {
    return phase_of(state) == PHASE_RESPONDING || phase_of(state) == PHASE_BLOCKED;
}

/* Takes a connection to another phase if it still is in the state seen, and counts the turn that
 * this ends. */
static int move(uint32_t entry, uint32_t* seen, enum phase to) {
    struct connection* connection = connection_at(entry);
    uint64_t start = get(&connection->start);
    uint64_t last = get(&connection->last);
    if (to == PHASE_READING) {
        /* Before the phase says so: whoever looks must not find the start of an earlier request. */
        atomic_store_explicit(&connection->start, reeve_ticks(image.worker), memory_order_relaxed);
    }
    uint32_t before = *seen;
    int ends =
        is_answering(before) && to != PHASE_RESPONDING && to != PHASE_BLOCKED && is_own(before);
    struct head_copy copy;
    int tells = ends && heads_wanted();
    if (tells) {
        head_copy(entry, &copy);
    }
    if (!atomic_compare_exchange_strong_explicit(&connection->state, seen, own(to),
                                                 memory_order_acq_rel, memory_order_acquire)) {
        return 0;
    }
    if (ends) {
        count_turn(start, last);
    }
    if (tells) {
        tell_turn(entry, &copy, ns_between(start, last));
    }
    return 1;
}

void turn_read(uint32_t entry, ssize_t size, const struct iovec* parts, size_t count) {
    struct connection* connection = connection_at(entry);
    uint32_t seen = atomic_load_explicit(&connection->state, memory_order_acquire);
    for (;;) {
        enum phase to = PHASE_READING;
        switch (phase_of(seen)) {
            case PHASE_FREE:
            case PHASE_TUNNEL: return;
            case PHASE_FRESH:
            case PHASE_ANSWERED:
            case PHASE_STREAMING:
                if (size <= 0) {
                    return;
                }
                break;
            case PHASE_READING:
                if (size > 0 && is_own(seen) && heads_wanted()) {
                    head_read(entry, parts, count, (size_t)size);
                }
                if (size <= 0 || is_own(seen)) {
                    return;
                }
                break;
            case PHASE_RESPONDING:
            case PHASE_BLOCKED:
                /* The end of what the client says ends the turn only where the answer is out. */
                if (size < 0 || (size == 0 && phase_of(seen) == PHASE_BLOCKED)) {
                    return;
                }
                to = size == 0 ? PHASE_ANSWERED : PHASE_READING;
                break;
        }
        mark_fresh();
        if (move(entry, &seen, to)) {
            if (to == PHASE_READING && heads_wanted()) {
                head_began(entry, parts, count, (size_t)size);
            }
            return;
        }
    }
}

/* "HTTP/1.1 100 Continue" and its like are no answer yet; 101 is the last one. */
static int starts_like(const struct iovec* parts, size_t count, const char* code) {
    const char* bytes = count > 0 ? parts[0].iov_base : NULL;
    return bytes != NULL && parts[0].iov_len >= 12 && memcmp(bytes, "HTTP/1.", 7) == 0 &&
           memcmp(bytes + 8, code, strlen(code)) == 0;
}

void turn_wrote(uint32_t entry, ssize_t size, size_t wanted, const struct iovec* parts,
                size_t count) {
    int full = size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (size <= 0 && !full) {
        return;
    }
    int slow = full || (size_t)size < wanted;
    int kept = 0;
    struct connection* connection = connection_at(entry);
    uint32_t seen = atomic_load_explicit(&connection->state, memory_order_acquire);
    for (;;) {
        enum phase to = slow ? PHASE_BLOCKED : PHASE_RESPONDING;
        switch (phase_of(seen)) {
            case PHASE_FREE:
            case PHASE_TUNNEL:
            case PHASE_FRESH: return;
            case PHASE_ANSWERED:
            case PHASE_STREAMING: to = PHASE_STREAMING; break;
            case PHASE_READING:
                if (size > 0 && starts_like(parts, count, " 1") &&
                    !starts_like(parts, count, " 101")) {
                    return;
                }
                break;
            case PHASE_RESPONDING:
            case PHASE_BLOCKED: break;
        }
        if (size > 0) {
            atomic_store_explicit(&connection->last, reeve_ticks(image.worker),
                                  memory_order_relaxed);
        }
        if (size > 0 && !kept && to != PHASE_STREAMING && heads_wanted()) {
            head_wrote(entry, parts, count, (size_t)size);
            kept = 1;
        }
        int tunnel = phase_of(seen) == PHASE_READING && starts_like(parts, count, " 101");
        if (seen == own(to)) {
            return;
        }
        if (move(entry, &seen, to)) {
            seen = own(to);
            if (tunnel) {
                (void)move(entry, &seen, PHASE_TUNNEL);
            }
            return;
        }
    }
}

void turn_ended(uint32_t entry) {
    struct connection* connection = connection_at(entry);
    uint32_t seen = atomic_load_explicit(&connection->state, memory_order_acquire);
    while (is_answering(seen)) {
        if (move(entry, &seen, PHASE_TUNNEL)) {
            return;
        }
    }
}

void turn_closed(uint32_t entry) {
    struct connection* connection = connection_at(entry);
    if (atomic_fetch_sub(&connection->descriptors, 1) != 1) {
        return;
    }
    turn_ended(entry);
    uint32_t state = atomic_load_explicit(&connection->state, memory_order_acquire);
    if (phase_of(state) == PHASE_READING && is_own(state)) {
        add(&stripe()->errors, 1);
        mark_fresh();
    }
    connection_release(entry);
}

/* Ends the turns whose answers have settled. */
static void settle(uint32_t entry, uint32_t* seen, uint64_t now) {
    enum phase phase = phase_of(*seen);
    if ((phase != PHASE_RESPONDING && phase != PHASE_STREAMING) || !is_own(*seen)) {
        return;
    }
    uint64_t quiet = ns_between(get(&connection_at(entry)->last), now);
    uint64_t settled = phase == PHASE_STREAMING ? STREAM_SETTLE_NS : PART_SETTLE_NS;
    if ((quiet >= settled || image.leaving) && move(entry, seen, PHASE_ANSWERED)) {
        *seen = own(PHASE_ANSWERED);
    }
}

static int in_flight(uint32_t state) {
    enum phase phase = phase_of(state);
    return is_own(state) && (phase == PHASE_READING || phase == PHASE_BLOCKED);
}

/* Of a request that is under way. */
static void tell_slow(uint32_t entry, uint32_t state, uint64_t ns) {
    struct head_copy copy;
    uint64_t slow_ns = image.worker->slow_ns;
    if (slow_ns == 0 || ns < slow_ns) {
        return;
    }
    head_copy(entry, &copy);
    struct connection* connection = connection_at(entry);
    if (atomic_load_explicit(&connection->state, memory_order_acquire) == state) {
        head_tell_slow(entry, &copy, ns);
    }
}

/* Called where no other beat is being made, so what is read here never goes back. */
void turns_collect(struct reeve_worker* worker, struct reeve_beat* beat, uint64_t* oldest_tick) {
    atomic_store_explicit(&image.fresh, 0, memory_order_relaxed);
    uint64_t now = reeve_ticks(worker);
    uint32_t used = connections_used();
    for (uint32_t entry = KINDS; entry < used + KINDS; entry++) {
        struct connection* connection = connection_at(entry);
        uint32_t state = atomic_load_explicit(&connection->state, memory_order_acquire);
        settle(entry, &state, now);
        if (in_flight(state)) {
            uint64_t start = get(&connection->start);
            beat->in_flight++;
            *oldest_tick = start < *oldest_tick ? start : *oldest_tick;
            tell_slow(entry, state, ns_between(start, now));
        }
    }
    for (unsigned i = 0; i < STRIPES; i++) {
        beat->requests += get(&stripes[i].requests);
        beat->connections += get(&stripes[i].connections);
        beat->errors += get(&stripes[i].errors);
        beat->latency_sum_ns += get(&stripes[i].latency_sum_ns);
        for (unsigned bucket = 0; bucket < REEVE_LATENCY_BUCKETS; bucket++) {
            beat->latency_counts[bucket] += get(&stripes[i].latency_counts[bucket]);
        }
    }
}

void turns_reset(struct reeve_worker* worker) {
    atomic_store(&worker->ended, 0);
    memset((void*)stripes, 0, sizeof stripes);
}

/* `patient`: an answer may still go on as long as it has not settled. */
int turns_busy(int patient) {
    uint64_t now = reeve_ticks(image.worker);
    uint32_t used = connections_used();
    int busy = 0;
    for (uint32_t entry = KINDS; entry < used + KINDS; entry++) {
        struct connection* connection = connection_at(entry);
        uint32_t state = atomic_load_explicit(&connection->state, memory_order_acquire);
        settle(entry, &state, now);
        if (!is_own(state)) {
            continue;
        }
        uint64_t age = ns_between(get(&connection->start), now);
        switch (phase_of(state)) {
            case PHASE_READING:
            case PHASE_BLOCKED:
            case PHASE_STREAMING: busy++; break;
            case PHASE_RESPONDING: busy += patient; break;
            case PHASE_FRESH: busy += age < FRESH_NS; break;
            case PHASE_FREE:
            case PHASE_ANSWERED:
            case PHASE_TUNNEL: break;
        }
    }
    return busy;
}
