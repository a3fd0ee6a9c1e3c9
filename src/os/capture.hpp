// Runs a program to its end and keeps what it says: bounded in time and in what is kept.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/exit_status.hpp"
#include "core/time.hpp"
#include "os/result.hpp"

namespace reeve::os {

struct CaptureRequest {
    std::vector<std::string> argv;  ///< argv[0] is looked up along PATH of `env`
    std::vector<std::string> env;   ///< KEY=VALUE, complete
    std::string cwd{};              ///< empty = ours
    core::Duration within{};
    std::size_t output_max = 0;  ///< bytes of stdout; with more it is ended
    std::size_t errors_max = 0;  ///< bytes of stderr that are kept; more are thrown away
};

struct Captured {
    enum class End { exited, too_late, too_much };
    End end = End::exited;
    core::ExitStatus status;  ///< of a program that was ended: what that made of it
    std::string output;
    std::string errors;
};

/// Blocks until the program has ended. One that takes too long or says too much is killed with
/// everything below it. A failure: it could not be started.
[[nodiscard]] Outcome<Captured> capture(const CaptureRequest& request);

}  // namespace reeve::os
