// Opens, empties and closes the listening sockets.
#include "daemon/sockets.hpp"

#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "daemon/render_parts.hpp"
#include "daemon/start_error.hpp"
#include "os/clock.hpp"

namespace reeve::daemon {
namespace {

/// Often enough that a stop does not feel it, seldom enough to cost nothing.
constexpr auto queue_interval = std::chrono::milliseconds{5};

}  // namespace

Sockets::Sockets(Loop& loop, Inbox& inbox, Log& log, SocketStore& store)
    : inbox_(inbox),
      log_(log),
      store_(store),
      guard_(loop, log),
      look_again_(loop.make_timer([this] { look_at_queues(); })) {}

std::optional<os::Failure> NamedListener::make_for(core::SlotIndex slot) const {
    if (group == nullptr) return std::nullopt;
    const std::size_t before = group->size();
    auto failure = group->grow(member_of(slot, core::Side::b) + 1);
    for (std::size_t i = before; config.nonblocking && i < group->size(); ++i) {
        (void)os::set_nonblocking(group->member(i)->fd());
    }
    return failure;
}

const std::shared_ptr<os::Listener>& NamedListener::of(core::SlotIndex slot,
                                                       core::Side side) const {
    return group == nullptr ? listener : group->member(member_of(slot, side));
}

os::Result<os::AcceptQueue> NamedListener::queue_length() const noexcept {
    return group == nullptr ? listener->queue_length() : group->queue_length();
}

void NamedListener::refuse_new_connections() const noexcept {
    // An abstract socket cannot refuse; it goes with the last worker that has it.
    (void)(group == nullptr ? listener->refuse_new_connections() : group->refuse_new_connections());
}

void NamedListener::accept_new_connections() const noexcept {
    (void)(group == nullptr ? listener->accept_new_connections() : group->accept_new_connections());
}

std::optional<NamedListener> Sockets::Known::lock() const {
    NamedListener socket{config.name, config, listener.lock(), group.lock()};
    if (socket.listener == nullptr) return std::nullopt;
    return socket;
}

PoolSockets Sockets::open(const core::PoolConfig& pool) {
    PoolSockets sockets;
    const bool adopted = pool.process.handoff == core::Handoff::adopt;
    for (const core::Listen& listen : pool.listen) {
        const std::string place = "pools." + pool.name + ".listen." + listen.name;
        auto socket = find(pool, listen, place);
        if (!socket) socket = open_new(pool, listen, place);
        socket->name = listen.name;
        socket->config = listen;
        for (std::uint32_t i = 0; i < pool.policy.workers; ++i) {
            const auto failure = socket->make_for(core::SlotIndex{i});
            if (failure) throw StartError(exit_code_resource, place + ": " + failure->text());
        }
        // Who binds a path itself unlinks what it finds there before.
        if (adopted) {
            if (const auto named = socket->listener->keep_second_name(); !named) {
                throw StartError(exit_code_resource, place + ": " + named.error().text());
            }
            guard_.add(socket->listener);
        }
        sockets.push_back(std::move(*socket));
    }
    return sockets;
}

NamedListener Sockets::open_new(const core::PoolConfig& pool, const core::Listen& listen,
                                const std::string& place) {
    NamedListener socket{listen.name, listen, nullptr, nullptr};
    LogLine line{core::LogLevel::info, "listening", pool.name, {}};
    if (pool.policy.accept == core::Accept::per_worker) {
        const auto address = std::get<os::TcpAddress>(listen_address(listen, place));
        auto group = os::ListenerGroup::open(address, listen.backlog, 1);
        if (!group) throw StartError(exit_code_resource, place + ": " + group.error().text());
        socket.group = std::make_shared<os::ListenerGroup>(std::move(*group));
        socket.listener = socket.group->member(0);
    } else {
        socket.listener = store_.open(pool.name, listen, place);
    }
    if (listen.nonblocking) (void)os::set_nonblocking(socket.listener->fd());
    known_.push_back({pool.name, listen, socket.listener, socket.group});
    line.message = text(listen.name, " on ", socket.listener->address());
    if (listen.kind == core::Listen::Kind::inherited) {
        line.message += ", passed by systemd";
    } else {
        line.message += text(", backlog ", listen.backlog);
    }
    if (socket.group != nullptr) line.message += " for each worker";
    add(line, "pool", pool.name);
    add(line, "socket", listen.name);
    add(line, "address", socket.listener->address());
    log_.write(line);
    return socket;
}

/// What is open already at that address. Its other properties are those that it was opened with.
/// A port of the kernel's choice belongs to who had it.
std::optional<NamedListener> Sockets::find(const core::PoolConfig& pool, const core::Listen& listen,
                                           const std::string& place) {
    const bool any_port = listen.kind == core::Listen::Kind::tcp && listen.port == 0;
    std::erase_if(known_, [&](const Known& known) {
        const auto listener = known.listener.lock();
        if (listener == nullptr) return true;
        (void)listener->restore_path();
        if (known.config.path != listen.path || listener->is_reachable()) return false;
        LogLine line{core::LogLevel::warning, "socket_lost", place, {}};
        line.message = text(listener->address(), " does not lead to us any more: it is made anew");
        log_.write(line);
        return true;
    });
    for (Known& known : known_) {
        const core::Listen& open = known.config;
        if (open.kind != listen.kind || open.host != listen.host || open.port != listen.port ||
            open.path != listen.path) {
            continue;
        }
        if (any_port && (known.pool != pool.name || open.name != listen.name)) continue;
        const bool grouped = !known.group.expired();
        if (grouped != (pool.policy.accept == core::Accept::per_worker)) {
            throw StartError(exit_code_config,
                             "pools." + pool.name + ".accept: " + known.listener.lock()->address() +
                                 " is open the other way: restart reeve to change that");
        }
        if (grouped && known.pool != pool.name) {
            throw StartError(exit_code_config,
                             place + ": with accept: per-worker, the socket stays with pool " +
                                 known.pool + " while that has workers");
        }
        core::Listen renamed = listen;
        renamed.name = open.name;
        if (renamed != open) {
            LogLine line{core::LogLevel::warning, "needs_restart", place, {}};
            line.message =
                text("the socket stays as it was opened (", known.listener.lock()->address(),
                     "): its other properties change at the next start of reeve");
            log_.write(line);
        }
        return known.lock();
    }
    return std::nullopt;
}

void Sockets::refuse_new_connections() {
    if (refusing_) return;
    refusing_ = true;
    for (const Known& known : known_) {
        // An abstract socket cannot refuse: its queue is emptied as long as the grace lasts.
        if (const auto socket = known.lock()) socket->refuse_new_connections();
    }
    look_at_queues();
}

void Sockets::look_at_queues() {
    std::uint64_t waiting = 0;
    for (const Known& known : known_) {
        const auto socket = known.lock();
        if (!socket || socket->listener->kept()) continue;
        const auto queue = socket->queue_length();
        if (queue) waiting += queue->waiting;
    }
    if (waiting == 0) {
        inbox_.put(core::QueuesEmpty{});
    } else {
        look_again_.set(os::now() + queue_interval);
    }
}

void Sockets::close() {
    look_again_.set(std::nullopt);
    store_.empty();
    for (const Known& known : known_) {
        const auto socket = known.lock();
        if (!socket) continue;
        socket->listener->close();
        if (socket->group != nullptr) socket->group->close();
    }
}

}  // namespace reeve::daemon
