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

static char log_path[64];

static void want_log(void) {
    snprintf(log_path, sizeof log_path, "/tmp/reeve-unit-preload-%d.log", (int)getpid());
    unlink(log_path);
    setenv("REEVE_ACCESS_LOG", log_path, 1);
}

/* Lines of the access log, each checked for what was asked. */
static unsigned count_lines(const char* path) {
    char line[8192];
    unsigned lines = 0;
    FILE* file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        CHECK(strncmp(line, "127.0.0.1 - - [", 15) == 0);
        CHECK(strstr(line, " +0000] \"GET /asked HTTP/1.1\" 200 0 \"-\" \"-\"\n") != NULL);
        lines++;
    }
    if (file != NULL) {
        fclose(file);
    }
    return lines;
}

static int has_lines(const struct subject* subject, uint64_t count) {
    (void)subject;
    return count_lines(log_path) >= count;
}

static void* ask_http(void* argument) {
    int connection = connect_to(argument);
    for (int i = 0; i < REQUESTS / 5; i++) {
        ask(connection, "GET /asked HTTP/1.1\n");
        ask(connection, "hello\n");
    }
    close(connection);
    return NULL;
}

/* Requests would be missing in the access log or be there twice; a program that tidies up its
 * descriptors would have lines written into what it opened. */
static void test_access_log(const char* mode) {
    pthread_t clients[CLIENTS];
    want_log();
    struct subject subject = start_subject(mode, 50);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(pthread_create(&clients[i], NULL, ask_http, &subject) == 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(pthread_join(clients[i], NULL) == 0);
    }
    wait_requests(&subject, (uint64_t)CLIENTS * REQUESTS / 5 * 2);
    wait_until(&subject, has_lines, CLIENTS * REQUESTS / 5, "lines");
    end_subject(&subject);
    CHECK(count_lines(log_path) == CLIENTS * REQUESTS / 5);
    unlink(log_path);
}

/* After a rotation lines would go into the file that was moved away. */
static void test_access_log_rotated(const char* mode) {
    char moved[80];
    want_log();
    snprintf(moved, sizeof moved, "%s.1", log_path);
    struct subject subject = start_subject(mode, 50);
    int connection = connect_to(&subject);
    ask(connection, "GET /asked HTTP/1.1\n");
    wait_until(&subject, has_lines, 1, "a line");
    CHECK(rename(log_path, moved) == 0);
    if (strcmp(mode, "processes") != 0) {
        (void)wait_ready(&subject);
        struct reeve_header reopen = {REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_REOPEN,
                                      sizeof reopen};
        CHECK(send(subject.control, &reopen, sizeof reopen, 0) == sizeof reopen);
    }
    /* Those who do not hear of it look every second. */
    for (int64_t tried = 0; count_lines(log_path) == 0; tried++) {
        CHECK(tried < 1000);
        ask(connection, "GET /asked HTTP/1.1\n");
        wait_beats(&subject, 1);
    }
    close(connection);
    uint64_t asked = requests_of(&subject);
    end_subject(&subject);
    CHECK(count_lines(moved) >= 1 && count_lines(moved) + count_lines(log_path) >= asked);
    unlink(moved);
    unlink(log_path);
}

/* A slow request would not be told, or without its name, or more than once. */
static void test_slow(const char* mode) {
    setenv("REEVE_SLOW_REQUEST", "50", 1);
    struct subject subject = start_subject(mode, 50);
    CHECK(wait_ready(&subject).flags & REEVE_HELLO_SLOW);
    int connection = connect_to(&subject);
    ask(connection, "GET /asked HTTP/1.1\n");
    ask(connection, "GET /slow/one HTTP/1.1\n");
    ask(connection, "GET /slow/two HTTP/1.1\n");
    for (int i = 0; i < 2; i++) {
        struct {
            struct reeve_slow head;
            char text[13];
        } slow;
        wait_message(&subject, REEVE_SLOW, &slow, sizeof slow.head + sizeof slow.text);
        CHECK(slow.head.duration_ns >= 50000000 && slow.head.text_size == sizeof slow.text);
        CHECK(memcmp(slow.text, i == 0 ? "GET /slow/one" : "GET /slow/two", 13) == 0);
    }
    close(connection);
    wait_beats(&subject, 5);
    char byte = 0;
    CHECK(recv(subject.control, &byte, 1, MSG_DONTWAIT) < 0);
    end_subject(&subject);
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
    {"access_log_epoll", NULL, test_access_log, "epoll"},
    {"access_log_threads", NULL, test_access_log, "threads"},
    {"access_log_processes", NULL, test_access_log, "processes"},
    {"access_log_descriptors", NULL, test_access_log, "descriptors"},
    {"access_log_rotated", NULL, test_access_log_rotated, "epoll"},
    {"access_log_rotated_unheard", NULL, test_access_log_rotated, "processes"},
    {"slow_epoll", NULL, test_slow, "epoll"},
    {"slow_threads", NULL, test_slow, "threads"},
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
