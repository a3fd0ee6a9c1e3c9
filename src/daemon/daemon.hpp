// The entry of the shell: joins core and os around one event loop until it is asked to leave.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "core/config.hpp"

namespace reeve::daemon {

/// What the start has to tell besides the configuration.
struct RunOptions {
    std::vector<std::string> notes;     ///< logged at start, at info
    std::vector<std::string> warnings;  ///< logged at start, at warning
    std::string version;
    /// Makes the configuration anew from what this one was made from, at a reload.
    std::function<config::Loaded()> load;
};

/// Runs in the foreground until stopped; the process's exit code: 0 asked to stop, 1 failed, 3 gave
/// up, 69 a socket or resource cannot be had, 78 the configuration cannot be carried out. Does not
/// throw.
int run(const core::Config& config, const RunOptions& options) noexcept;

}  // namespace reeve::daemon
