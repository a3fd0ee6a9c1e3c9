// What is known of programs that people run as workers: one table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::config {

/// One program. Options are named as in the options table; an empty text means the default.
struct Program {
    std::string_view names{};    ///< of its file, "a|b"; a '*' at the end takes any ending
    std::string_view modules{};  ///< of Python, started with -m, "a|b"
    std::string_view title{};

    std::string_view handoff = "inherit";
    std::string_view handoff_why{};
    std::string_view arguments{};  ///< added to its command, blanks between
    std::string_view given{};      ///< flags by which the command has this already, "a|b"
    std::string_view env{};        ///< NAME=VALUE that it needs
    std::string_view compat{};
    std::string_view replaced{};  ///< flags with a value that the handoff makes superfluous, "a|b"

    std::string_view stop_signal = "TERM";
    std::string_view drain{};  ///< what it does then
    bool cuts = false;         ///< requests are lost then, whatever the signal
    std::string_view liveness = "preload";
    bool event_loop = false;      ///< one loop takes many connections: a queue of its own suits it
    bool nonblocking = false;     ///< needs O_NONBLOCK on a queue that it shares
    bool sockets = true;          ///< serves connections; false: takes jobs from elsewhere
    bool interpreter = false;     ///< runs somebody else's program
    std::string_view needs{};     ///< a flag of its own without which it does not drain
    std::string_view warnings{};  ///< lines
};

std::span<const Program> programs();

/// The row of this command, by the name of its file or the module that Python runs; else null.
const Program* find_program(const std::vector<std::string>& command);

/// A command without what stands before it: env, nice, setsid, stdbuf, and a shell that is given
/// one simple command.
struct Unwrapped {
    std::vector<std::string> command;
    std::vector<std::string> before;  ///< the words of the wrappers, without a shell's -c
    bool shell = false;               ///< a shell was among them
    bool opaque = false;              ///< a shell whose text is more than one simple command
};
Unwrapped unwrap(const std::vector<std::string>& command);

/// Whether one of the words "a|b" is there, alone or as "a=...".
bool has_flag(const std::vector<std::string>& command, std::string_view flags);

}  // namespace reeve::config
