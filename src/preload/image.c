/* What this program image tells reeve: that it serves, its beats, that it drains, that it leaves. A
 * program that only passes by (a shell, a helper) tells nothing. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/heads.h"

#define SOCKETS_MAX           REEVE_SOCKETS_MAX
#define LOOK_NS               20000000u   /* how often a turning loop looks for a word from reeve */
#define PATIENT_NS            1000000000u /* how long a drain waits for answers to settle */
#define DESCRIPTORS_LOOKED_AT 64 /* where sockets are found that were there from the start */

struct image image;
_Thread_local int inside; /* the call comes from the library itself */

static ino_t pool_sockets[SOCKETS_MAX];
static unsigned pool_socket_count;

/* Whether this is the process that the state in memory is about. A child made by vfork is another
 * one with the same memory. */
int own_process(void) { return getpid() == image.worker->process; }

/* What a descriptor that was never seen before is. */
enum kind find_kind(int fd) {
    uint32_t entry = entry_of(fd);
    if (entry != KIND_UNKNOWN || !watching()) {
        return entry >= KINDS ? KIND_OTHER : (enum kind)entry;
    }
    int saved_errno = errno;
    struct stat status;
    int known = fstat(fd, &status) == 0;
    errno = saved_errno;
    if (!known) {
        return KIND_UNKNOWN;
    }
    entry = KIND_OTHER;
    for (unsigned i = 0; S_ISSOCK(status.st_mode) && i < pool_socket_count; i++) {
        if (pool_sockets[i] == status.st_ino) {
            entry = KIND_LISTENER;
        }
    }
    table_exchange(fd, entry);
    return (enum kind)entry;
}

/* The number may belong to another file by now, closed behind our back. */
static int heartbeat_is_ours(void) {
    struct stat status;
    return fstat(image.worker->heartbeat, &status) == 0 && status.st_ino == image.heartbeat_inode &&
           S_ISFIFO(status.st_mode);
}

void image_beat(void) {
    if (!is_armed()) {
        return;
    }
    int saved_errno = errno;
    if (heartbeat_is_ours()) {
        inside++;
        reeve_beat_now(image.worker);
        inside--;
    } else {
        atomic_store(&image.silent, 1);
    }
    errno = saved_errno;
}

static void say_state(enum reeve_state state) {
    atomic_store_explicit(&image.worker->state, (uint32_t)state, memory_order_release);
    image_beat();
}

/* This image waits for, or took, a connection of the pool: it is the program that serves. */
void arm(void) {
    int not_yet = 0;
    if (atomic_load_explicit(&image.armed, memory_order_relaxed) != 0 || !watching() ||
        !own_process() || !heartbeat_is_ours() ||
        !atomic_compare_exchange_strong(&image.armed, &not_yet, 1)) {
        return;
    }
    int saved_errno = errno;
    struct reeve_worker* worker = image.worker;
    reeve_clock_open(worker);
    worker->flags = image.forked || image.stop_signal == 0 ? 0 : REEVE_WORKER_DRAINS;
    atomic_store(&image.armed, 2);
    inside++;
    if (worker->control >= 0) {
        /* What came for those before us must not fill the channel. */
        (void)reeve_worker_control(worker, NULL);
    }
    reeve_worker_ready(worker);
    inside--;
    errno = saved_errno;
}

/* Something came on the control channel: it is looked at at the next turn, however soon. */
void look_soon(void) { atomic_store_explicit(&image.look_ns, 0, memory_order_relaxed); }

int control_to_watch(void) {
    return is_armed() && !is_draining() && image.worker->flags & REEVE_WORKER_DRAINS
               ? reeve_worker_control_fd(image.worker)
               : -1;
}

static void look_for_drain(uint64_t now) {
    uint32_t within_ms = 0;
    int saved_errno = errno;
    inside++;
    enum reeve_worker_event event = reeve_worker_control(image.worker, &within_ms);
    inside--;
    if (event == REEVE_WORKER_REOPEN) {
        heads_note_log();
        look_soon(); /* more may have come */
    }
    errno = saved_errno;
    if (event != REEVE_WORKER_DRAIN && event != REEVE_WORKER_ORPHANED) {
        return;
    }
    /* Half of the time is the program's own, once it has its signal. */
    uint64_t within = event == REEVE_WORKER_DRAIN ? (uint64_t)within_ms * 500000 : 0;
    atomic_store(&image.drain_ns, now);
    atomic_store(&image.drain_until_ns, now + within);
    if (atomic_exchange(&image.draining, 1) == 0) {
        say_state(REEVE_STATE_DRAINING);
    }
}

/* Raises the stop signal once nothing would be cut by it, or when the time is up. */
static int try_to_stop(uint64_t now) {
    if (atomic_load(&image.told_to_stop)) {
        return 0;
    }
    int patient = now < atomic_load(&image.drain_ns) + PATIENT_NS;
    if (now < atomic_load(&image.drain_until_ns) && turns_busy(patient) != 0) {
        return 0;
    }
    if (atomic_exchange(&image.told_to_stop, 1)) {
        return 0;
    }
    image_beat();
    return kill(getpid(), image.stop_signal) == 0;
}

int loop_turned(void) {
    if (!is_armed()) {
        return 0;
    }
    struct reeve_worker* worker = image.worker;
    uint64_t now = reeve_coarse_ns();
    if (now >= atomic_load_explicit(&worker->due_ns, memory_order_relaxed)) {
        image_beat();
    }
    if (!(worker->flags & REEVE_WORKER_DRAINS) ||
        now < atomic_load_explicit(&image.look_ns, memory_order_relaxed) || !own_process()) {
        return 0;
    }
    atomic_store_explicit(&image.look_ns, now + LOOK_NS, memory_order_relaxed);
    if (!is_draining()) {
        look_for_drain(now);
    }
    return is_draining() && try_to_stop(now);
}

/* A client that the program brings along beats by itself: twice would be counted twice. */
void stand_back(void) {
    if (!atomic_exchange(&image.silent, 1) && atomic_load(&image.armed) == 2) {
        atomic_store(&image.armed, 0);
    }
}

static void keep_elsewhere(int* place, int fd) {
    if (*place != fd) {
        return;
    }
    int moved = real()->fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTORS_LOOKED_AT);
    *place = moved;
    if (moved >= 0) {
        table_exchange(moved, KIND_OWN);
    }
}

void keep_own(int fd) {
    table_exchange(fd, KIND_UNKNOWN);
    keep_elsewhere(&image.worker->heartbeat, fd);
    keep_elsewhere(&image.worker->control, fd);
    int log = atomic_load(&image.worker->access.fd);
    if (log == fd) {
        keep_elsewhere(&log, fd);
        atomic_store(&image.worker->access.fd, log);
    }
}

/* A forked child is a process of its own, which beats only if it serves too. Its parent's word for
 * the worker stands; where the parent said nothing, the child may. */
static void forked(void) {
    struct reeve_worker* worker = image.worker;
    uint32_t epoch = atomic_load(&image.epoch);
    atomic_store(&image.epoch, (epoch + 1) & 0xffffff);
    image.forked = 1;
    atomic_store(&worker->orphaned, atomic_load(&worker->greeted));
    atomic_store(&worker->state, (uint32_t)REEVE_STATE_STARTING);
    worker->flags = 0;
    atomic_store(&image.armed, 0);
    atomic_store(&image.draining, 0);
    atomic_store(&image.told_to_stop, 0);
    watcher_forked();
}

static void read_sockets(void) {
    const char* text = getenv("REEVE_SOCKET_INODES");
    while (text != NULL && *text != '\0' && pool_socket_count < SOCKETS_MAX) {
        char* end = NULL;
        unsigned long long inode = strtoull(text, &end, 10);
        if (end == text || (*end != ',' && *end != '\0')) {
            return;
        }
        pool_sockets[pool_socket_count++] = (ino_t)inode;
        text = *end == ',' ? end + 1 : end;
    }
}

static int open_image(struct reeve_worker* worker) {
    struct stat status;
    worker->heartbeat = reeve_take_heartbeat(worker);
    if (worker->heartbeat < 0 || fstat(worker->heartbeat, &status) != 0) {
        return 0;
    }
    image.heartbeat_inode = status.st_ino;
    worker->control = reeve_take_control();
    reeve_take_numbers(worker);
    worker->collect = turns_collect;
    worker->reset = turns_reset;
    worker->hello_flags = REEVE_HELLO_PRELOAD | (worker->slow_ns != 0 ? REEVE_HELLO_SLOW : 0);
    reeve_access_open(worker, DESCRIPTORS_LOOKED_AT);
    atomic_store(&image.tells, worker->slow_ns != 0 || atomic_load(&worker->access.fd) >= 0);
    int64_t stop_signal = reeve_number_from("REEVE_STOP_SIGNAL", SIGRTMAX);
    image.stop_signal = stop_signal > 0 ? (int)stop_signal : 0;
    return reeve_registry_add(worker) == 0;
}

__attribute__((constructor)) static void begin(void) {
    int saved_errno = errno;
    find_real();
    read_sockets();
    struct reeve_worker* worker = pool_socket_count > 0 ? reeve_worker_new() : NULL;
    if (worker != NULL && open_image(worker)) {
        /* After reeve_registry_add, so that the worker is the child's own by then. */
        pthread_atfork(NULL, NULL, forked);
        image.worker = worker;
        for (int fd = 0; fd < DESCRIPTORS_LOOKED_AT; fd++) {
            if (find_kind(fd) == KIND_OTHER) {
                table_exchange(fd, KIND_UNKNOWN);
            }
        }
        table_exchange(worker->heartbeat, KIND_OWN);
        if (worker->control >= 0) {
            table_exchange(worker->control, KIND_OWN);
        }
        heads_note_log();
    }
    errno = saved_errno;
}

/* Also before an exec, of which `armed` and `state` are told again where it fails. */
void say_leaving(void) {
    if (is_armed() && own_process()) {
        atomic_store(&image.leaving, 1);
        say_state(REEVE_STATE_STOPPING);
    }
}

void say_staying(void) {
    if (is_armed() && own_process()) {
        atomic_store(&image.leaving, 0);
        say_state(is_draining() ? REEVE_STATE_DRAINING : REEVE_STATE_SERVING);
    }
}

__attribute__((destructor)) static void end(void) {
    say_leaving();
    atomic_store(&image.silent, 1);
}
