// The listening sockets of all pools: opened when a configuration wants them, refused at the end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "daemon/inbox.hpp"
#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "daemon/path_guard.hpp"
#include "daemon/socket_store.hpp"
#include "os/listener.hpp"

namespace reeve::daemon {

struct NamedListener {
    std::string name;
    core::Listen config;
    std::shared_ptr<os::Listener> listener;  ///< shared by the generations that listen there
};

/// The sockets of one pool, in the order in which workers get them.
using PoolSockets = std::vector<NamedListener>;

class Sockets {
public:
    Sockets(Loop& loop, Inbox& inbox, Log& log, SocketStore& store);

    /// Opens what the pool wants, and shares what is open already. Throws StartError (exit code 69
    /// for a socket, 78 for an unknown owner).
    PoolSockets open(const core::PoolConfig& pool);

    /// Lets no new connection in; puts QueuesEmpty into the inbox once nothing waits any more.
    void refuse_new_connections();
    void close();

private:
    struct Known {
        std::string pool;
        core::Listen config;
        std::weak_ptr<os::Listener> listener;
    };
    std::shared_ptr<os::Listener> find(const std::string& pool, const core::Listen& listen,
                                       const std::string& place);
    void look_at_queues();

    Inbox& inbox_;
    Log& log_;
    SocketStore& store_;
    PathGuard guard_;
    std::vector<Known> known_;
    Timer look_again_;
    bool refusing_ = false;
};

}  // namespace reeve::daemon
