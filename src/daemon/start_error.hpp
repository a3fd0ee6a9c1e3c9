// Why the daemon cannot start, with the exit code that says so.
#pragma once

#include <stdexcept>
#include <string>

namespace reeve::daemon {

inline constexpr int exit_code_resource = 69;
inline constexpr int exit_code_config = 78;

struct StartError : std::runtime_error {
    StartError(int code, const std::string& text) : std::runtime_error(text), exit_code(code) {}
    int exit_code;
};

}  // namespace reeve::daemon
