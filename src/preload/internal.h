/* What the files of libreeve-preload share: the program's descriptors as the library knows them,
 * the turns of its connections, and what this program image has told reeve.
 *
 * Everything here runs inside a program that knows nothing of it: it never allocates from the heap,
 * takes no lock, and leaves errno as the program is to find it. */
#ifndef REEVE_PRELOAD_INTERNAL_H
#define REEVE_PRELOAD_INTERNAL_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "preload/real.h"
#include "worker/internal.h"
#include <reeve/protocol.h>

#define EXPORT __attribute__((visibility("default")))

/* Defines the function that takes the place of `name`: under a name of our own, so that the C
 * library's declarations, which may rename it or make it inline, do not matter. */
#define WRAP(type, name, parameters)                   \
    EXPORT type wrap_##name parameters __asm__(#name); \
    EXPORT type wrap_##name parameters

/* What a descriptor is to us: one of these, or a connection by its index plus KINDS. */
enum kind {
    KIND_UNKNOWN,
    KIND_OTHER,        /* looked at and found to be none of the pool's sockets */
    KIND_LISTENER,     /* a listening socket of the pool */
    KIND_OWN,          /* our heartbeat pipe or control channel */
    KIND_EPOLL,        /* an epoll set that holds or held a connection of ours */
    KIND_EPOLL_LISTEN, /* an epoll set that holds or held a listening socket of the pool */
    KIND_EPOLL_CLOSED, /* the same, once its listening sockets were taken out to drain */
    KINDS
};

/* Where a connection is in its turns. A turn is counted when it leaves RESPONDING or BLOCKED. */
enum phase {
    PHASE_FREE,
    PHASE_FRESH,      /* accepted, nothing read yet */
    PHASE_READING,    /* bytes of a request came, no answer yet */
    PHASE_RESPONDING, /* an answer was written; more of it may follow */
    PHASE_BLOCKED,    /* an answer is being written and the client is slow */
    PHASE_ANSWERED,   /* the answer ended, as far as can be seen */
    PHASE_STREAMING,  /* more of an answer came after it seemed to have ended */
    PHASE_TUNNEL      /* another protocol from here on: no turns any more */
};

struct connection {
    _Alignas(64) _Atomic uint32_t state; /* phase, and above it the epoch of who used it last */
    _Atomic uint32_t descriptors;
    _Atomic uint32_t next_free;
    _Atomic uint64_t start; /* ticks: the first byte of the request, or the accept */
    _Atomic uint64_t last;  /* ticks: the last byte of the answer */
};

/* table.c: what each descriptor is. Two levels, filled as descriptors come; never shrinks. */
#define LEAF_BITS 12
#define LEAF_SIZE (1u << LEAF_BITS)
#define LEAVES    4096u

typedef _Atomic uint32_t entry_t;
extern _Atomic(entry_t*) reeve_leaves[LEAVES] __attribute__((visibility("hidden")));

static inline uint32_t entry_of(int fd) {
    if ((unsigned)fd >= LEAVES * LEAF_SIZE) {
        return KIND_UNKNOWN;
    }
    entry_t* leaf =
        atomic_load_explicit(&reeve_leaves[(unsigned)fd >> LEAF_BITS], memory_order_acquire);
    return leaf == NULL
               ? KIND_UNKNOWN
               : atomic_load_explicit(&leaf[(unsigned)fd & (LEAF_SIZE - 1)], memory_order_relaxed);
}

uint32_t table_exchange(int fd, uint32_t entry);
uint32_t connection_new(uint64_t ticks);
struct connection* connection_at(uint32_t entry);
void connection_release(uint32_t entry);
uint32_t connections_used(void);

/* turns.c: what bytes on a connection mean. `size` as the call returned it, errno as it left it. */
void turn_read(uint32_t entry, ssize_t size, const struct iovec* parts, size_t count);
void turn_wrote(uint32_t entry, ssize_t size, size_t wanted, const struct iovec* parts,
                size_t count);
void turn_ended(uint32_t entry);  /* nothing more will be answered on it */
void turn_closed(uint32_t entry); /* one of its descriptors is gone */
void turns_collect(struct reeve_worker* worker, struct reeve_beat* beat, uint64_t* oldest_tick);
void turns_reset(struct reeve_worker* worker);
int turns_busy(int patient); /* requests that a stop signal would cut now */
void count_connection(void);

/* image.c: what this program image is and tells. */
struct image {
    struct reeve_worker* worker; /* null: nothing is watched */
    _Atomic uint32_t epoch;      /* which process of those forked; 24 bits */
    _Atomic int armed;           /* 0, 1 while it becomes so, 2 */
    _Atomic int silent;          /* leaving, or a client of the program's own beats */
    _Atomic int fresh;           /* something was counted since the last beat */
    _Atomic uint64_t look_ns;    /* coarse: when to look at the control channel again */
    _Atomic int draining;
    _Atomic int told_to_stop;  /* the stop signal went out */
    _Atomic uint64_t drain_ns; /* coarse: when draining began */
    _Atomic uint64_t drain_until_ns;
    _Atomic int leaving; /* the last beat: no answer has to settle any more */
    int stop_signal;
    int forked; /* not the process that was executed */
    ino_t heartbeat_inode;
    _Atomic int tells;            /* an access log, or slow requests, are wanted */
    _Atomic uint64_t log_look_ns; /* coarse: when to look at its path again */
};
extern struct image image __attribute__((visibility("hidden")));
extern _Thread_local int inside __attribute__((visibility("hidden")));

#define PART_FIRST_NS  20000000u  /* how long a wait is left alone */
#define PART_SETTLE_NS 100000000u /* an answer is over when nothing followed for so long */

static inline int watching(void) {
    return image.worker != NULL && !atomic_load_explicit(&image.silent, memory_order_relaxed);
}
static inline int is_armed(void) {
    return atomic_load_explicit(&image.armed, memory_order_acquire) == 2 && watching();
}
static inline int is_draining(void) {
    return atomic_load_explicit(&image.draining, memory_order_relaxed);
}
int own_process(void);
enum kind find_kind(int fd);
void arm(void);
void image_beat(void);
int loop_turned(void); /* 1: the stop signal was raised, as if it had interrupted the wait */
void stand_back(void);
void keep_own(int fd); /* `fd` is about to become another file: moves ours away */
int control_to_watch(void);
void look_soon(void);
void say_leaving(void); /* by exit or exec: silence means nothing from here on */
void say_staying(void); /* the exec failed */

/* wait.c: a wait in parts, between which the image beats. */
struct parts {
    uint64_t until_ns; /* 0 = for ever */
    uint64_t now_ns;
    unsigned number;
    sigset_t mask; /* of the thread, once all signals are held back between the parts */
    struct timespec length;
};
void parts_begin(struct parts* parts, const struct timespec* timeout);
void parts_next(struct parts* parts);
int parts_over(struct parts* parts); /* 1: the time is up; -1: as if a signal had come */
void parts_end(struct parts* parts);

/* watcher.c: beats for threads that are blocked where no bound can be set. */
void blocked_begin(int fd);
void blocked_end(void);
void watcher_forked(void);
void blocking_changed(void); /* a descriptor may block now that did not before */
int watcher_runs(void);

/* fds.c */
void descriptor_closing(int fd);
void descriptor_copied(int from, int to);

#endif
