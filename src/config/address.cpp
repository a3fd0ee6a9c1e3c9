// Addresses of listening sockets as people write them.
#include "config/address.hpp"

#include <algorithm>

#include "config/values.hpp"

namespace reeve::config {

namespace {

using Result = Parsed<core::Listen>;

/// sun_path holds 108 bytes; a path needs one for its end, an abstract name one for its start.
constexpr std::size_t unix_name_max = 107;

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit_or_dot(char c) { return (c >= '0' && c <= '9') || c == '.'; }

bool is_v4(std::string_view host) {
    int parts = 0;
    while (true) {
        const auto dot = host.find('.');
        if (!parse_count(host.substr(0, dot), 0, 255).ok()) {
            return false;
        }
        ++parts;
        if (dot == std::string_view::npos) {
            return parts == 4;
        }
        host.remove_prefix(dot + 1);
    }
}

bool looks_like_v6(std::string_view host) {
    const auto zone = host.find('%');
    const auto address = host.substr(0, zone);
    return std::count(address.begin(), address.end(), ':') >= 2 &&
           std::all_of(address.begin(), address.end(), [](char c) {
               return is_digit_or_dot(c) || c == ':' || (c >= 'a' && c <= 'f') ||
                      (c >= 'A' && c <= 'F');
           });
}

Result parse_unix(std::string_view rest) {
    core::Listen listen;
    if (rest.starts_with("///")) {
        rest.remove_prefix(2);
    }
    if (rest.size() > unix_name_max) {
        return Result::failure("a Unix socket's name has at most " + std::to_string(unix_name_max) +
                               " bytes, this one " + std::to_string(rest.size()));
    }
    if (rest.starts_with('@') && rest.size() > 1) {
        listen.kind = core::Listen::Kind::unix_abstract;
        listen.path = rest.substr(1);
        return Result::success(std::move(listen));
    }
    if (rest.starts_with('/') && rest.size() > 1 && !rest.ends_with('/')) {
        listen.kind = core::Listen::Kind::unix_path;
        listen.path = rest;
        return Result::success(std::move(listen));
    }
    return Result::failure(
        "unix:" + std::string{rest} +
        " needs an absolute path or an abstract name: unix:/run/app.sock or unix:@app");
}

/// Names as FileDescriptorName= of a socket unit takes them.
Result parse_inherited(std::string_view text, std::string_view name) {
    constexpr std::size_t name_max = 255;
    const bool valid = !name.empty() && name.size() <= name_max &&
                       std::all_of(name.begin(), name.end(),
                                   [](char c) { return c > ' ' && c < 127 && c != ':'; });
    if (!valid) {
        return Result::failure(quoted(text) +
                               " needs the name of a socket that systemd passes, as its unit's "
                               "FileDescriptorName= says: systemd:web");
    }
    core::Listen listen;
    listen.kind = core::Listen::Kind::inherited;
    listen.path = name;
    return Result::success(std::move(listen));
}

Result parse_tcp(std::string_view text, std::string_view rest) {
    const auto failure = [&](const std::string& why) {
        return Result::failure(quoted(text) + " " + why);
    };
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos) {
        return failure(
            "is not an address (like 127.0.0.1:8000, [::1]:8000, unix:/run/app.sock, unix:@app, "
            "systemd:web)");
    }
    auto host = rest.substr(0, colon);
    const auto port = parse_count(rest.substr(colon + 1), 0, 65535);
    if (!port.ok()) {
        return failure("has no port from 0 to 65535 after its last colon");
    }
    if (host.empty() || host == "*") {
        return failure("has no host; write 0.0.0.0:" + std::to_string(port.value) +
                       " for every IPv4 address or [::]:" + std::to_string(port.value) +
                       " for every IPv6 one");
    }
    core::Listen listen;
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        if (!looks_like_v6(host)) {
            return failure("has no IPv6 address between its brackets");
        }
    } else if (host.find(':') != std::string_view::npos) {
        return failure("is ambiguous; write an IPv6 address in brackets: [::1]:8000");
    } else if (std::all_of(host.begin(), host.end(), is_digit_or_dot) && !is_v4(host)) {
        return failure("has no valid IPv4 address");
    } else if (!std::all_of(host.begin(), host.end(), [](char c) {
                   return is_alphanumeric(c) || c == '.' || c == '-' || c == '_';
               })) {
        return failure("has no valid host name");
    }
    listen.host = host;
    listen.port = static_cast<std::uint16_t>(port.value);
    return Result::success(std::move(listen));
}

}  // namespace

Parsed<core::Listen> parse_address(std::string_view text) {
    if (text.starts_with("unix:")) {
        return parse_unix(text.substr(5));
    }
    if (text.starts_with("systemd:")) {
        return parse_inherited(text, text.substr(8));
    }
    return parse_tcp(text, text.starts_with("tcp://") ? text.substr(6) : text);
}

std::string format_address(const core::Listen& listen) {
    switch (listen.kind) {
        case core::Listen::Kind::tcp: {
            const bool v6 = listen.host.find(':') != std::string::npos;
            return "tcp://" + (v6 ? "[" + listen.host + "]" : listen.host) + ":" +
                   std::to_string(listen.port);
        }
        case core::Listen::Kind::unix_path: return "unix:" + listen.path;
        case core::Listen::Kind::unix_abstract: return "unix:@" + listen.path;
        case core::Listen::Kind::inherited: return "systemd:" + listen.path;
    }
    return {};
}

bool is_name(std::string_view text) {
    constexpr std::size_t length_max = 64;
    return !text.empty() && text.size() <= length_max && text.front() != '-' &&
           text.front() != '.' && std::all_of(text.begin(), text.end(), [](char c) {
               return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
           });
}

}  // namespace reeve::config
