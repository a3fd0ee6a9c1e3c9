// Opens, empties and closes the listening sockets.
#include "daemon/sockets.hpp"

#include <chrono>
#include <optional>
#include <utility>

#include "daemon/render_parts.hpp"
#include "daemon/start_error.hpp"
#include "os/clock.hpp"
#include "os/user.hpp"

namespace reeve::daemon {
namespace {

/// Often enough that a stop does not feel it, seldom enough to cost nothing.
constexpr auto queue_interval = std::chrono::milliseconds{5};

os::ListenAddress address_of(const core::Listen& listen, const std::string& place) {
    switch (listen.kind) {
        case core::Listen::Kind::tcp:
            return os::TcpAddress{listen.host, listen.port, listen.v6only, listen.nodelay};
        case core::Listen::Kind::unix_abstract: return os::UnixAbstractAddress{listen.path};
        case core::Listen::Kind::unix_path: break;
    }
    os::UnixPathAddress address{.path = listen.path, .mode = listen.mode};
    if (!listen.owner.empty()) {
        const auto user = os::find_user(listen.owner);
        if (!user) throw StartError(exit_code_config, place + ": owner: " + user.error().text());
        address.owner = user->uid;
    }
    if (!listen.group.empty()) {
        const auto group = os::find_group(listen.group);
        if (!group) throw StartError(exit_code_config, place + ": group: " + group.error().text());
        address.group = *group;
    }
    return address;
}

}  // namespace

Sockets::Sockets(Loop& loop, Inbox& inbox, Log& log, const core::Config& config)
    : inbox_(inbox), look_again_(loop.make_timer([this] { look_at_queues(); })) {
    for (const core::PoolConfig& pool : config.pools) {
        PoolSockets sockets;
        for (const core::Listen& listen : pool.listen) {
            const std::string place = "pools." + pool.name + ".listen." + listen.name;
            auto opened = os::Listener::open(address_of(listen, place), listen.backlog);
            if (!opened) throw StartError(exit_code_resource, place + ": " + opened.error().text());
            LogLine line{core::LogLevel::info, "listening", pool.name, {}};
            line.message =
                text(listen.name, " on ", opened->address(), ", backlog ", listen.backlog);
            add(line, "pool", pool.name);
            add(line, "socket", listen.name);
            add(line, "address", opened->address());
            log.write(line);
            sockets.push_back({listen.name, listen, std::move(*opened)});
        }
        pools_.push_back(std::move(sockets));
    }
}

void Sockets::refuse_new_connections() {
    if (refusing_) return;
    refusing_ = true;
    for (PoolSockets& sockets : pools_) {
        for (NamedListener& socket : sockets) {
            // An abstract socket cannot refuse: its queue is emptied as long as the grace lasts.
            (void)socket.listener.refuse_new_connections();
        }
    }
    look_at_queues();
}

void Sockets::look_at_queues() {
    std::uint64_t waiting = 0;
    for (const PoolSockets& sockets : pools_) {
        for (const NamedListener& socket : sockets) {
            const auto queue = socket.listener.queue_length();
            if (queue) waiting += queue->waiting;
        }
    }
    if (waiting == 0) {
        inbox_.put(core::QueuesEmpty{});
    } else {
        look_again_.set(os::now() + queue_interval);
    }
}

void Sockets::close() {
    look_again_.set(std::nullopt);
    for (PoolSockets& sockets : pools_) {
        for (NamedListener& socket : sockets) socket.listener.close();
    }
}

}  // namespace reeve::daemon
