// Connects that do not block, and addresses for them.
#include "os/dial.hpp"

#include <arpa/inet.h>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <sys/un.h>

namespace reeve::os {

Result<DialTarget> tcp_target(const std::string& host, std::uint16_t port) noexcept {
    DialTarget target;
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&target.address);
    if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        target.size = sizeof *v4;
        return target;
    }
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&target.address);
    if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        target.size = sizeof *v6;
        return target;
    }
    return make_error(EINVAL);
}

Result<DialTarget> unix_target(const std::string& path, bool abstract) noexcept {
    DialTarget target;
    auto* const address = reinterpret_cast<sockaddr_un*>(&target.address);
    const std::size_t first = abstract ? 1 : 0;
    if (path.empty() || first + path.size() >= sizeof address->sun_path) {
        return make_error(ENAMETOOLONG);
    }
    address->sun_family = AF_UNIX;
    std::memcpy(address->sun_path + first, path.data(), path.size());
    // An abstract name ends where the size says, a path with a zero.
    const std::size_t last = abstract ? 0 : 1;
    target.size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + first + path.size() + last);
    return target;
}

Result<Fd> start_dial(const DialTarget& target) noexcept {
    Fd fd{::socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return last_error();
    const auto* const address = reinterpret_cast<const sockaddr*>(&target.address);
    if (::connect(fd.get(), address, target.size) != 0 && errno != EINPROGRESS) {
        return last_error();
    }
    return fd;
}

Result<void> dial_result(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return last_error();
    if (error != 0) return make_error(error);
    DialTarget own;
    DialTarget other;
    own.size = other.size = sizeof own.address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own.address), &own.size) != 0 ||
        ::getpeername(fd, reinterpret_cast<sockaddr*>(&other.address), &other.size) != 0) {
        return last_error();
    }
    const bool itself = own.address.ss_family != AF_UNIX && own.size == other.size &&
                        std::memcmp(&own.address, &other.address, own.size) == 0;
    return itself ? Result<void>{make_error(ECONNREFUSED)} : Result<void>{};
}

}  // namespace reeve::os
