// Pure: no system call is made here.
#include "os/bind_address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <sys/un.h>
#include <vector>

namespace reeve::os {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<BindAddress> parse_v4(const sockaddr_storage& storage, std::size_t size) {
    sockaddr_in v4{};
    if (size < sizeof v4) {
        return std::nullopt;
    }
    std::memcpy(&v4, &storage, sizeof v4);
    InetAddress address;
    std::memcpy(address.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
    address.port = ntohs(v4.sin_port);
    return address;
}

std::optional<BindAddress> parse_v6(const sockaddr_storage& storage, std::size_t size) {
    // The kernel also takes the address of an earlier standard, which had no scope.
    constexpr std::size_t without_scope = offsetof(sockaddr_in6, sin6_scope_id);
    if (size < without_scope) {
        return std::nullopt;
    }
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, std::min(size, sizeof v6));
    InetAddress address;
    address.port = ntohs(v6.sin6_port);
    const std::uint8_t* bytes = v6.sin6_addr.s6_addr;
    if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes)) {
        std::copy_n(bytes + mapped_prefix.size(), 4, address.bytes.begin());
        return address;
    }
    address.v6 = true;
    std::copy_n(bytes, address.bytes.size(), address.bytes.begin());
    address.scope = v6.sin6_scope_id;
    return address;
}

std::optional<BindAddress> parse_unix(const sockaddr_storage& storage, std::size_t size) {
    constexpr std::size_t offset = offsetof(sockaddr_un, sun_path);
    if (size <= offset || size > sizeof(sockaddr_un)) {
        return std::nullopt;  // without a path the kernel picks a name
    }
    const char* const text = reinterpret_cast<const char*>(&storage) + offset;
    const std::size_t length = size - offset;
    if (text[0] == '\0') {
        if (length == 1) {
            return std::nullopt;
        }
        return AbstractName{std::string{text + 1, length - 1}};
    }
    return UnixPath{std::string{text, ::strnlen(text, length)}};
}

std::string text_of_inet(const InetAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
    const std::string host = address.v6 ? "[" + std::string{text.data()} + "]" : text.data();
    return host + ":" + std::to_string(address.port);
}

}  // namespace

std::optional<BindAddress> parse_address(const sockaddr_storage& storage, std::size_t size) {
    if (size < sizeof storage.ss_family) {
        return std::nullopt;
    }
    switch (storage.ss_family) {
        case AF_INET: return parse_v4(storage, size);
        case AF_INET6: return parse_v6(storage, size);
        case AF_UNIX: return parse_unix(storage, size);
        default: return std::nullopt;
    }
}

std::string text_of(const BindAddress& address) {
    if (const auto* inet = std::get_if<InetAddress>(&address)) {
        return text_of_inet(*inet);
    }
    if (const auto* path = std::get_if<UnixPath>(&address)) {
        return "unix:" + path->path;
    }
    return "unix:@" + std::get<AbstractName>(address).name;
}

Fit fit_of(const InetAddress& asked, const InetAddress& ours) noexcept {
    if (asked.port != ours.port || asked.port == 0) {
        return Fit::none;
    }
    if (asked.v6 != ours.v6) {
        // Only who would get connections of the other family too fits.
        const InetAddress& v6 = asked.v6 ? asked : ours;
        if (!v6.any() || v6.v6only) {
            return Fit::none;
        }
        if (asked.any()) {
            return ours.any() ? Fit::same : Fit::wider;
        }
        return Fit::narrower;
    }
    if (asked.any()) {
        return ours.any() ? Fit::same : Fit::wider;
    }
    if (ours.any()) {
        return Fit::narrower;
    }
    const bool scopes = asked.scope == 0 || ours.scope == 0 || asked.scope == ours.scope;
    return asked.bytes == ours.bytes && scopes ? Fit::same : Fit::none;
}

std::string absolute_path(std::string_view path, std::string_view cwd) {
    std::string whole = path.starts_with('/') ? std::string{} : std::string{cwd} + "/";
    whole += path;
    std::vector<std::string_view> parts;
    for (std::string_view rest = whole; !rest.empty();) {
        const auto part = rest.substr(0, rest.find('/'));
        rest.remove_prefix(std::min(rest.size(), part.size() + 1));
        if (part == "..") {
            if (!parts.empty()) {
                parts.pop_back();
            }
        } else if (!part.empty() && part != ".") {
            parts.push_back(part);
        }
    }
    std::string absolute;
    for (const auto part : parts) {
        absolute.append("/").append(part);
    }
    return absolute.empty() ? "/" : absolute;
}

}  // namespace reeve::os
