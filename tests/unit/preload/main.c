/* What libreeve-preload says of programs that know nothing of it. Run with UNIT_PRELOAD naming the
 * library, or with the library linked in. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"

#define CLIENTS  8
#define REQUESTS 250

static struct reeve_hello wait_ready(struct subject* subject) {
    struct reeve_hello hello;
    struct reeve_header ready;
    wait_message(subject, REEVE_HELLO, &hello, sizeof hello);
    wait_message(subject, REEVE_READY, &ready, sizeof ready);
    return hello;
}

static void* ask_often(void* argument) {
    int connection = connect_to(argument);
    for (int i = 0; i < REQUESTS; i++) {
        ask(connection, "hello\n");
    }
    close(connection);
    return NULL;
}

static void ask_from_many(struct subject* subject) {
    pthread_t clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(pthread_create(&clients[i], NULL, ask_often, subject) == 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(pthread_join(clients[i], NULL) == 0);
    }
}

/* Counts of a keep-alive load would not be those that the clients made. */
static void test_counts(const char* mode) {
    struct subject subject = start_subject(mode, 50);
    if (strcmp(mode, "processes") != 0) {
        CHECK(wait_ready(&subject).flags == (REEVE_HELLO_DRAINS | REEVE_HELLO_PRELOAD));
    }
    ask_from_many(&subject);
    wait_requests(&subject, (uint64_t)CLIENTS * REQUESTS);
    CHECK(connections_of(&subject) == CLIENTS && errors_of(&subject) == 0);
    wait_beats(&subject, 5);
    CHECK(requests_of(&subject) == (uint64_t)CLIENTS * REQUESTS && in_flight_of(&subject) == 0);
    end_subject(&subject);
}

/* Answers by sendfile, splice or a copied descriptor, helpers that a server runs, and interim
 * answers would be counted wrongly. */
static void test_ways_of_answering(void) {
    struct subject subject = start_subject("epoll", 50);
    int connection = connect_to(&subject);
    const char* const lines[] = {"s\n", "p\n", "d\n", "v\n", "f\n", "plain\n"};
    for (int i = 0; i < 60; i++) {
        ask(connection, lines[i % 6]);
    }
    tell(connection, "c\n");
    hear(connection);
    hear(connection); /* the empty line after it */
    ask(connection, "and the rest\n");
    wait_requests(&subject, 61);
    CHECK(subject.streams == 1 && errors_of(&subject) == 0);
    close(connection);
    wait_beats(&subject, 3);
    CHECK(requests_of(&subject) == 61);
    end_subject(&subject);
}

static int has_errors(const struct subject* subject, uint64_t count) {
    return errors_of(subject) >= count;
}

/* What a client or a server breaks off would count as served. */
static void test_aborted(void) {
    struct subject subject = start_subject("epoll", 50);
    for (int i = 0; i < 20; i++) {
        int connection = connect_to(&subject);
        tell(connection, "no answer\n");
        char byte = 0;
        CHECK(recv(connection, &byte, 1, 0) == 0);
        close(connection);
        close(connect_to(&subject));
    }
    wait_until(&subject, has_errors, 20, "errors");
    CHECK(errors_of(&subject) == 20 && requests_of(&subject) == 0);
    end_subject(&subject);
}

/* Requests that come in one piece cannot be told apart: they would be more than one turn. */
static void test_pipelined(void) {
    struct subject subject = start_subject("epoll", 50);
    int connection = connect_to(&subject);
    for (int i = 0; i < 10; i++) {
        ask(connection, "one\ntwo\nthree\n");
    }
    wait_requests(&subject, 10);
    close(connection);
    end_subject(&subject);
}

static int is_in_flight(const struct subject* subject, uint64_t count) {
    return in_flight_of(subject) == count;
}

/* A server that does not come back to its loop would beat, or an idle one would not. */
static void test_silence(const char* mode) {
    struct subject subject = start_subject(mode, 50);
    wait_beats(&subject, 10);
    int connection = connect_to(&subject);
    if (strcmp(mode, "threads") != 0) {
        tell(connection, "block\n");
        /* Until it hangs it may beat; from then on there is nothing but the clock to wait for. */
        unsigned before = 0;
        do {
            before = subject.beats;
            read_beats(&subject, 500);
        } while (subject.beats != before);
    } else {
        tell(connection, "block\n");
        wait_until(&subject, is_in_flight, 1, "in flight");
        CHECK(subject.last[0].oldest_ns != 0);
    }
    if (strcmp(mode, "threads") == 0) {
        kill(subject.pid, SIGKILL);
        (void)wait_end(&subject);
        return;
    }
    kill(subject.pid, SIGTERM);
    hear(connection);
    CHECK(wait_stopped(&subject) == 0);
    CHECK(requests_of(&subject) == 1);
    close(connection);
}

/* Its waits would be shorter or longer than asked for, or signals would not end them. */
static void test_waits(void) {
    struct subject subject = start_subject("waits", 30);
    CHECK(wait_end(&subject) == 0);
    CHECK(subject.beats > 0);
}

/* A program that tidies up its descriptors would be lost, or be written into. */
static void test_descriptors(void) {
    struct subject subject = start_subject("descriptors", 50);
    int connection = connect_to(&subject);
    for (int i = 0; i < 10; i++) {
        ask(connection, "hello\n");
    }
    wait_requests(&subject, 10);
    close(connection);
    end_subject(&subject);
}

/* A worker with a client of its own would be counted twice. */
static void test_native(void) {
    struct subject subject = start_subject("native", 50);
    struct reeve_hello hello = wait_ready(&subject);
    CHECK((hello.flags & REEVE_HELLO_PRELOAD) == 0);
    wait_beats(&subject, 10);
    CHECK(subject.streams == 1);
    end_subject(&subject);
}

static int has_left(const struct subject* subject, uint64_t unused) {
    (void)unused;
    /* After ready, leaving for an exec that fails, and staying. */
    return subject->streams == 1 && subject->last[0].sequence >= 4 &&
           subject->last[0].state == REEVE_STATE_STOPPING;
}

/* A program would be held to the beats of the one that it was before. */
static void test_exec(void) {
    struct subject subject = start_subject("exec", 50);
    wait_until(&subject, has_left, 0, "a last beat");
    read_beats(&subject, 300);
    CHECK(has_left(&subject, 0));
    kill(subject.pid, SIGKILL);
    (void)wait_end(&subject);
}

static int is_draining(const struct subject* subject, uint64_t unused) {
    (void)unused;
    return subject->drained;
}

/* A drain would take new connections, cut a request, or never end. */
static void test_drain(const char* mode) {
    struct subject subject = start_subject(mode, 50);
    (void)wait_ready(&subject);
    int connection = connect_to(&subject);
    ask(connection, "hello\n");
    wait_requests(&subject, 1);
    send_drain(&subject, 60000);
    wait_until(&subject, is_draining, 0, "draining");
    CHECK(wait_stopped(&subject) == 0);
    CHECK(requests_of(&subject) == 1);
    /* Who came too late is in the queue still, for whoever takes it next. */
    int late = connect_to(&subject);
    int taken = accept(subject.listener, NULL, NULL);
    CHECK(taken >= 0);
    close(taken);
    close(late);
    close(connection);
}

static const struct test {
    const char* name;
    void (*run)(void);
    void (*run_in)(const char* mode);
    const char* mode;
} tests[] = {
    {"counts_epoll", NULL, test_counts, "epoll"},
    {"counts_edge", NULL, test_counts, "edge"},
    {"counts_poll", NULL, test_counts, "poll"},
    {"counts_select", NULL, test_counts, "select"},
    {"counts_threads", NULL, test_counts, "threads"},
    {"counts_processes", NULL, test_counts, "processes"},
    {"counts_many", NULL, test_counts, "many"},
    {"ways_of_answering", test_ways_of_answering, NULL, NULL},
    {"aborted", test_aborted, NULL, NULL},
    {"pipelined", test_pipelined, NULL, NULL},
    {"silence_epoll", NULL, test_silence, "epoll"},
    {"silence_poll", NULL, test_silence, "poll"},
    {"silence_threads", NULL, test_silence, "threads"},
    {"waits", test_waits, NULL, NULL},
    {"descriptors", test_descriptors, NULL, NULL},
    {"native", test_native, NULL, NULL},
    {"exec", test_exec, NULL, NULL},
    {"drain_epoll", NULL, test_drain, "epoll"},
    {"drain_poll", NULL, test_drain, "poll"},
    {"drain_select", NULL, test_drain, "select"},
    {"drain_threads", NULL, test_drain, "threads"},
};

int main(int count, char** words) {
    if (count > 1 && strcmp(words[0], "subject") == 0) {
        return run_subject(words[1]);
    }
    signal(SIGPIPE, SIG_IGN);
    unsigned failures = 0;
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        if (count > 1 && strstr(tests[i].name, words[1]) == NULL) {
            continue;
        }
        pid_t child = fork();
        if (child == 0) {
            if (tests[i].run != NULL) {
                tests[i].run();
            } else {
                tests[i].run_in(tests[i].mode);
            }
            _exit(0);
        }
        int status = 0;
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        printf("%s %s\n", status == 0 ? "ok    " : "FAILED", tests[i].name);
        fflush(stdout);
        failures += status != 0;
    }
    return failures != 0;
}
