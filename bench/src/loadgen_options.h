/* What the load generator was asked to do. */
#ifndef BENCH_LOADGEN_OPTIONS_H
#define BENCH_LOADGEN_OPTIONS_H

#include <stdint.h>

struct options {
    uint16_t port;         /* 0 = unix_path */
    const char* unix_path; /* with a leading '@': an abstract name */
    long connections;
    long fresh;
    long idle;
    long idle_ms;
    long requests; /* 0 = no bound */
    long timeout_ms;
    long pause_ms;
    double seconds; /* 0 = no bound */
    const char* path;
    int until_eof;
    uint64_t seed;
};

extern struct options options;

/* Fills `options`; ends the program with exit code 2 where they are wrong. */
void parse_options(int argc, char** argv);

#endif
