// The listening sockets of all pools: opened at start, refused and closed at the end.
#pragma once

#include <string>
#include <vector>

#include "core/config.hpp"
#include "daemon/inbox.hpp"
#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "os/listener.hpp"

namespace reeve::daemon {

struct NamedListener {
    std::string name;
    core::Listen config;
    os::Listener listener;
};

/// The sockets of one pool, in the order in which workers get them.
using PoolSockets = std::vector<NamedListener>;

class Sockets {
public:
    /// Opens everything or throws StartError (exit code 69 for a socket, 78 for an unknown owner).
    Sockets(Loop& loop, Inbox& inbox, Log& log, const core::Config& config);

    [[nodiscard]] const PoolSockets& of(core::PoolIndex pool) const { return pools_[number(pool)]; }

    /// Lets no new connection in; puts QueuesEmpty into the inbox once nothing waits any more.
    void refuse_new_connections();
    void close();

private:
    void look_at_queues();

    Inbox& inbox_;
    std::vector<PoolSockets> pools_;
    Timer look_again_;
    bool refusing_ = false;
};

}  // namespace reeve::daemon
