/* The yardstick: fork and exec with nothing around them.
 *
 *     raw-spawn [--resident-kib N] [--listen-fd N] -- PROGRAM [ARGUMENT...]
 *
 * Reads one command a line and answers with one line; times are CLOCK_MONOTONIC in nanoseconds:
 *
 *     spawn       fork, exec; answers "PID BEFORE"
 *     replace PID kills that child, waits for it, forks and execs another, as the leanest of all
 *                 supervisors would; answers "NEW_PID BEFORE_THE_KILL"
 *     loop N      N times fork and exec without waiting; answers "N BEFORE"
 *     end         kills and reaps all children; answers "0 NOW"
 *
 * It ends with its children at end of file. --resident-kib makes it as large as the supervisor that
 * it is compared to, since the cost of a fork grows with what has to be copied. --listen-fd passes
 * that socket on as descriptor 3 in the manner of LISTEN_FDS: a worker started by hand.
 */
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN_MAX 10000

static pid_t children[CHILDREN_MAX];
static int child_count;
static int listen_fd = -1;
static char** command;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static void pass_socket(void) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (dup2(listen_fd, 3) != 3 || setenv("LISTEN_PID", pid, 1) != 0 ||
        setenv("LISTEN_FDS", "1", 1) != 0) {
        _exit(126);
    }
}

static pid_t start(void) {
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (listen_fd >= 0) {
            pass_socket();
        }
        execv(command[0], command);
        _exit(127);
    }
    if (child < 0 || child_count == CHILDREN_MAX) {
        fail("fork");
    }
    children[child_count++] = child;
    return child;
}

static void answer(long what, uint64_t when) {
    printf("%ld %llu\n", what, (unsigned long long)when);
    fflush(stdout);
}

static void replace(pid_t child) {
    for (int i = 0; i < child_count; i++) {
        if (children[i] == child) {
            children[i] = children[--child_count];
            uint64_t before = now_ns();
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            answer(start(), before);
            return;
        }
    }
    fputs("raw-spawn: no such child\n", stderr);
    exit(2);
}

static void end_all(void) {
    for (int i = 0; i < child_count; i++) {
        kill(children[i], SIGKILL);
    }
    while (child_count > 0) {
        waitpid(children[--child_count], NULL, 0);
    }
}

static void obey(const char* line) {
    uint64_t before = now_ns();
    if (strcmp(line, "spawn\n") == 0) {
        answer(start(), before);
    } else if (strncmp(line, "replace ", 8) == 0) {
        replace((pid_t)strtol(line + 8, NULL, 10));
    } else if (strncmp(line, "loop ", 5) == 0) {
        long count = strtol(line + 5, NULL, 10);
        for (long i = 0; i < count; i++) {
            start();
        }
        answer(count, before);
    } else if (strcmp(line, "end\n") == 0) {
        end_all();
        answer(0, now_ns());
    } else {
        fprintf(stderr, "raw-spawn: what is: %s", line);
        exit(2);
    }
}

static void grow(size_t kib) {
    void* memory = kib == 0 ? NULL
                            : mmap(NULL, kib * 1024, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fail("mmap");
    }
    if (kib != 0) {
        madvise(memory, kib * 1024, MADV_NOHUGEPAGE);
        memset(memory, 1, kib * 1024);
    }
}

int main(int argc, char** argv) {
    static const struct option known[] = {
        {"resident-kib", 1, NULL, 'r'}, {"listen-fd", 1, NULL, 'l'}, {0}};
    char line[64];
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
            case 'r': grow((size_t)strtoul(optarg, NULL, 10)); break;
            case 'l': listen_fd = (int)strtol(optarg, NULL, 10); break;
            default: return 2;
        }
    }
    if (optind == argc) {
        fputs("usage: raw-spawn [--resident-kib N] [--listen-fd N] -- PROGRAM...\n", stderr);
        return 2;
    }
    command = argv + optind;
    while (fgets(line, sizeof line, stdin) != NULL) {
        obey(line);
    }
    end_all();
    return 0;
}
