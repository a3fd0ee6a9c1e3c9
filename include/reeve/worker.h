/* libreeve-worker: how a program tells reeve that it lives, how much it has done, and when it is
 * ready.
 *
 *     struct reeve_worker *worker;
 *     reeve_worker_open(&worker, REEVE_WORKER_DRAINS);       // also fine when reeve is not there
 *     reeve_worker_receive(worker, 5000);                    // greet; get the listening sockets
 *     int listener = reeve_worker_socket(worker, "web", 0);  // -1: not there, bind one yourself
 *     reeve_worker_ready(worker);
 *     for (;;) {
 *         poll(..., reeve_worker_wait_ms(worker, -1));  // with reeve_worker_control_fd(worker)
 *         reeve_worker_beat(worker);                    // every turn: 5 ns unless a beat is due
 *         ...
 *         struct reeve_request request = reeve_worker_request_begin(worker);
 *         ...
 *         reeve_worker_request_end(worker, request, 0);
 *     }
 *
 * Where beats come from. There is no helper thread, on purpose: a thread that beats would go on
 * while the program's own loop hangs, and hide what the beats are there to show. Call
 * reeve_worker_beat() from the loop whose standing still means that the worker is hung. In a
 * program with several such loops let the one that accepts do it.
 *
 * Threads. Every call but open, receive, control and close may be made from any thread at any
 * time; none takes a lock. open, receive and close need the worker to themselves, control may run
 * in one thread at a time. A request may be ended by another thread than began it.
 *
 * fork. A child made by fork() starts with counters of zero and a process key of its own, and
 * nothing of it is seen until it calls reeve_worker_beat() itself: then it is a second process of
 * the same worker, watched like the first. It does not get control messages
 * (reeve_worker_control_fd() is -1 there). A child made by a raw clone(2) never beats. Say
 * reeve_worker_stopping() before a process that has beaten exits or becomes another program.
 *
 * What the library leaves alone. It writes to no stdio stream, changes no signal disposition,
 * raises no SIGPIPE, does not block (receive waits as long as it is told), makes its descriptors
 * close-on-exec, changes the environment only when asked to, and goes on when reeve is gone: beats
 * then end in a full pipe that nobody reads.
 *
 * A null worker is accepted everywhere and does nothing.
 */
#ifndef REEVE_WORKER_H
#define REEVE_WORKER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define REEVE_WORKER_API __attribute__((visibility("default")))
#else
#define REEVE_WORKER_API
#endif

struct reeve_worker;

enum reeve_worker_result {
    REEVE_WORKER_OK = 0,
    REEVE_WORKER_ALONE = 1,   /* not run under reeve */
    REEVE_WORKER_TIMEOUT = 2, /* nothing came in time */
    REEVE_WORKER_ERROR = -1   /* errno says why */
};

#define REEVE_WORKER_DRAINS 1u /* I poll the control descriptor and act on REEVE_WORKER_DRAIN */
#define REEVE_WORKER_CLEAN_ENVIRONMENT \
    2u /* unset REEVE_* and LISTEN_*, so that children do not see them */
#define REEVE_WORKER_TELLS_SLOW 4u /* I call reeve_worker_slow(): reeve need not guess */

/* Reads the environment and takes over the descriptors named there. Sends nothing yet.
 *
 * REEVE_WORKER_OK: run under reeve. REEVE_WORKER_ALONE: no descriptor of reeve's is there; the
 * worker is usable all the same: nothing is sent, counters are not kept, and sockets that somebody
 * else passed by LISTEN_FDS are found. REEVE_WORKER_ERROR: out of memory, or more than eight
 * workers are open in this process; *worker is null. A variable that names a descriptor of another
 * kind (left over in the environment of a grandchild) counts as absent.
 */
REEVE_WORKER_API enum reeve_worker_result reeve_worker_open(struct reeve_worker** worker,
                                                            unsigned flags);

/* Says Hello to reeve, and waits up to `timeout_ms` for the listening sockets where reeve sends
 * them (handoff: receive). With handoff `inherit` they are there already, and this returns at once.
 * Hello tells reeve that the program has booted so far that it can take sockets; it may be held
 * back until then.
 *
 * REEVE_WORKER_OK: the sockets are there (none, for a pool that has none). REEVE_WORKER_TIMEOUT: no
 * answer yet; may be called again. REEVE_WORKER_ALONE: no control channel and no LISTEN_FDS.
 * REEVE_WORKER_ERROR: ECONNRESET, reeve is gone.
 */
REEVE_WORKER_API enum reeve_worker_result reeve_worker_receive(struct reeve_worker* worker,
                                                               int timeout_ms);

/* The listening sockets. They belong to the program: reeve_worker_close() leaves them open. They
 * are close-on-exec. Others hold the same open file description, so one shutdown() ends the socket
 * for all of them: only ever close().
 *
 * reeve_worker_socket: the `index`th socket named `name`, or of all sockets where `name` is null;
 * -1 = no such socket. reeve_worker_socket_name: null = no such socket; valid until close.
 */
REEVE_WORKER_API unsigned reeve_worker_socket_count(const struct reeve_worker* worker);
REEVE_WORKER_API int reeve_worker_socket(const struct reeve_worker* worker, const char* name,
                                         unsigned index);
REEVE_WORKER_API const char* reeve_worker_socket_name(const struct reeve_worker* worker,
                                                      unsigned index);

/* I serve: reeve may let the predecessor go. Greets first where reeve_worker_receive() has not been
 * called. */
REEVE_WORKER_API void reeve_worker_ready(struct reeve_worker* worker);

/* I live. Call it every turn of the loop: it reads a coarse clock and writes one packet when a beat
 * is due. */
REEVE_WORKER_API void reeve_worker_beat(struct reeve_worker* worker);

/* The longest time in ms to sleep in poll so that the next beat is in time: at most `timeout_ms`
 * (-1 = no bound of the program's own). Where no beats are wanted, `timeout_ms` itself. */
REEVE_WORKER_API int reeve_worker_wait_ms(const struct reeve_worker* worker, int timeout_ms);

/* A request in flight. Opaque; plain data, may be copied. All zero is a token that ends nothing. */
struct reeve_request {
    uint64_t start;
    uint64_t place;
};

/* Begin and end of one request: counts it, times it, and shows reeve the oldest one in flight.
 * Nothing is allocated.
 *
 * 1024 requests in flight are tracked one by one. Further ones are counted and timed all the same,
 * but not looked at for the oldest. A token that was begun before a fork,
 * is ignored. When the request is the one that reaches REEVE_QUOTA, a beat is written at once.
 * `failed`: not 0 when it ended in an error, as the program defines it.
 */
REEVE_WORKER_API struct reeve_request reeve_worker_request_begin(struct reeve_worker* worker);
REEVE_WORKER_API void reeve_worker_request_end(struct reeve_worker* worker,
                                               struct reeve_request request, int failed);

/* Tells reeve of a request that takes, or took, longer than it wants to hear of nothing (the pool's
 * option slow_request), once for each request: call it before the request is ended, and from the
 * loop for those that are still under way. 1: it was told, and is not to be told again; 0: it does
 * not take that long, or reeve does not want to know. `method` and `target` may be null. */
REEVE_WORKER_API int reeve_worker_slow(struct reeve_worker* worker, struct reeve_request request,
                                       const char* method, const char* target);

/* One line of the access log. Text is NUL-terminated; null = not known. */
struct reeve_access {
    const char* remote; /* the client's address */
    const char* method;
    const char* target;
    const char* protocol; /* "HTTP/1.1" */
    const char* referer;
    const char* user_agent;
    unsigned status;
    uint64_t bytes;       /* of the answer's body */
    uint64_t duration_ns; /* only the form json has it */
};

/* Writes the line where the pool's option access_log wants it, with one write(2), cut to 4 KiB; may
 * be called from any thread. Nothing where no log is wanted. */
REEVE_WORKER_API void reeve_worker_log_access(struct reeve_worker* worker,
                                              const struct reeve_access* access);

/* Counters for what is not a request: a connection was accepted; something else went wrong. */
REEVE_WORKER_API void reeve_worker_connection_opened(struct reeve_worker* worker);
REEVE_WORKER_API void reeve_worker_error(struct reeve_worker* worker);

enum reeve_worker_event {
    REEVE_WORKER_NOTHING = 0,
    REEVE_WORKER_DRAIN = 1, /* stop accepting, finish what is in flight, exit before the deadline */
    REEVE_WORKER_ORPHANED = 2,      /* reeve is gone: drain and exit */
    REEVE_WORKER_ORPHANED_KEEP = 3, /* reeve is gone: serve on */
    REEVE_WORKER_REOPEN = 4         /* open log files anew; the access log has been, by this call */
};

/* The descriptor to poll for reading, -1 = none. Once it is readable call reeve_worker_control()
 * until it answers REEVE_WORKER_NOTHING. After one of the ORPHANED events, which come once, take it
 * out of the poll set.
 *
 * `deadline_ms` (may be null) is set with REEVE_WORKER_DRAIN: the time from now until SIGKILL.
 * With REEVE_WORKER_DRAINS in the flags of open, reeve asks by this message and sends no stop
 * signal.
 */
REEVE_WORKER_API int reeve_worker_control_fd(const struct reeve_worker* worker);
REEVE_WORKER_API enum reeve_worker_event reeve_worker_control(struct reeve_worker* worker,
                                                              uint32_t* deadline_ms);

/* I accept no more connections and finish what I have. Beats go on, and must. */
REEVE_WORKER_API void reeve_worker_draining(struct reeve_worker* worker);

/* This process is about to exit or to exec: from here on its silence means nothing. The last beat
 * carries its final counters. */
REEVE_WORKER_API void reeve_worker_stopping(struct reeve_worker* worker);

/* Closes the heartbeat and the control channel and frees the worker; no thread may use it any more.
 * Says nothing: call reeve_worker_stopping() first. */
REEVE_WORKER_API void reeve_worker_close(struct reeve_worker* worker);

#ifdef __cplusplus
}
#endif

#endif
