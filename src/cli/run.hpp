// `reeve run`: hands a configuration to the daemon.
#pragma once

#include "config/load.hpp"

namespace reeve::cli {

/// Runs until the daemon ends; its exit code.
int start(const config::Loaded& loaded);

}  // namespace reeve::cli
