/* What happens to an open worker in a child made by fork: it becomes a process of its own, with
 * counters of zero. */
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include "internal.h"

static _Atomic(struct reeve_worker*) registry[WORKERS_MAX];

/* Names a program image: reeve tells by it that the same pid became another program, or a child its
 * parent's copy. */
uint32_t reeve_new_image(void) {
    uint32_t image = 0;
    if (getrandom(&image, sizeof image, GRND_NONBLOCK) != (ssize_t)sizeof image) {
        image = (uint32_t)(reeve_monotonic_ns() * 2654435761u) ^ ((uint32_t)getpid() << 16);
    }
    return image != 0 ? image : 1;
}

/* Runs in the child before fork() returns, when it has one thread. The control channel stays the
 * parent's. */
static void become_own_process(void) {
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct reeve_worker* worker = atomic_load(&registry[i]);
        if (worker == NULL) {
            continue;
        }
        worker->process = getpid();
        worker->image = reeve_new_image();
        worker->sequence = 0;
        atomic_store(&worker->orphaned, 1);
        atomic_flag_clear(&worker->beating);
        atomic_store(&worker->due_ns, 0);
        worker->reset(worker);
    }
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, become_own_process); }

int reeve_registry_add(struct reeve_worker* worker) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct reeve_worker* none = NULL;
        if (atomic_compare_exchange_strong(&registry[i], &none, worker)) {
            return 0;
        }
    }
    return -1;
}

void reeve_registry_remove(struct reeve_worker* worker) {
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct reeve_worker* same = worker;
        if (atomic_compare_exchange_strong(&registry[i], &same, NULL)) {
            return;
        }
    }
}
