/* What a probe worker tells the benchmark: one such record for each thing that happens, by pipe. */
#ifndef BENCH_PROBE_REPORT_H
#define BENCH_PROBE_REPORT_H

#include <stdint.h>

enum probe_kind {
    PROBE_STARTED = 1, /* main() has begun: the program runs */
    PROBE_HUNG = 2,    /* it was told to hang, and has just sent its last beat */
    PROBE_ABORTED = 3  /* SIGABRT has come */
};

/* Times are CLOCK_MONOTONIC in nanoseconds. measure/reports.py reads this layout. */
struct probe_report {
    uint32_t pid;
    uint32_t kind;
    uint64_t at_ns;
    uint64_t beat_ns; /* what its last beat says about when it was sent; 0 = none yet */
};

#endif
