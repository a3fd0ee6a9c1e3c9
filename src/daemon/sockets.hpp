// The listening sockets of all pools: opened when a configuration wants them, refused at the end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "core/ids.hpp"
#include "daemon/inbox.hpp"
#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "daemon/path_guard.hpp"
#include "daemon/socket_store.hpp"
#include "os/listener.hpp"
#include "os/listener_group.hpp"

namespace reeve::daemon {

/// A socket of a pool, or one for each side of each seat. Shared by the generations that listen
/// there.
struct NamedListener {
    std::string name;
    core::Listen config;
    std::shared_ptr<os::Listener> listener;    ///< where each seat has its own, the first of them
    std::shared_ptr<os::ListenerGroup> group;  ///< null where all share one

    /// Makes what that seat needs; the reason where that fails.
    [[nodiscard]] std::optional<os::Failure> make_for(core::SlotIndex slot) const;
    /// The socket of a worker that sits there. After make_for().
    [[nodiscard]] const std::shared_ptr<os::Listener>& of(core::SlotIndex slot,
                                                          core::Side side) const;
    [[nodiscard]] os::Result<os::AcceptQueue> queue_length() const noexcept;
    void refuse_new_connections() const noexcept;
    void accept_new_connections() const noexcept;
};

/// Where in a group the socket of a side of a seat is.
constexpr std::size_t member_of(core::SlotIndex slot, core::Side side) noexcept {
    return std::size_t{number(slot)} * 2 + static_cast<std::size_t>(side);
}

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
        std::weak_ptr<os::ListenerGroup> group;

        /// As it was given out; nothing where nobody has it any more.
        [[nodiscard]] std::optional<NamedListener> lock() const;
    };
    std::optional<NamedListener> find(const core::PoolConfig& pool, const core::Listen& listen,
                                      const std::string& place);
    NamedListener open_new(const core::PoolConfig& pool, const core::Listen& listen,
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
