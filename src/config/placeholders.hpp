// {fd:NAME}, {slot} and their like in a worker's arguments and environment.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::config {

/// What one worker's placeholders stand for.
struct PlaceholderValues {
    struct Socket {
        int fd = -1;
        std::string address;  ///< what {addr:NAME} gives: "127.0.0.1", "::1", a path, "@name"
        std::string port;     ///< what {port:NAME} gives; empty for Unix sockets
    };
    std::map<std::string, Socket> sockets;  ///< by name
    std::uint64_t slot = 0;
    std::uint64_t generation = 0;
    std::uint64_t incarnation = 0;
    int ready_fd = -1;
};

/// Replaces exactly {fd:NAME}, {addr:NAME}, {port:NAME}, {slot}, {generation}, {incarnation} and
/// {ready_fd}; all other braces stay. A brace doubled in front of one of them ("{{slot}") stands
/// for the text itself ("{slot}"). A socket that `values` lacks becomes an empty string: a
/// configuration that was checked has none.
std::string expand(std::string_view text, const PlaceholderValues& values);

/// One placeholder as found in a text; `socket` is empty for those that name none.
struct Placeholder {
    enum class Kind { fd, addr, port, slot, generation, incarnation, ready_fd };
    Kind kind;
    std::string socket;
};

/// The placeholders that expand() would replace, in order.
std::vector<Placeholder> find_placeholders(std::string_view text);

/// Whether `text` (without braces) would be a placeholder between braces: "fd:web", "slot".
bool is_placeholder_name(std::string_view text);

}  // namespace reeve::config
