/* The descriptors and connections of this process. Memory comes in pages from the kernel and is
 * never given back, so that a thread that is late looks at a connection of somebody else's at
 * worst. */
#include <sys/mman.h>

#include "preload/internal.h"

#define CHUNK_SIZE 1024u
#define CHUNKS     1024u

_Atomic(entry_t*) reeve_leaves[LEAVES];
static _Atomic(struct connection*) chunks[CHUNKS];
static _Atomic uint32_t used; /* connections ever taken: none is at or above it */
static _Atomic uint64_t
    free_first; /* index plus one of the first free one; above, a change count */

static void* new_pages(size_t size) {
    void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

static entry_t* leaf_for(int fd) {
    _Atomic(entry_t*)* place = &reeve_leaves[(unsigned)fd >> LEAF_BITS];
    entry_t* leaf = atomic_load_explicit(place, memory_order_acquire);
    if (leaf != NULL) {
        return leaf;
    }
    entry_t* fresh = new_pages(LEAF_SIZE * sizeof(entry_t));
    if (fresh == NULL) {
        return NULL;
    }
    if (atomic_compare_exchange_strong(place, &leaf, fresh)) {
        return fresh;
    }
    munmap((void*)fresh, LEAF_SIZE * sizeof(entry_t));
    return leaf;
}

/* Makes `fd` what `entry` says; what it was before. A descriptor beyond the table stays unknown. */
uint32_t table_exchange(int fd, uint32_t entry) {
    if ((unsigned)fd >= LEAVES * LEAF_SIZE) {
        return KIND_UNKNOWN;
    }
    entry_t* leaf = leaf_for(fd);
    return leaf == NULL ? KIND_UNKNOWN
                        : atomic_exchange(&leaf[(unsigned)fd & (LEAF_SIZE - 1)], entry);
}

struct connection* connection_at(uint32_t entry) {
    uint32_t index = entry - KINDS;
    struct connection* chunk =
        atomic_load_explicit(&chunks[index / CHUNK_SIZE], memory_order_acquire);
    return &chunk[index % CHUNK_SIZE];
}

uint32_t connections_used(void) { return atomic_load_explicit(&used, memory_order_acquire); }

static uint32_t take_free(void) {
    uint64_t first = atomic_load(&free_first);
    while ((uint32_t)first != 0) {
        uint32_t entry = (uint32_t)first - 1 + KINDS;
        uint64_t next =
            atomic_load_explicit(&connection_at(entry)->next_free, memory_order_relaxed);
        uint64_t changed = ((first >> 32) + 1) << 32 | next;
        if (atomic_compare_exchange_weak(&free_first, &first, changed)) {
            return entry;
        }
    }
    return KIND_UNKNOWN;
}

static uint32_t take_unused(void) {
    uint32_t index = atomic_load(&used);
    do {
        if (index >= CHUNK_SIZE * CHUNKS) {
            return KIND_UNKNOWN;
        }
        _Atomic(struct connection*)* place = &chunks[index / CHUNK_SIZE];
        if (atomic_load(place) == NULL) {
            struct connection* none = NULL;
            struct connection* fresh = new_pages(CHUNK_SIZE * sizeof *fresh);
            if (fresh == NULL) {
                return KIND_UNKNOWN;
            }
            if (!atomic_compare_exchange_strong(place, &none, fresh)) {
                munmap((void*)fresh, CHUNK_SIZE * sizeof *fresh);
            }
        }
    } while (!atomic_compare_exchange_weak(&used, &index, index + 1));
    return index + KINDS;
}

/* A connection with one descriptor, accepted just now; KIND_UNKNOWN when there is no room. */
uint32_t connection_new(uint64_t ticks) {
    uint32_t entry = take_free();
    if (entry == KIND_UNKNOWN) {
        entry = take_unused();
    }
    if (entry == KIND_UNKNOWN) {
        return KIND_UNKNOWN;
    }
    struct connection* connection = connection_at(entry);
    atomic_store_explicit(&connection->start, ticks, memory_order_relaxed);
    atomic_store_explicit(&connection->last, ticks, memory_order_relaxed);
    atomic_store_explicit(&connection->descriptors, 1, memory_order_relaxed);
    uint32_t epoch = atomic_load_explicit(&image.epoch, memory_order_relaxed);
    atomic_store_explicit(&connection->state, epoch << 8 | PHASE_FRESH, memory_order_release);
    return entry;
}

/* The last descriptor is gone. */
void connection_release(uint32_t entry) {
    struct connection* connection = connection_at(entry);
    atomic_store_explicit(&connection->state, PHASE_FREE, memory_order_relaxed);
    uint64_t first = atomic_load(&free_first);
    uint64_t changed = 0;
    do {
        atomic_store_explicit(&connection->next_free, (uint32_t)first, memory_order_relaxed);
        changed = ((first >> 32) + 1) << 32 | (entry - KINDS + 1);
    } while (!atomic_compare_exchange_weak(&free_first, &first, changed));
}
