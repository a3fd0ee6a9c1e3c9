// Whether an address that a program wants to bind is one that a listening socket of ours has.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <variant>

namespace reeve::os {

/// An address of TCP over IPv4 or IPv6. One that is mapped into IPv6 is the IPv4 address that it
/// means.
struct InetAddress {
    bool v6 = false;
    std::array<std::uint8_t, 16> bytes{};  ///< IPv4: the first four
    std::uint16_t port = 0;
    std::uint32_t scope = 0;  ///< the interface of a link-local IPv6 address; 0 = any
    bool v6only = false;      ///< of its socket: IPv4 connections do not get here

    /// 0.0.0.0 or ::.
    [[nodiscard]] bool any() const noexcept { return bytes == std::array<std::uint8_t, 16>{}; }
    friend bool operator==(const InetAddress&, const InetAddress&) = default;
};

struct UnixPath {
    std::string path;
    friend bool operator==(const UnixPath&, const UnixPath&) = default;
};

struct AbstractName {
    std::string name;  ///< without the leading zero byte
    friend bool operator==(const AbstractName&, const AbstractName&) = default;
};

using BindAddress = std::variant<InetAddress, UnixPath, AbstractName>;

/// nullopt for other families, for what is too short, and for a Unix address without a name.
[[nodiscard]] std::optional<BindAddress> parse_address(const sockaddr_storage& storage,
                                                       std::size_t size);

/// "127.0.0.1:8000", "[::1]:8000", "unix:/run/x.sock", "unix:@name".
[[nodiscard]] std::string text_of(const BindAddress& address);

/// What a socket of ours offers to somebody who asks for an address, best first.
enum class Fit : std::uint8_t {
    same,      ///< exactly what was asked for
    wider,     ///< it asked for all addresses of the machine, ours has one
    narrower,  ///< it asked for one address, ours has all
    none,
};

/// Where `asked` is for all addresses of both families, a socket for those of one family fits too.
[[nodiscard]] Fit fit_of(const InetAddress& asked, const InetAddress& ours) noexcept;

/// Makes a path absolute and takes ".", ".." and doubled slashes out of it, by its text alone: to
/// look at a directory that another process names may take for ever.
[[nodiscard]] std::string absolute_path(std::string_view path, std::string_view cwd);

}  // namespace reeve::os
