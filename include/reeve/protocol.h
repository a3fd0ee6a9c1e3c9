/* The bytes that a worker and reeve exchange: beats on a pipe, messages on a control channel.
 *
 * Version 1. Little-endian, fixed layout, no padding. Everything a worker sends is checked; what
 * does not fit is counted and dropped. docs/protocol.md describes the conversation;
 * reeve/worker.h is a ready client.
 *
 * Environment of a worker (all decimal ASCII):
 *   REEVE_PROTOCOL       highest protocol version that reeve speaks: 1
 *   REEVE_CONTROL_FD     control channel, a connected SOCK_SEQPACKET Unix socket
 *   REEVE_HEARTBEAT_FD   heartbeat pipe, packet mode, non-blocking; opened for reading and writing,
 *                        so that a write after reeve's death is no SIGPIPE: only ever write to it
 *   REEVE_BEAT_INTERVAL  milliseconds between two beats
 *   REEVE_QUOTA          requests after which this worker is due for rotation; absent when there is
 *                        no such quota
 *   REEVE_ACCESS_LOG     where the access log goes: - (stdout) or a path; absent = none is wanted
 *   REEVE_ACCESS_LOG_FORMAT  combined or json; with REEVE_ACCESS_LOG
 *   REEVE_SLOW_REQUEST   milliseconds after which a request is to be reported by REEVE_SLOW;
 *                        absent = none is
 *   REEVE_TOKEN          opaque; presented when rejoining a restarted reeve
 *   REEVE_POOL, REEVE_SLOT, REEVE_GENERATION
 *   REEVE_SOCKET_INODES  with liveness: preload: inode numbers of the pool's sockets, by commas
 *   REEVE_STOP_SIGNAL    with liveness: preload: what libreeve-preload raises once it has drained
 */
#ifndef REEVE_PROTOCOL_H
#define REEVE_PROTOCOL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REEVE_PROTOCOL_VERSION 1

#define REEVE_BEAT_MAGIC    0x31425652u /* "RVB1" */
#define REEVE_CONTROL_MAGIC 0x31435652u /* "RVC1" */

#define REEVE_BEAT_SIZE_MAX    256
#define REEVE_CONTROL_SIZE_MAX 4096
#define REEVE_SOCKETS_MAX      64
#define REEVE_SLOW_TEXT_MAX    1024

enum reeve_state {
    REEVE_STATE_STARTING = 1,
    REEVE_STATE_SERVING = 2,
    REEVE_STATE_DRAINING = 3,
    REEVE_STATE_STOPPING = 4 /* about to exit or to exec: silence means nothing from here on */
};

/* Upper bounds of the latency buckets in microseconds; a longer request is in none of them. */
#define REEVE_LATENCY_BUCKETS 15
/* clang-format off */
#define REEVE_LATENCY_BOUNDS_US \
    { 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, \
      1000000, 2500000, 5000000, 10000000, 30000000, 60000000 }
/* clang-format on */

/* One heartbeat, written with one write(2). Counters are cumulative since the process image
 * began, so a lost beat loses nothing. Times are CLOCK_MONOTONIC in nanoseconds. */
struct reeve_beat {
    uint32_t magic;     /* REEVE_BEAT_MAGIC */
    uint16_t version;   /* 1 */
    uint16_t size;      /* sizeof(struct reeve_beat) */
    uint32_t process;   /* pid as the writer sees it */
    uint32_t image;     /* differs between program images (exec) of one process; never 0 */
    uint64_t sequence;  /* 1, 2, ... per image */
    uint32_t state;     /* enum reeve_state */
    uint32_t in_flight; /* requests begun and not ended */
    uint64_t sent_ns;
    uint64_t oldest_ns;   /* start of the oldest request in flight; 0 = none or unknown */
    uint64_t requests;    /* ended */
    uint64_t connections; /* accepted */
    uint64_t errors;      /* requests that ended in an error, as the worker defines it */
    uint64_t latency_sum_ns;
    uint64_t latency_counts[REEVE_LATENCY_BUCKETS]; /* the first bucket that holds it */
};

enum reeve_message_type {
    REEVE_HELLO = 1,   /* worker -> reeve, first message: struct reeve_hello */
    REEVE_WELCOME = 2, /* reeve -> worker: struct reeve_welcome, names, sockets by SCM_RIGHTS */
    REEVE_READY = 3,   /* worker -> reeve: no body */
    REEVE_DRAIN = 4,   /* reeve -> worker with REEVE_HELLO_DRAINS: struct reeve_drain */
    REEVE_SOCKETS = 5, /* reeve -> worker: reserved for sockets that a reload adds */
    REEVE_REJOIN = 6,  /* worker -> a restarted reeve: reserved */
    REEVE_REOPEN = 7,  /* reeve -> worker that said Hello, no body: open log files anew */
    REEVE_SLOW = 8     /* worker -> reeve: struct reeve_slow, text */
};

/* Every message starts with this; `size` counts header and body. */
struct reeve_header {
    uint32_t magic;   /* REEVE_CONTROL_MAGIC */
    uint16_t version; /* 1 */
    uint16_t type;    /* enum reeve_message_type */
    uint32_t size;
};

#define REEVE_HELLO_DRAINS  1u /* I act on REEVE_DRAIN: do not send the stop signal */
#define REEVE_HELLO_PRELOAD 2u /* it is libreeve-preload that speaks, not the program itself */
#define REEVE_HELLO_SLOW    4u /* I report slow requests by REEVE_SLOW: `oldest_ns` shows none */

struct reeve_hello {
    struct reeve_header header;
    uint32_t process;
    uint32_t flags;
};

#define REEVE_WELCOME_ORPHANS_KEEP 1u /* when reeve is gone, serve on; otherwise drain and leave */

struct reeve_welcome {
    struct reeve_header header;
    uint32_t flags;
    uint32_t beat_interval_ms;
    uint32_t slot;
    uint32_t sockets;    /* how many descriptors come with this message (handoff: receive) */
    uint32_t names_size; /* bytes of names that follow: one a socket, NUL-terminated, same order */
    uint64_t quota;      /* 0 = none */
    uint64_t generation;
};

struct reeve_drain {
    struct reeve_header header;
    uint32_t deadline_ms; /* from now until SIGKILL */
};

/* One request that took, or is taking, longer than REEVE_SLOW_REQUEST; sent once for each. */
struct reeve_slow {
    struct reeve_header header;
    uint32_t process; /* pid as the writer sees it */
    uint64_t duration_ns;
    uint32_t text_size; /* bytes that follow: "METHOD TARGET" without NUL, cut to
                           REEVE_SLOW_TEXT_MAX; 0 = not known */
    uint32_t reserved;  /* 0 */
};

#ifdef __cplusplus
}
#endif

#endif
