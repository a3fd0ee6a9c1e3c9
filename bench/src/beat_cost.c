/* What libreeve-worker costs in the worker: nanoseconds for a request and for a loop turn; JSON on
 * stdout.
 *
 *     beat-cost [REQUESTS]   a round, 4000000 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <reeve/protocol.h>
#include <reeve/worker.h>

#define ROUNDS 5

static int round_size = 4000000;

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void pairs(struct reeve_worker* worker, int count) {
    for (int i = 0; i < count; i++) {
        reeve_worker_request_end(worker, reeve_worker_request_begin(worker), 0);
        reeve_worker_beat(worker);
    }
}

static void beats(struct reeve_worker* worker, int count) {
    for (int i = 0; i < count; i++) {
        reeve_worker_beat(worker);
    }
}

static void* run_pairs(void* worker) {
    pairs(worker, round_size);
    return NULL;
}

/* The best of a few rounds: what the machine does besides is not the library's cost. */
static double best_of(void (*work)(struct reeve_worker*, int), struct reeve_worker* worker) {
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        work(worker, round_size);
        double each = (now_ns() - start) / round_size;
        best = each < best ? each : best;
    }
    return best;
}

static double two_threads(struct reeve_worker* worker) {
    pthread_t other;
    double start = now_ns();
    if (pthread_create(&other, NULL, run_pairs, worker) != 0) {
        return -1;
    }
    pairs(worker, round_size);
    pthread_join(other, NULL);
    return (now_ns() - start) / round_size;
}

static double packet(struct reeve_worker* worker, int read_end) {
    struct reeve_beat beat;
    const int count = round_size / 40;
    double start = now_ns();
    for (int i = 0; i < count; i++) {
        reeve_worker_draining(worker);
        if (read(read_end, &beat, sizeof beat) != (ssize_t)sizeof beat) {
            return -1;
        }
    }
    return (now_ns() - start) / count;
}

int main(int argc, char** argv) {
    int ends[2];
    char number[16];
    if (argc > 1 && (round_size = atoi(argv[1])) < 40) {
        fputs("usage: beat-cost [REQUESTS], at least 40\n", stderr);
        return 2;
    }
    if (pipe2(ends, O_DIRECT | O_NONBLOCK) != 0) {
        perror("pipe2");
        return 1;
    }
    snprintf(number, sizeof number, "%d", ends[1]);
    setenv("REEVE_PROTOCOL", "1", 1);
    setenv("REEVE_HEARTBEAT_FD", number, 1);
    setenv("REEVE_BEAT_INTERVAL", "1000", 1);
    struct reeve_worker* worker = NULL;
    if (reeve_worker_open(&worker, 0) != REEVE_WORKER_OK) {
        fputs("beat_cost: no worker\n", stderr);
        return 1;
    }
    double request = best_of(pairs, worker);
    double turn = best_of(beats, worker);
    double threads = two_threads(worker);
    double write_and_read = packet(worker, ends[0]);
    printf(
        "{\"request_and_turn_ns\": %.1f, \"turn_ns\": %.1f, \"request_two_threads_ns\": %.1f, "
        "\"packet_write_and_read_ns\": %.0f}\n",
        request, turn, threads, write_and_read);
    reeve_worker_close(worker);
    return 0;
}
