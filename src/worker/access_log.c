/* The access log: a line for each request, as httpd and nginx write it or as JSON, written with one
 * write(2) so that the lines of several workers never mix. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/* What each part of a line may take at most, escaped: together less than a line. */
#define REMOTE_MAX     64u
#define METHOD_MAX     32u
#define TARGET_MAX     1900u
#define PROTOCOL_MAX   16u
#define REFERER_MAX    800u
#define USER_AGENT_MAX 800u
#define SECONDS_A_DAY  86400

/* A line as far as it is written. */
struct line {
    char* bytes;
    size_t size;
    int json;
};

static const char digits[] = "0123456789abcdef";

static void put(struct line* line, const char* text) {
    size_t size = strlen(text);
    memcpy(line->bytes + line->size, text, size);
    line->size += size;
}

/* At least so many digits. */
static void put_number(struct line* line, uint64_t number, unsigned width) {
    char reversed[20];
    unsigned size = 0;
    do {
        reversed[size++] = digits[number % 10];
        number /= 10;
    } while (number != 0 || size < width);
    while (size > 0) {
        line->bytes[line->size++] = reversed[--size];
    }
}

/* One byte as the line's form has it; how long that is. */
static size_t escape(int json, unsigned char byte, char* escaped) {
    if (byte == '"' || byte == '\\') {
        escaped[0] = '\\';
        escaped[1] = (char)byte;
        return 2;
    }
    if (byte >= 0x20 && byte < 0x7f) {
        escaped[0] = (char)byte;
        return 1;
    }
    memcpy(escaped, json ? "\\u00" : "\\x", json ? 4 : 2);
    size_t size = json ? 4 : 2;
    escaped[size] = digits[byte >> 4];
    escaped[size + 1] = digits[byte & 15];
    return size + 2;
}

static void put_escaped(struct line* line, struct reeve_text text, size_t most) {
    size_t end = line->size + most;
    for (size_t i = 0; i < text.size; i++) {
        char escaped[6];
        size_t size = escape(line->json, (unsigned char)text.bytes[i], escaped);
        if (line->size + size > end) {
            return;
        }
        memcpy(line->bytes + line->size, escaped, size);
        line->size += size;
    }
}

static void put_or_dash(struct line* line, struct reeve_text text, size_t most) {
    if (text.size == 0) {
        put(line, "-");
    } else {
        put_escaped(line, text, most);
    }
}

/* A day of the Gregorian calendar. */
struct date {
    uint64_t year;
    unsigned month; /* 1..12 */
    unsigned day;
};

/* Without the C library, whose ways to a date take locks. Counted in eras of 400 years from the
 * first of March of the year 0. */
static struct date date_of(uint64_t days) {
    days += 719468;
    uint64_t era = days / 146097;
    unsigned day = (unsigned)(days % 146097);
    unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    unsigned month = (5 * day + 2) / 153;
    struct date date = {era * 400 + year + (month >= 10), month < 10 ? month + 3 : month - 9,
                        day - (153 * month + 2) / 5 + 1};
    return date;
}

static void put_clock(struct line* line, uint64_t second_of_day) {
    put_number(line, second_of_day / 3600, 2);
    put(line, ":");
    put_number(line, second_of_day / 60 % 60, 2);
    put(line, ":");
    put_number(line, second_of_day % 60, 2);
}

static void put_combined(struct line* line, const struct access_entry* entry, uint64_t wall_ns) {
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint64_t seconds = wall_ns / 1000000000;
    struct date date = date_of(seconds / SECONDS_A_DAY);
    put_or_dash(line, entry->remote, REMOTE_MAX);
    put(line, " - - [");
    put_number(line, date.day, 2);
    put(line, "/");
    put(line, months[date.month - 1]);
    put(line, "/");
    put_number(line, date.year, 4);
    put(line, ":");
    put_clock(line, seconds % SECONDS_A_DAY);
    put(line, " +0000] \"");
    put_or_dash(line, entry->method, METHOD_MAX);
    put(line, " ");
    put_or_dash(line, entry->target, TARGET_MAX);
    if (entry->protocol.size != 0) {
        put(line, " ");
        put_escaped(line, entry->protocol, PROTOCOL_MAX);
    }
    put(line, "\" ");
    put_number(line, entry->status, 3);
    put(line, " ");
    put_number(line, entry->bytes, 1);
    put(line, " \"");
    put_or_dash(line, entry->referer, REFERER_MAX);
    put(line, "\" \"");
    put_or_dash(line, entry->user_agent, USER_AGENT_MAX);
    put(line, "\"\n");
}

static void put_field(struct line* line, const char* name, struct reeve_text text, size_t most) {
    put(line, name);
    if (text.size == 0) {
        put(line, "null");
        return;
    }
    put(line, "\"");
    put_escaped(line, text, most);
    put(line, "\"");
}

static void put_json(struct line* line, const struct access_log* log,
                     const struct access_entry* entry, uint64_t wall_ns) {
    uint64_t seconds = wall_ns / 1000000000;
    uint64_t micros = entry->duration_ns / 1000;
    struct date date = date_of(seconds / SECONDS_A_DAY);
    put(line, "{\"time\":\"");
    put_number(line, date.year, 4);
    put(line, "-");
    put_number(line, date.month, 2);
    put(line, "-");
    put_number(line, date.day, 2);
    put(line, "T");
    put_clock(line, seconds % SECONDS_A_DAY);
    put(line, ".");
    put_number(line, wall_ns / 1000000 % 1000, 3);
    put_field(line, "Z\",\"remote\":", entry->remote, REMOTE_MAX);
    put_field(line, ",\"method\":", entry->method, METHOD_MAX);
    put_field(line, ",\"target\":", entry->target, TARGET_MAX);
    put_field(line, ",\"protocol\":", entry->protocol, PROTOCOL_MAX);
    put(line, ",\"status\":");
    put_number(line, entry->status, 1);
    put(line, ",\"bytes\":");
    put_number(line, entry->bytes, 1);
    put(line, ",\"seconds\":");
    put_number(line, micros / 1000000, 1);
    put(line, ".");
    put_number(line, micros % 1000000, 6);
    put_field(line, ",\"referer\":", entry->referer, REFERER_MAX);
    put_field(line, ",\"user_agent\":", entry->user_agent, USER_AGENT_MAX);
    put(line, ",\"pid\":");
    put_number(line, (uint64_t)getpid(), 1);
    put_field(line, ",\"pool\":", (struct reeve_text){log->pool, strlen(log->pool)}, REMOTE_MAX);
    put(line, ",\"slot\":");
    put_number(line, log->slot, 1);
    put(line, "}\n");
}

/* `line` has ACCESS_LINE_MAX bytes. */
size_t reeve_access_format(const struct access_log* log, const struct access_entry* entry,
                           uint64_t wall_ns, char* bytes) {
    struct line line = {bytes, 0, log->json};
    if (log->json) {
        put_json(&line, log, entry, wall_ns);
    } else {
        put_combined(&line, entry, wall_ns);
    }
    return line.size;
}

static int open_file(const char* path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

/* A program may close what it does not know: then the number is another file's by now. */
static int is_ours(const struct access_log* log, int fd) {
    struct stat status;
    return fd >= 0 && fstat(fd, &status) == 0 &&
           status.st_ino == atomic_load_explicit(&log->inode, memory_order_relaxed);
}

/* Takes the file over, under a number that the program does not count on. */
static void use(struct access_log* log, int fd) {
    struct stat status;
    if (fd >= 0 && fd < log->lowest) {
        int low = fd;
        fd = fcntl(low, F_DUPFD_CLOEXEC, log->lowest);
        close(low);
    }
    if (fd >= 0 && fstat(fd, &status) == 0) {
        atomic_store_explicit(&log->inode, status.st_ino, memory_order_relaxed);
    }
    atomic_store_explicit(&log->fd, fd, memory_order_release);
}

void reeve_access_reopen(struct reeve_worker* worker) {
    struct access_log* log = &worker->access;
    if (log->path[0] != '/') {
        return;
    }
    int saved_errno = errno;
    int fd = atomic_load_explicit(&log->fd, memory_order_acquire);
    int fresh = open_file(log->path);
    struct stat status;
    if (fresh < 0 && !is_ours(log, fd)) {
        atomic_store(&log->fd, -1);
    } else if (fresh >= 0 && !is_ours(log, fd)) {
        use(log, fresh);
    } else if (fresh >= 0 && fstat(fresh, &status) == 0) {
        /* Keeps the number, so that a thread that is about to write finds the one or the other. */
        (void)dup3(fresh, fd, O_CLOEXEC);
        atomic_store_explicit(&log->inode, status.st_ino, memory_order_relaxed);
        close(fresh);
    }
    errno = saved_errno;
}

void reeve_access_write(struct reeve_worker* worker, const struct access_entry* entry) {
    struct access_log* log = &worker->access;
    int fd = atomic_load_explicit(&log->fd, memory_order_acquire);
    if (fd < 0) {
        return;
    }
    int saved_errno = errno;
    if (!is_ours(log, fd)) {
        atomic_store(&log->fd, -1);
        reeve_access_reopen(worker);
        fd = atomic_load(&log->fd);
    }
    char line[ACCESS_LINE_MAX];
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME_COARSE, &wall);
    uint64_t wall_ns = (uint64_t)wall.tv_sec * 1000000000 + (uint64_t)wall.tv_nsec;
    size_t size = reeve_access_format(log, entry, wall_ns, line);
    /* Whole or not at all: a full disk costs lines, not the service. */
    while (fd >= 0 && write(fd, line, size) < 0 && errno == EINTR) {
    }
    errno = saved_errno;
}

/* 0: it does not fit, or there is none. What is in the environment the program may overwrite. */
static int copy_variable(const char* name, char* copy, size_t room) {
    const char* value = getenv(name);
    size_t size = value != NULL ? strlen(value) : 0;
    if (size == 0 || size >= room) {
        return 0;
    }
    memcpy(copy, value, size + 1);
    return 1;
}

void reeve_access_open(struct reeve_worker* worker, int lowest) {
    struct access_log* log = &worker->access;
    const char* format = getenv("REEVE_ACCESS_LOG_FORMAT");
    atomic_store(&log->fd, -1);
    if (!copy_variable("REEVE_ACCESS_LOG", log->path, sizeof log->path)) {
        return;
    }
    int64_t slot = reeve_number_from("REEVE_SLOT", UINT32_MAX);
    log->json = format != NULL && strcmp(format, "json") == 0;
    log->slot = slot > 0 ? (uint32_t)slot : 0;
    (void)copy_variable("REEVE_POOL", log->pool, sizeof log->pool);
    log->lowest = lowest;
    if (strcmp(log->path, "-") == 0) {
        /* A copy: whatever the program makes of its stdout, lines go where it was. */
        log->path[0] = '\0';
        use(log, fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, lowest));
    } else if (log->path[0] == '/') {
        use(log, open_file(log->path));
    }
}

void reeve_access_close(struct reeve_worker* worker) {
    int fd = atomic_exchange(&worker->access.fd, -1);
    if (is_ours(&worker->access, fd)) {
        close(fd);
    }
}
