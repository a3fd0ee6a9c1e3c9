/* What a request of the example worker asks for, and what is told of it: access log, slowness. */
#ifndef EXAMPLES_HTTP_ACCESS_H
#define EXAMPLES_HTTP_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include <reeve/worker.h>

struct asked {
    int64_t begun_ns;
    int told_slow;
    char method[16];
    char target[256];
    char protocol[16];
    char referer[128];
    char user_agent[128];
};

int64_t now_ns(void);

/* The value of a header, up to `size` bytes, or "" where it is absent. */
void find_header(const char* head, const char* name, char* value, size_t size);

/* Takes what is of interest from a head that came just now; 0 when it is none. */
int read_head(const char* head, struct asked* asked);

/* Tells reeve of a request that takes too long, once. */
void tell_slow(struct reeve_worker* worker, struct reeve_request request, struct asked* asked);

/* Writes the line of a request that was answered on the connection `fd`. */
void log_access(struct reeve_worker* worker, int fd, const struct asked* asked, unsigned status,
                size_t body_size);

#endif
