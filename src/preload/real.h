/* The functions that the library takes the place of, as found behind it. */
#ifndef REEVE_PRELOAD_REAL_H
#define REEVE_PRELOAD_REAL_H

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

/* clang-format off */
#define REAL_FUNCTIONS(X)                                                                         \
    X(int, accept, (int, struct sockaddr*, socklen_t*))                                           \
    X(int, accept4, (int, struct sockaddr*, socklen_t*, int))                                     \
    X(int, epoll_ctl, (int, int, int, struct epoll_event*))                                       \
    X(int, epoll_wait, (int, struct epoll_event*, int, int))                                      \
    X(int, epoll_pwait, (int, struct epoll_event*, int, int, const sigset_t*))                    \
    X(int, epoll_pwait2,                                                                          \
      (int, struct epoll_event*, int, const struct timespec*, const sigset_t*))                   \
    X(int, poll, (struct pollfd*, nfds_t, int))                                                   \
    X(int, ppoll, (struct pollfd*, nfds_t, const struct timespec*, const sigset_t*))              \
    X(int, select, (int, fd_set*, fd_set*, fd_set*, struct timeval*))                             \
    X(int, pselect,                                                                               \
      (int, fd_set*, fd_set*, fd_set*, const struct timespec*, const sigset_t*))                  \
    X(ssize_t, read, (int, void*, size_t))                                                        \
    X(ssize_t, readv, (int, const struct iovec*, int))                                            \
    X(ssize_t, recv, (int, void*, size_t, int))                                                   \
    X(ssize_t, recvfrom, (int, void*, size_t, int, struct sockaddr*, socklen_t*))                 \
    X(ssize_t, recvmsg, (int, struct msghdr*, int))                                               \
    X(ssize_t, write, (int, const void*, size_t))                                                 \
    X(ssize_t, writev, (int, const struct iovec*, int))                                           \
    X(ssize_t, send, (int, const void*, size_t, int))                                             \
    X(ssize_t, sendto, (int, const void*, size_t, int, const struct sockaddr*, socklen_t))        \
    X(ssize_t, sendmsg, (int, const struct msghdr*, int))                                         \
    X(ssize_t, sendfile, (int, int, off_t*, size_t))                                              \
    X(ssize_t, sendfile64, (int, int, off_t*, size_t))                                            \
    X(ssize_t, splice, (int, off_t*, int, off_t*, size_t, unsigned))                              \
    X(ssize_t, __read_chk, (int, void*, size_t, size_t))                                          \
    X(ssize_t, __recv_chk, (int, void*, size_t, size_t, int))                                     \
    X(ssize_t, __recvfrom_chk,                                                                    \
      (int, void*, size_t, size_t, int, struct sockaddr*, socklen_t*))                            \
    X(int, __poll_chk, (struct pollfd*, nfds_t, int, size_t))                                     \
    X(int, __ppoll_chk,                                                                           \
      (struct pollfd*, nfds_t, const struct timespec*, const sigset_t*, size_t))                  \
    X(int, close, (int))                                                                          \
    X(int, fclose, (FILE*))                                                                       \
    X(int, close_range, (unsigned, unsigned, int))                                                \
    X(void, closefrom, (int))                                                                     \
    X(int, dup, (int))                                                                            \
    X(int, dup2, (int, int))                                                                      \
    X(int, dup3, (int, int, int))                                                                 \
    X(int, fcntl, (int, int, ...))                                                                \
    X(int, fcntl64, (int, int, ...))                                                              \
    X(int, shutdown, (int, int))                                                                  \
    X(long, syscall, (long, ...))                                                                 \
    X(void, _exit, (int))                                                                         \
    X(int, execve, (const char*, char* const*, char* const*))                                     \
    X(int, execvp, (const char*, char* const*))                                                   \
    X(int, execvpe, (const char*, char* const*, char* const*))                                    \
    X(int, fexecve, (int, char* const*, char* const*))                                            \
    X(int, execveat, (int, const char*, char* const*, char* const*, int))
/* clang-format on */

struct real {
#define DECLARE_REAL(type, name, parameters) type(*name) parameters;
    REAL_FUNCTIONS(DECLARE_REAL)
#undef DECLARE_REAL
};
extern struct real found_real __attribute__((visibility("hidden")));
extern int real_is_found __attribute__((visibility("hidden")));
void find_real(void);

/* Other libraries may call before our constructor ran. */
static inline struct real* real(void) {
    if (__builtin_expect(!real_is_found, 0)) {
        find_real();
    }
    return &found_real;
}

#endif
