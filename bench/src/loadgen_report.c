/* Counting and printing for the load generator; bounded memory however long it runs. */
#include "loadgen_report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEPS     64 /* histogram buckets for each doubling: an error of at most 1.6 % */
#define BUCKETS   (STEPS * 40)
#define PIDS_MAX  65536
#define NOTED_MAX 50

static const char* const failure_names[FAILURES] = {
    "refused",    "connect_error", "reset_fresh", "eof_fresh", "reset_reused",
    "eof_reused", "cut",           "late",        "status",    "malformed"};
static const char* const mode_names[] = {"keep", "idle", "fresh"};

static uint64_t histogram[BUCKETS];
static int64_t longest_ns;
static int64_t last_answer_ns;
static int64_t gap_ns;
static int64_t gap_at_ns;
static long pids[PIDS_MAX];
static uint64_t answers_of[PIDS_MAX];
static unsigned pid_count;
static struct {
    int64_t at_ns;
    enum failure failure;
    enum mode mode;
} noted[NOTED_MAX];
static unsigned noted_count;

int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static unsigned bucket_of(int64_t ns) {
    uint64_t value = (uint64_t)ns + STEPS;
    unsigned doublings = 63 - (unsigned)__builtin_clzll(value / STEPS);
    unsigned bucket = doublings * STEPS + (unsigned)(value >> doublings) - STEPS;
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static int64_t value_of(unsigned bucket) {
    return (int64_t)(((uint64_t)(bucket % STEPS) + STEPS) << bucket / STEPS) - STEPS;
}

static void note_pid(long pid) {
    unsigned place = (unsigned)pid * 2654435761u % PIDS_MAX;
    while (pids[place] != 0 && pids[place] != pid) {
        place = (place + 1) % PIDS_MAX;
    }
    if (pids[place] == 0 && pid_count < PIDS_MAX / 2) {
        pids[place] = pid;
        pid_count++;
    }
    if (pids[place] == pid) {
        answers_of[place]++;
    }
}

void report_answer(struct report* report, int64_t latency_ns, const char* body) {
    int64_t now = now_ns();
    int64_t since = last_answer_ns != 0 ? last_answer_ns : report->start_ns;
    if (now - since > gap_ns) {
        gap_ns = now - since;
        gap_at_ns = since;
    }
    last_answer_ns = now;
    longest_ns = latency_ns > longest_ns ? latency_ns : longest_ns;
    histogram[bucket_of(latency_ns)]++;
    report->answers++;
    char* end = NULL;
    long pid = strtol(body, &end, 10);
    if (pid > 0 && end != body && strspn(end, "\r\n") == strlen(end)) {
        note_pid(pid);
    }
}

void report_failure(struct report* report, enum failure failure, enum mode mode) {
    report->failures[failure]++;
    if (noted_count < NOTED_MAX) {
        noted[noted_count].at_ns = now_ns();
        noted[noted_count].failure = failure;
        noted[noted_count].mode = mode;
        noted_count++;
    }
}

uint64_t report_failed(const struct report* report) {
    uint64_t sum = 0;
    for (int i = 0; i < FAILURES; i++) {
        sum += report->failures[i];
    }
    return sum;
}

static double percentile_ms(const struct report* report, double share) {
    uint64_t wanted = (uint64_t)((double)report->answers * share);
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        seen += histogram[bucket];
        if (seen > wanted) {
            return (double)value_of(bucket) / 1e6;
        }
    }
    return (double)longest_ns / 1e6;
}

static int by_number(const void* left, const void* right) {
    long a = *(const long*)left;
    long b = *(const long*)right;
    return a < b ? -1 : a > b;
}

static void print_pids(FILE* out) {
    static long sorted[PIDS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < PIDS_MAX; i++) {
        if (pids[i] != 0) {
            sorted[count++] = pids[i];
        }
    }
    qsort(sorted, count, sizeof sorted[0], by_number);
    fprintf(out, "\"pids\": [");
    for (unsigned i = 0; i < count; i++) {
        fprintf(out, "%s%ld", i > 0 ? ", " : "", sorted[i]);
    }
    fprintf(out, "], \"answers_by_pid\": {");
    const char* between = "";
    for (unsigned i = 0; i < PIDS_MAX; i++) {
        if (pids[i] != 0) {
            fprintf(out, "%s\"%ld\": %llu", between, pids[i], (unsigned long long)answers_of[i]);
            between = ", ";
        }
    }
    fprintf(out, "}");
}

static void print_noted(const struct report* report, FILE* out) {
    fprintf(out, "\"first_failures\": [");
    for (unsigned i = 0; i < noted_count; i++) {
        fprintf(out, "%s{\"at_ms\": %.1f, \"kind\": \"%s\", \"mode\": \"%s\"}", i > 0 ? ", " : "",
                (double)(noted[i].at_ns - report->start_ns) / 1e6, failure_names[noted[i].failure],
                mode_names[noted[i].mode]);
    }
    fprintf(out, "]");
}

void report_print(const struct report* report, FILE* out) {
    double seconds = (double)(report->end_ns - report->start_ns) / 1e9;
    fprintf(out, "{\"seconds\": %.3f, \"answers\": %llu, \"per_second\": %.1f, \"failed\": %llu, ",
            seconds, (unsigned long long)report->answers, (double)report->answers / seconds,
            (unsigned long long)report_failed(report));
    fprintf(out, "\"failures\": {");
    for (int i = 0; i < FAILURES; i++) {
        fprintf(out, "%s\"%s\": %llu", i > 0 ? ", " : "", failure_names[i],
                (unsigned long long)report->failures[i]);
    }
    fprintf(out,
            "}, \"connections\": %llu, \"closed_by_answer\": %llu, \"closed_while_idle\": %llu, "
            "\"queue_full\": %llu, ",
            (unsigned long long)report->connections, (unsigned long long)report->closed_by_answer,
            (unsigned long long)report->closed_while_idle, (unsigned long long)report->queue_full);
    fprintf(out,
            "\"latency_ms\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"p999\": %.3f, "
            "\"max\": %.3f}, \"longest_gap_ms\": %.1f, \"longest_gap_at_ms\": %.1f, ",
            percentile_ms(report, 0.5), percentile_ms(report, 0.9), percentile_ms(report, 0.99),
            percentile_ms(report, 0.999), (double)longest_ns / 1e6, (double)gap_ns / 1e6,
            gap_at_ns != 0 ? (double)(gap_at_ns - report->start_ns) / 1e6 : 0.0);
    print_pids(out);
    fprintf(out, ", ");
    print_noted(report, out);
    fprintf(out, "}\n");
    fflush(out);
}
