// The directory of the sockets on which single workers speak: made when the first is needed.
#pragma once

#include <string>
#include <string_view>

#include "os/result.hpp"

namespace reeve::daemon {

/// Below the runtime directory of the instance: /run/reeve/workers.PID/. Everybody may enter it,
/// nobody may list it. What instances that are gone have left there is removed.
class WorkerSockets {
public:
    /// `instance`: the `name` of the configuration.
    explicit WorkerSockets(std::string instance) : instance_(std::move(instance)) {}
    ~WorkerSockets();
    WorkerSockets(const WorkerSockets&) = delete;
    WorkerSockets& operator=(const WorkerSockets&) = delete;

    /// Where the socket of that name is to be.
    [[nodiscard]] os::Outcome<std::string> path(std::string_view name);

private:
    std::string instance_;
    std::string directory_;  ///< empty until it is there
};

}  // namespace reeve::daemon
