// Ends the workers that an earlier reeve, who died, left behind in the service's cgroup.
#pragma once

#include <memory>
#include <vector>

#include "core/config.hpp"
#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "os/left_over.hpp"

namespace reeve::daemon {

/// They go on serving, if they do, until the new workers are ready. But of a pool that has no two
/// workers at a time (update: recreate) nobody starts before its old one is gone.
class LeftOvers {
public:
    /// Ends those who must be gone first; waits for it, bounded by their pool's limits.
    LeftOvers(Loop& loop, Log& log, const core::Config& config);
    LeftOvers(const LeftOvers&) = delete;
    LeftOvers& operator=(const LeftOvers&) = delete;

    /// The new workers are ready: the old ones get their stop signal, and in the end SIGKILL. May
    /// be called again.
    void end_all();

private:
    struct One {
        os::LeftOver process;
        int stop_signal = 0;
        core::Duration grace{};
        bool first = false;  ///< its successor must not live beside it
        bool told = false;
    };

    void end_singletons();
    void tell(One& one);
    void kill_late();

    Log& log_;
    std::vector<One> all_;
    Timer deadline_;
    bool ending_ = false;
};

}  // namespace reeve::daemon
