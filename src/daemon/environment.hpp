// What a worker is started with: arguments, environment, descriptors, identity.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/action.hpp"
#include "core/config.hpp"
#include "daemon/sockets.hpp"
#include "os/spawn.hpp"

namespace reeve::daemon {

/// What is the same for all workers of a pool, found out once at start.
struct PoolIdentity {
    std::optional<os::Credentials> credentials;
    std::string user_name;
    std::string home;
    std::vector<os::ResourceLimit> limits;
    std::vector<unsigned> cpus;  ///< to spread slots over; empty = no affinity
    std::string preload;         ///< the library to load into the workers; empty = none
};

/// Throws StartError (78) for users, groups and limits that cannot be.
PoolIdentity find_identity(const core::PoolConfig& pool, const os::ResourceLimit& own_nofile);

/// The ends of a worker's own channels; -1 where it is not offered one.
struct WorkerEnds {
    int control = -1;
    int heartbeat = -1;
    int standard_error = 2;
    std::string notify_path;  ///< empty where no NOTIFY_SOCKET is offered
    int ready = -1;           ///< where a line says that it is ready
    int einhorn = -1;         ///< a connection to einhorn's master
    std::string einhorn_path;
};

/// The request, or why it cannot be made (an env_file that cannot be read).
os::Outcome<os::SpawnRequest> make_request(const core::PoolConfig& pool,
                                           const PoolIdentity& identity, const PoolSockets& sockets,
                                           const core::Spawn& spawn, const WorkerEnds& ends,
                                           const std::string& token);

/// KEY=VALUE of reeve's own environment without what is meant for reeve alone: NOTIFY_SOCKET,
/// WATCHDOG_*, LISTEN_*, REEVE_*.
std::vector<std::pair<std::string, std::string>> scrubbed_environment();

/// A request for a hook of the pool: its user, its directory, no descriptors.
os::SpawnRequest make_hook_request(const core::PoolConfig& pool, const PoolIdentity& identity,
                                   const std::vector<std::string>& command,
                                   const std::vector<std::pair<std::string, std::string>>& facts);

}  // namespace reeve::daemon
