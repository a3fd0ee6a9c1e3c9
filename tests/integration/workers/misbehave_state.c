/* What a worker finds when it starts, as JSON: descriptors, signals, ids, limits, environment. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "misbehave.h"

extern char** environ;

static const struct {
    const char* name;
    __rlimit_resource_t resource;
} limits[] = {{"as", RLIMIT_AS},         {"core", RLIMIT_CORE},   {"cpu", RLIMIT_CPU},
              {"data", RLIMIT_DATA},     {"fsize", RLIMIT_FSIZE}, {"memlock", RLIMIT_MEMLOCK},
              {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"rtprio", RLIMIT_RTPRIO},
              {"stack", RLIMIT_STACK}};

static void put_string(FILE* out, const char* text) {
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') {
            fprintf(out, "\\%c", byte);
        } else if (byte < 0x20 || byte >= 0x7f) {
            fprintf(out, "\\u%04x", byte);
        } else {
            fputc(byte, out);
        }
    }
    fputc('"', out);
}

static void put_descriptors(FILE* out) {
    DIR* directory = opendir("/proc/self/fd");
    const char* comma = "";
    fputs("\"fds\": {", out);
    for (struct dirent* entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char path[64];
        char target[512] = "";
        int fd = atoi(entry->d_name);
        if (!isdigit((unsigned char)entry->d_name[0]) || fd == dirfd(directory) ||
            fd == fileno(out)) {
            continue;
        }
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        fprintf(out, "%s\"%d\": {\"target\": ", comma, fd);
        put_string(out, target);
        fprintf(out, ", \"cloexec\": %s, \"flags\": %d}",
                fcntl(fd, F_GETFD) & FD_CLOEXEC ? "true" : "false", fcntl(fd, F_GETFL));
        comma = ", ";
    }
    fputs("},\n", out);
    if (directory != NULL) {
        closedir(directory);
    }
}

/* Lines of /proc/self/status, each as a string under its own name. */
static void put_status(FILE* out) {
    char line[1024];
    const char* comma = "";
    FILE* status = fopen("/proc/self/status", "re");
    fputs("\"status\": {", out);
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        char* value = strchr(line, ':');
        if (value == NULL) {
            continue;
        }
        *value++ = '\0';
        value += strspn(value, " \t");
        value[strcspn(value, "\n")] = '\0';
        fputs(comma, out);
        put_string(out, line);
        fputs(": ", out);
        put_string(out, value);
        comma = ", ";
    }
    fputs("},\n", out);
    if (status != NULL) {
        fclose(status);
    }
}

static void put_limit(FILE* out, rlim_t value) {
    if (value == RLIM_INFINITY) {
        fputs("\"unlimited\"", out);
    } else {
        fprintf(out, "%llu", (unsigned long long)value);
    }
}

static void put_limits(FILE* out) {
    fputs("\"rlimits\": {", out);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit limit = {0, 0};
        getrlimit(limits[i].resource, &limit);
        fprintf(out, "%s\"%s\": [", i > 0 ? ", " : "", limits[i].name);
        put_limit(out, limit.rlim_cur);
        fputs(", ", out);
        put_limit(out, limit.rlim_max);
        fputs("]", out);
    }
    fputs("},\n", out);
}

static void put_ids(FILE* out) {
    gid_t groups[256];
    int count = getgroups(256, groups);
    mode_t mask = umask(0);
    int parent_death_signal = 0;
    umask(mask);
    prctl(PR_GET_PDEATHSIG, &parent_death_signal);
    fprintf(out,
            "\"pid\": %d, \"ppid\": %d, \"pgid\": %d, \"sid\": %d, \"uid\": [%u, %u], "
            "\"gid\": [%u, %u], \"umask\": %u, \"nice\": %d, \"pdeathsig\": %d,\n\"groups\": [",
            (int)getpid(), (int)getppid(), (int)getpgrp(), (int)getsid(0), getuid(), geteuid(),
            getgid(), getegid(), mask, getpriority(PRIO_PROCESS, 0), parent_death_signal);
    for (int i = 0; i < count; i++) {
        fprintf(out, "%s%u", i > 0 ? ", " : "", groups[i]);
    }
    fputs("],\n", out);
}

static void put_affinity(FILE* out) {
    cpu_set_t set;
    const char* comma = "";
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    fputs("\"affinity\": [", out);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            fprintf(out, "%s%zu", comma, cpu);
            comma = ", ";
        }
    }
    fputs("],\n", out);
}

static void put_environment(FILE* out) {
    const char* comma = "";
    fputs("\"env\": {", out);
    for (char** each = environ; *each != NULL; each++) {
        char* value = strchr(*each, '=');
        char name[256];
        if (value == NULL) {
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)(value - *each), *each);
        fputs(comma, out);
        put_string(out, name);
        fputs(": ", out);
        put_string(out, value + 1);
        comma = ", ";
    }
    fputs("},\n", out);
}

void print_state(const char* path) {
    char draft[4096];
    char directory[4096] = "";
    snprintf(draft, sizeof draft, "%s.%d", path, (int)getpid());
    FILE* out = fopen(draft, "we");
    if (out == NULL) {
        perror(draft);
        exit(1);
    }
    fputs("{", out);
    put_descriptors(out);
    put_ids(out);
    put_affinity(out);
    put_limits(out);
    put_status(out);
    put_environment(out);
    fputs("\"cwd\": ", out);
    put_string(out, getcwd(directory, sizeof directory) != NULL ? directory : "");
    fputs("}\n", out);
    fclose(out);
    rename(draft, path);
}
