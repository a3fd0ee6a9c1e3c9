/* Heads of requests and answers as the turns of connections see them go by. */
#ifndef REEVE_PRELOAD_HEADS_H
#define REEVE_PRELOAD_HEADS_H

#include <arpa/inet.h>
#include <sys/uio.h>

#include "preload/internal.h"

#define HEAD_MAX 2048u /* bytes that are kept of a request */

/* What was seen of one turn. */
struct head_copy {
    uint32_t size; /* 0: nothing that could be HTTP */
    int told;
    unsigned status;
    uint64_t body;
    uint64_t remote[3];
    char bytes[HEAD_MAX];
};

static inline int heads_wanted(void) {
    return atomic_load_explicit(&image.tells, memory_order_relaxed);
}

void heads_note_log(void); /* the log was opened, or opened anew */

/* A connection came, a request began with these bytes, more of it came, an answer went out. */
void head_accepted(uint32_t entry, const struct sockaddr_storage* peer);
void head_began(uint32_t entry, const struct iovec* parts, size_t count, size_t size);
void head_read(uint32_t entry, const struct iovec* parts, size_t count, size_t size);
void head_wrote(uint32_t entry, const struct iovec* parts, size_t count, size_t size);

/* Before the turn is moved on: afterwards the connection may be at its next one. */
void head_copy(uint32_t entry, struct head_copy* copy);

void head_tell_slow(uint32_t entry, const struct head_copy* copy, uint64_t ns);
void head_log(const struct head_copy* copy, uint64_t ns);

#endif
