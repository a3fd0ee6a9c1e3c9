// {fd:NAME}, {slot} and their like in a worker's arguments and environment.
#include "config/placeholders.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace reeve::config {

namespace {

struct KindName {
    std::string_view name;
    Placeholder::Kind kind;
    bool takes_socket;
};

constexpr std::array kind_names{
    KindName{"fd", Placeholder::Kind::fd, true},
    KindName{"addr", Placeholder::Kind::addr, true},
    KindName{"port", Placeholder::Kind::port, true},
    KindName{"slot", Placeholder::Kind::slot, false},
    KindName{"generation", Placeholder::Kind::generation, false},
    KindName{"incarnation", Placeholder::Kind::incarnation, false},
    KindName{"ready_fd", Placeholder::Kind::ready_fd, false},
};

std::optional<Placeholder> parse_name(std::string_view text) {
    const auto colon = text.find(':');
    const auto name = text.substr(0, colon);
    const bool has_socket = colon != std::string_view::npos;
    for (const auto& entry : kind_names) {
        if (entry.name == name && entry.takes_socket == has_socket) {
            return Placeholder{entry.kind,
                               has_socket ? std::string{text.substr(colon + 1)} : std::string{}};
        }
    }
    return std::nullopt;
}

struct Found {
    Placeholder placeholder;
    std::size_t length;  ///< with its braces
};

/// The placeholder that begins at the start of `text`, if one does.
std::optional<Found> take(std::string_view text) {
    if (!text.starts_with('{')) {
        return std::nullopt;
    }
    const auto end = text.find_first_of("{}", 1);
    if (end == std::string_view::npos || text[end] != '}') {
        return std::nullopt;
    }
    auto placeholder = parse_name(text.substr(1, end - 1));
    if (!placeholder) {
        return std::nullopt;
    }
    return Found{std::move(*placeholder), end + 1};
}

/// Walks over `text`: `literal` gets what stays as it is, `replaced` each placeholder.
template <typename Literal, typename Replaced>
void walk(std::string_view text, Literal literal, Replaced replaced) {
    while (!text.empty()) {
        const auto brace = text.find('{');
        literal(text.substr(0, brace));
        if (brace == std::string_view::npos) {
            return;
        }
        text.remove_prefix(brace);
        if (const auto escaped = take(text.substr(1))) {
            literal(text.substr(1, escaped->length));
            text.remove_prefix(1 + escaped->length);
        } else if (const auto found = take(text)) {
            replaced(found->placeholder);
            text.remove_prefix(found->length);
        } else {
            literal(text.substr(0, 1));
            text.remove_prefix(1);
        }
    }
}

std::string value_of(const Placeholder& placeholder, const PlaceholderValues& values) {
    const auto found = values.sockets.find(placeholder.socket);
    const auto socket = found == values.sockets.end() ? PlaceholderValues::Socket{} : found->second;
    switch (placeholder.kind) {
        case Placeholder::Kind::fd:
            return socket.fd < 0 ? std::string{} : std::to_string(socket.fd);
        case Placeholder::Kind::addr: return socket.address;
        case Placeholder::Kind::port: return socket.port;
        case Placeholder::Kind::slot: return std::to_string(values.slot);
        case Placeholder::Kind::generation: return std::to_string(values.generation);
        case Placeholder::Kind::incarnation: return std::to_string(values.incarnation);
        case Placeholder::Kind::ready_fd:
            return values.ready_fd < 0 ? std::string{} : std::to_string(values.ready_fd);
    }
    return {};
}

}  // namespace

std::string expand(std::string_view text, const PlaceholderValues& values) {
    std::string out;
    walk(
        text, [&](std::string_view literal) { out += literal; },
        [&](const Placeholder& placeholder) { out += value_of(placeholder, values); });
    return out;
}

std::vector<Placeholder> find_placeholders(std::string_view text) {
    std::vector<Placeholder> out;
    walk(
        text, [](std::string_view) {},
        [&](const Placeholder& placeholder) { out.push_back(placeholder); });
    return out;
}

bool is_placeholder_name(std::string_view text) { return parse_name(text).has_value(); }

}  // namespace reeve::config
