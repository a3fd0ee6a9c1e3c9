/* The other side of a program under libreeve-preload: its supervisor and its client. */
#ifndef UNIT_PRELOAD_SUPERVISOR_H
#define UNIT_PRELOAD_SUPERVISOR_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <reeve/protocol.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

/* gcc and clang each say in a way of their own that ThreadSanitizer is at work. */
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#define STREAMS_MAX 64

/* One program under test, and what its processes said so far. */
struct subject {
    pid_t pid;
    int heartbeat; /* ours */
    int control;
    int listener; /* the pool's socket, shared with it */
    unsigned short port;
    unsigned streams;
    struct reeve_beat last[STREAMS_MAX]; /* of each process image */
    unsigned beats;
    int drained; /* one of them said that it drains */
};

/* Starts this program again, in `mode`, with a listening socket at descriptor 3 and under the
 * library. */
struct subject start_subject(const char* mode, unsigned interval_ms);
/* Waits until `so` holds of what was said; ends the test when that never happens. */
void wait_until(struct subject* subject, int (*so)(const struct subject*, uint64_t), uint64_t value,
                const char* what);
void read_beats(struct subject* subject, int wait_ms);
uint64_t requests_of(const struct subject* subject);
uint64_t connections_of(const struct subject* subject);
uint64_t errors_of(const struct subject* subject);
uint32_t in_flight_of(const struct subject* subject);
void wait_requests(struct subject* subject, uint64_t count);
void wait_beats(struct subject* subject, unsigned more);
/* The next message of this type, which has to come. */
void wait_message(struct subject* subject, unsigned type, void* body, size_t size);
void send_drain(struct subject* subject, uint32_t within_ms);
/* Asks it to leave, waits, and checks that it left as it should. */
void end_subject(struct subject* subject);
/* Its wait status; ends the test when it does not end. */
int wait_end(struct subject* subject);
int wait_stopped(struct subject* subject); /* of one that was told to stop */

int connect_to(const struct subject* subject);
/* One line there and one line back. */
void ask(int connection, const char* line);
void tell(int connection, const char* bytes);
void hear(int connection);

/* subject.c */
int run_subject(const char* mode);

#endif
