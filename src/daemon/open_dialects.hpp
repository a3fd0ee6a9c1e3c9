// Makes what it takes to hear one worker in the protocols that its pool asks for.
#pragma once

#include <string>
#include <string_view>

#include "core/action.hpp"
#include "daemon/dialects.hpp"
#include "daemon/editions.hpp"
#include "daemon/worker_sockets.hpp"

namespace reeve::daemon {

/// Both sides of it; what is not asked for is empty.
struct OpenedDialects {
    Dialects::Parts ours;
    os::Fd ready;    ///< the worker's end of the pipe for a line
    os::Fd einhorn;  ///< its connection to einhorn's master
    std::string einhorn_path;
};

os::Outcome<OpenedDialects> open_dialects(const Edition& edition, const core::Spawn& spawn,
                                          WorkerSockets& sockets);

/// Whether the pool's `compat` names this protocol.
bool speaks(const core::ProcessConfig& process, std::string_view protocol);

}  // namespace reeve::daemon
