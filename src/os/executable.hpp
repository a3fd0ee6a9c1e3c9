// A file that can be executed: what kind it is, and what can be seen in it without running it.
#pragma once

#include <optional>
#include <string>

#include "os/elf.hpp"
#include "os/result.hpp"

namespace reeve::os {

struct Executable {
    std::optional<Elf> elf;   ///< nothing for a script, or for what is neither
    std::string interpreter;  ///< of a script: the path after "#!"
    std::string argument;     ///< of a script: the rest of that line
    bool privileged = false;  ///< set-user-ID, set-group-ID or file capabilities: no LD_PRELOAD
    // Names of protocols that stand in its bytes.
    bool names_listen_fds = false;
    bool names_notify_socket = false;
    bool names_server_starter = false;
    bool names_einhorn = false;
    bool names_reeve = false;
};

/// Reads at most the first 256 MiB.
[[nodiscard]] Result<Executable> read_executable(const std::string& path);

}  // namespace reeve::os
