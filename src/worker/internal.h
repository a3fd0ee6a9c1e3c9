/* What the files of libreeve-worker share: the worker's memory and the calls between them. */
#ifndef REEVE_WORKER_INTERNAL_H
#define REEVE_WORKER_INTERNAL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <reeve/protocol.h>
#include <reeve/worker.h>

#define REQUESTS_TRACKED 1024u
#define PLACE_WORDS      (REQUESTS_TRACKED / 64)
#define WORKERS_MAX      8u
#define ACCESS_LINE_MAX  4096u
#define ACCESS_PATH_MAX  4096u
#define REEVE_NAME_MAX   64u /* of a pool */

/* Where lines of the access log go. */
struct access_log {
    _Atomic int fd; /* -1 = nowhere */
    _Atomic ino_t inode;
    int lowest; /* number that it may have */
    int json;
    char path[ACCESS_PATH_MAX]; /* empty: stdout */
    char pool[REEVE_NAME_MAX + 1];
    uint32_t slot;
};

/* A text that need not end in a NUL; bytes null = not known. */
struct reeve_text {
    const char* bytes;
    size_t size;
};

/* As struct reeve_access. */
struct access_entry {
    struct reeve_text remote, method, target, protocol, referer, user_agent;
    unsigned status;
    uint64_t bytes;
    uint64_t duration_ns;
};

/* One request in flight, and the sums of all requests that ended here. The sums are written only by
 * whoever holds the place, so a pair of begin and end costs two locked instructions and writes to
 * no shared counter. */
struct place {
    _Alignas(64) _Atomic uint64_t start; /* ticks, 0 = none */
    _Atomic uint64_t ended;
    _Atomic uint64_t failed;
    _Atomic uint64_t latency_sum_ns;
    _Atomic uint64_t latency_counts[REEVE_LATENCY_BUCKETS];
};

/* Which of 64 places are taken, one bit each; alone in its cache line: each thread prefers one. */
struct taken {
    _Alignas(64) _Atomic uint64_t bits;
};

/* The same sums for requests that found no place. */
struct overflow {
    _Atomic uint64_t begun;
    _Atomic uint64_t ended;
    _Atomic uint64_t failed;
    _Atomic uint64_t latency_sum_ns;
    _Atomic uint64_t latency_counts[REEVE_LATENCY_BUCKETS];
};

struct reeve_worker {
    int heartbeat;
    int control;
    unsigned flags;
    int heartbeat_signals; /* opened for writing only: a write after reeve is gone raises SIGPIPE */
    uint32_t hello_flags;  /* besides what `flags` ask for */

    /* Who counts: puts sums, requests in flight and the oldest one's start into a beat; and begins
     * again in a forked child. */
    void (*collect)(struct reeve_worker* worker, struct reeve_beat* beat, uint64_t* oldest_tick);
    void (*reset)(struct reeve_worker* worker);

    /* Control channel; touched by open, receive, ready and control. */
    _Atomic int greeted;
    _Atomic int welcomed;
    _Atomic int orphaned;
    _Atomic uint32_t welcome_flags;

    unsigned sockets;
    int socket[REEVE_SOCKETS_MAX];
    char* socket_name[REEVE_SOCKETS_MAX];
    int inherited; /* sockets came by LISTEN_FDS */

    /* Heartbeat. */
    _Atomic uint64_t interval_ns;
    _Atomic uint64_t due_ns; /* coarse clock; 0 = at once */
    uint64_t slack_ns; /* a beat may be this early: more than the coarse clock can be behind */
    _Atomic uint32_t state;
    atomic_flag beating; /* held while a beat is made, so that counters never seem to go back */
    pid_t process;
    uint32_t image;
    uint64_t sequence;
    _Atomic uint64_t quota;
    _Atomic uint64_t ended; /* kept only where there is a quota */

    /* Clock: ticks are the processor's time stamp where the kernel itself trusts it, else
     * nanoseconds. */
    int ticks_are_cycles;
    uint64_t tick_ns_scaled; /* nanoseconds a tick, times 2^32 */
    uint64_t last_tick;      /* of the beat before, to notice that the two clocks parted */
    uint64_t last_ns;
    uint64_t tick_floor; /* starts before this are from before they parted */

    uint64_t slow_ns; /* requests that take longer are told; 0 = none */
    struct access_log access;

    _Atomic uint64_t connections;
    _Atomic uint64_t errors;
    struct overflow overflow;
    _Atomic uint32_t places_used; /* no place at or above this was ever taken */
    struct taken taken[PLACE_WORDS];
    struct place places[REQUESTS_TRACKED];
};

/* clock.c */
uint64_t reeve_monotonic_ns(void);
uint64_t reeve_coarse_ns(void);
void reeve_clock_open(struct reeve_worker* worker);
uint64_t reeve_ticks(const struct reeve_worker* worker);
uint64_t reeve_ticks_to_ns(const struct reeve_worker* worker, uint64_t ticks);

/* beat.c */
void reeve_beat_now(struct reeve_worker* worker);

/* requests.c */
void reeve_requests_collect(struct reeve_worker* worker, struct reeve_beat* beat,
                            uint64_t* oldest_tick);
void reeve_requests_reset(struct reeve_worker* worker);

/* environment.c: what the environment promises, checked before it is believed. */
struct reeve_worker* reeve_worker_new(void);
int64_t reeve_number_from(const char* variable, int64_t most);
int reeve_take_heartbeat(struct reeve_worker* worker);
int reeve_take_control(void);
void reeve_take_numbers(struct reeve_worker* worker);

/* control.c */
void reeve_control_send(struct reeve_worker* worker, enum reeve_message_type type);
void reeve_greet(struct reeve_worker* worker);
void reeve_send_slow(struct reeve_worker* worker, uint64_t duration_ns, struct reeve_text method,
                     struct reeve_text target);

/* access_log.c */
void reeve_access_open(struct reeve_worker* worker, int lowest); /* descriptor to use */
void reeve_access_close(struct reeve_worker* worker);
void reeve_access_reopen(struct reeve_worker* worker);
void reeve_access_write(struct reeve_worker* worker, const struct access_entry* entry);
size_t reeve_access_format(const struct access_log* log, const struct access_entry* entry,
                           uint64_t wall_ns, char* line);

/* fork.c: the open workers of this process, which a forked child has to make its own. */
int reeve_registry_add(struct reeve_worker* worker);
void reeve_registry_remove(struct reeve_worker* worker);
uint32_t reeve_new_image(void);

#endif
