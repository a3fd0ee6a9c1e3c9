// Addresses of listening sockets as people write them.
#pragma once

#include <string>
#include <string_view>

#include "config/problem.hpp"
#include "core/config.hpp"

namespace reeve::config {

/// HOST:PORT, tcp://HOST:PORT, [v6]:PORT, unix:/path, unix:@abstract or systemd:NAME. Sets kind,
/// host, port and path only.
Parsed<core::Listen> parse_address(std::string_view text);

/// The canonical text: "tcp://HOST:PORT", "tcp://[v6]:PORT", "unix:/path", "unix:@name",
/// "systemd:name".
std::string format_address(const core::Listen& listen);

/// Names of pools and sockets: letters, digits, '_', '.', '-', at most 64. LISTEN_FDNAMES separates
/// them by ':'.
bool is_name(std::string_view text);

}  // namespace reeve::config
