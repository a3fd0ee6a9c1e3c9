// `reeve run`: hands a configuration to the daemon.
#pragma once

#include <functional>

#include "config/load.hpp"

namespace reeve::cli {

/// Runs until the daemon ends; its exit code. `load` makes the configuration anew at a reload.
int start(const config::Loaded& loaded, std::function<config::Loaded()> load);

}  // namespace reeve::cli
