// `reeve run`: hands a configuration to the daemon.
#include "cli/run.hpp"

#include <utility>

#include "cli/summary.hpp"
#include "daemon/daemon.hpp"

namespace reeve::cli {

int start(const config::Loaded& loaded, std::function<config::Loaded()> load) {
    daemon::RunOptions options;
    options.notes = loaded.notes;
    options.warnings = certain_warnings(loaded);
    options.version = REEVE_VERSION;
    options.load = std::move(load);
    return daemon::run(loaded.config, options);
}

}  // namespace reeve::cli
