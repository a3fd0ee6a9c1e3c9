// What a worker finds in its environment of the protocols of others.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "daemon/environment.hpp"

namespace reeve::daemon {

using Variables = std::map<std::string, std::string, std::less<>>;

struct DialectOffer {
    const core::PoolConfig& pool;
    const PoolSockets& sockets;
    const core::Spawn& spawn;
    const WorkerEnds& ends;
};

/// Adds variables and descriptors; those from `target` on are free. The next free number.
int offer_dialects(const DialectOffer& offer, int target, Variables& variables,
                   os::SpawnRequest& request);

}  // namespace reeve::daemon
