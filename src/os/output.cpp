// The four ways of writing without blocking.
#include "os/output.hpp"

#include <array>
#include <cstdio>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <span>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace reeve::os {
namespace {

Fd open_again(int fd) noexcept {
    std::array<char, 32> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
    return Fd{::open(path.data(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
}

Result<std::size_t> send_some(int fd, std::string_view bytes) noexcept {
    for (;;) {
        const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0) {
            return static_cast<std::size_t>(count);
        }
        if (errno != EINTR) {
            return last_error();
        }
    }
}

}  // namespace

Result<Output> Output::open(int fd) noexcept {
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
        return last_error();
    }
    Output output;
    if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
        output.fd_ = open_again(fd);
        output.way_ = Way::nonblocking;
        if (output.fd_) {
            return output;
        }
        output.way_ = Way::poll_first;
    } else if (S_ISSOCK(status.st_mode)) {
        output.way_ = Way::send;
    }
    auto copy = duplicate(fd);
    if (!copy) {
        return copy.error();
    }
    output.fd_ = std::move(*copy);
    return output;
}

Result<std::size_t> Output::write(std::string_view bytes) noexcept {
    switch (way_) {
        case Way::send: return send_some(fd_.get(), bytes);
        case Way::poll_first: {
            pollfd asked{fd_.get(), POLLOUT, 0};
            if (::poll(&asked, 1, 0) <= 0) {
                return make_error(EAGAIN);
            }
            // poll promises room for this much and no more.
            bytes = bytes.substr(0, PIPE_BUF);
            break;
        }
        case Way::plain:
        case Way::nonblocking: break;
    }
    return write_some(fd_.get(), std::as_bytes(std::span{bytes}));
}

}  // namespace reeve::os
