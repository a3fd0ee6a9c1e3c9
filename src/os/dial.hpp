// Connecting to an address without waiting for it.
#pragma once

#include <cstdint>
#include <string>
#include <sys/socket.h>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

struct DialTarget {
    sockaddr_storage address{};
    socklen_t size = 0;
};

/// EINVAL for a host that is no IP address.
[[nodiscard]] Result<DialTarget> tcp_target(const std::string& host, std::uint16_t port) noexcept;

/// `abstract`: a name without a file. ENAMETOOLONG.
[[nodiscard]] Result<DialTarget> unix_target(const std::string& path, bool abstract) noexcept;

/// A socket that connects, or is connected: when it is writable, `dial_result` tells.
[[nodiscard]] Result<Fd> start_dial(const DialTarget& target) noexcept;

/// Whether somebody else is at the other end: a socket of ours that met itself (as can happen
/// where nobody listens) is ECONNREFUSED.
[[nodiscard]] Result<void> dial_result(int fd) noexcept;

}  // namespace reeve::os
