/* Request heads of the example worker, and what it tells of them. */
#include "http_access.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void find_header(const char* head, const char* name, char* value, size_t size) {
    size_t length = strlen(name);
    *value = '\0';
    for (const char* line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " \t");
            snprintf(value, size, "%.*s", (int)strcspn(line, "\r\n"), line);
            return;
        }
    }
}

int read_head(const char* head, struct asked* asked) {
    memset(asked, 0, sizeof *asked);
    asked->begun_ns = now_ns();
    int words = sscanf(head, "%15s %255s %15s", asked->method, asked->target, asked->protocol);
    find_header(head, "Referer", asked->referer, sizeof asked->referer);
    find_header(head, "User-Agent", asked->user_agent, sizeof asked->user_agent);
    return words == 3 && strncmp(asked->protocol, "HTTP/1.", 7) == 0;
}

void tell_slow(struct reeve_worker* worker, struct reeve_request request, struct asked* asked) {
    if (!asked->told_slow) {
        asked->told_slow = reeve_worker_slow(worker, request, asked->method, asked->target);
    }
}

/* The client's address, where it has one. */
static const char* find_remote(int fd, char* text, size_t size) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    if (getpeername(fd, (struct sockaddr*)&peer, &length) != 0 || peer.ss_family == AF_UNIX) {
        return NULL;
    }
    const void* address = peer.ss_family == AF_INET6
                              ? (const void*)&((struct sockaddr_in6*)&peer)->sin6_addr
                              : (const void*)&((struct sockaddr_in*)&peer)->sin_addr;
    return inet_ntop(peer.ss_family, address, text, (socklen_t)size);
}

void log_access(struct reeve_worker* worker, int fd, const struct asked* asked, unsigned status,
                size_t body_size) {
    char remote[INET6_ADDRSTRLEN];
    struct reeve_access access = {.remote = find_remote(fd, remote, sizeof remote),
                                  .method = asked->method,
                                  .target = asked->target,
                                  .protocol = asked->protocol,
                                  .referer = asked->referer,
                                  .user_agent = asked->user_agent,
                                  .status = status,
                                  .bytes = body_size,
                                  .duration_ns = (uint64_t)(now_ns() - asked->begun_ns)};
    reeve_worker_log_access(worker, &access);
}
