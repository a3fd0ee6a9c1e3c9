// Which handoff, readiness, liveness and signals suit a program, and why: pure decisions.
#pragma once

#include <string>
#include <vector>

#include "config/programs.hpp"
#include "core/config.hpp"

namespace reeve::config {

/// What was found out about a program without running it.
struct Subject {
    enum class Linkage { unknown, dynamic, fixed, go };
    std::vector<std::string> command;  ///< without wrappers
    bool opaque = false;               ///< a shell with more than one command
    Linkage linkage = Linkage::unknown;
    bool privileged = false;  ///< more rights by its file: nothing can be preloaded
    // Protocols whose names stand in the program itself.
    bool names_listen_fds = false;
    bool names_notify_socket = false;
    bool names_server_starter = false;
    bool names_reeve = false;
};

/// One option with the value that suits, and the reason. `added`: it must be written.
struct Chosen {
    std::string key;
    std::string value;
    std::string why;
    bool added = false;
};

struct Advice {
    const Program* program = nullptr;  ///< null: not in the table
    Chosen handoff, accept, ready, liveness, stop_signal;
    std::vector<std::string> compat;   ///< to be added
    std::vector<std::string> command;  ///< as it has to be, wrappers included
    std::vector<std::string> env;      ///< NAME=VALUE to be added
    std::string listen;                ///< the address that the command itself names; or empty
    std::vector<std::string> warnings;

    /// The five in the order in which they are shown.
    [[nodiscard]] std::vector<const Chosen*> choices() const {
        return {&handoff, &accept, &ready, &liveness, &stop_signal};
    }
};

/// What the pool has written stays, and only the rest is decided.
Advice advise(const Subject& subject, const core::PoolConfig& pool);

/// What is known to go wrong with this pool's program as it is configured, "KEY: TEXT" each: by the
/// names in its command alone.
std::vector<std::string> known_mistakes(const core::PoolConfig& pool);

}  // namespace reeve::config
