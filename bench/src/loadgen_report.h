/* What the load generator has seen: counts by kind, latencies, gaps, pids; and JSON made of it. */
#ifndef BENCH_LOADGEN_REPORT_H
#define BENCH_LOADGEN_REPORT_H

#include <stdint.h>
#include <stdio.h>

/* Ways for a request to fail. `fresh`: on a new connection, `reused`: on one that had answered. */
enum failure {
    REFUSED,       /* nobody listens */
    CONNECT_ERROR, /* any other error of connect() */
    RESET_FRESH,   /* reset before a byte of the answer */
    EOF_FRESH,     /* closed before a byte of the answer */
    RESET_REUSED,
    EOF_REUSED,
    CUT,       /* closed or reset in the middle of an answer */
    LATE,      /* no whole answer in time */
    STATUS,    /* an answer other than 2xx */
    MALFORMED, /* no answer at all, in HTTP's terms */
    FAILURES
};

/* How a connection is used. */
enum mode { MODE_KEEP, MODE_IDLE, MODE_FRESH };

struct report {
    int64_t start_ns;
    int64_t end_ns;
    uint64_t answers;
    uint64_t failures[FAILURES];
    uint64_t connections;       /* opened */
    uint64_t closed_by_answer;  /* the server said `Connection: close` */
    uint64_t closed_while_idle; /* the server closed between two requests, noticed before sending */
    uint64_t queue_full;        /* Unix sockets: connect() was told to try again */
};

int64_t now_ns(void);
void report_answer(struct report* report, int64_t latency_ns, const char* body);
void report_failure(struct report* report, enum failure failure, enum mode mode);
uint64_t report_failed(const struct report* report);
void report_print(const struct report* report, FILE* out);

#endif
