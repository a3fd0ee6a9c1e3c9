// `reeve run`: hands a configuration to the daemon.
#include "cli/run.hpp"

#include "daemon/daemon.hpp"

namespace reeve::cli {

int start(const config::Loaded& loaded) {
    daemon::RunOptions options;
    options.notes = loaded.notes;
    return daemon::run(loaded.config, options);
}

}  // namespace reeve::cli
