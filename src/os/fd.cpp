// Calls on descriptors, with EINTR handled.
#include "os/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace reeve::os {

void Fd::reset(int fd) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0 && old != fd) {
        const int saved = errno;
        ::close(old);  // after EINTR the descriptor is gone on Linux: never repeat
        errno = saved;
    }
}

Result<std::size_t> read_some(int fd, std::span<std::byte> into) noexcept {
    for (;;) {
        const ssize_t count = ::read(fd, into.data(), into.size());
        if (count >= 0) {
            return static_cast<std::size_t>(count);
        }
        if (errno != EINTR) {
            return last_error();
        }
    }
}

Result<std::size_t> write_some(int fd, std::span<const std::byte> bytes) noexcept {
    for (;;) {
        const ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count >= 0) {
            return static_cast<std::size_t>(count);
        }
        if (errno != EINTR) {
            return last_error();
        }
    }
}

Result<Pipe> make_pipe(int flags) noexcept {
    int ends[2];
    if (::pipe2(ends, flags | O_CLOEXEC) != 0) {
        return last_error();
    }
    return Pipe{Fd{ends[0]}, Fd{ends[1]}};
}

Result<void> set_nonblocking(int fd, bool on) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) {
        return last_error();
    }
    if (::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) != 0) {
        return last_error();
    }
    return {};
}

bool is_nonblocking(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

Result<Fd> duplicate(int fd, int lowest) noexcept {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, lowest);
    if (copy < 0) {
        return last_error();
    }
    return Fd{copy};
}

}  // namespace reeve::os
