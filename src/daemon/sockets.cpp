// Opens, empties and closes the listening sockets.
#include "daemon/sockets.hpp"

#include <chrono>
#include <optional>
#include <utility>

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

PoolSockets Sockets::open(const core::PoolConfig& pool) {
    PoolSockets sockets;
    const bool adopted = pool.process.handoff == core::Handoff::adopt;
    for (const core::Listen& listen : pool.listen) {
        const std::string place = "pools." + pool.name + ".listen." + listen.name;
        std::shared_ptr<os::Listener> listener = find(pool.name, listen, place);
        if (listener == nullptr) {
            listener = store_.open(pool.name, listen, place);
            if (listen.nonblocking) (void)os::set_nonblocking(listener->fd());
            known_.push_back({pool.name, listen, listener});
            LogLine line{core::LogLevel::info, "listening", pool.name, {}};
            line.message = text(listen.name, " on ", listener->address());
            if (listen.kind == core::Listen::Kind::inherited) {
                line.message += ", passed by systemd";
            } else {
                line.message += text(", backlog ", listen.backlog);
            }
            add(line, "pool", pool.name);
            add(line, "socket", listen.name);
            add(line, "address", listener->address());
            log_.write(line);
        }
        // Who binds a path itself unlinks what it finds there before.
        if (adopted) {
            if (const auto named = listener->keep_second_name(); !named) {
                throw StartError(exit_code_resource, place + ": " + named.error().text());
            }
            guard_.add(listener);
        }
        sockets.push_back({listen.name, listen, std::move(listener)});
    }
    return sockets;
}

/// What is open already at that address. Its other properties are those that it was opened with.
/// A port of the kernel's choice belongs to who had it.
std::shared_ptr<os::Listener> Sockets::find(const std::string& pool, const core::Listen& listen,
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
        if (any_port && (known.pool != pool || open.name != listen.name)) continue;
        core::Listen renamed = listen;
        renamed.name = open.name;
        if (renamed != open) {
            LogLine line{core::LogLevel::warning, "needs_restart", place, {}};
            line.message =
                text("the socket stays as it was opened (", known.listener.lock()->address(),
                     "): its other properties change at the next start of reeve");
            log_.write(line);
        }
        return known.listener.lock();
    }
    return nullptr;
}

void Sockets::refuse_new_connections() {
    if (refusing_) return;
    refusing_ = true;
    for (const Known& known : known_) {
        // An abstract socket cannot refuse: its queue is emptied as long as the grace lasts.
        if (const auto listener = known.listener.lock()) (void)listener->refuse_new_connections();
    }
    look_at_queues();
}

void Sockets::look_at_queues() {
    std::uint64_t waiting = 0;
    for (const Known& known : known_) {
        const auto listener = known.listener.lock();
        if (listener == nullptr || listener->kept()) continue;
        const auto queue = listener->queue_length();
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
        if (const auto listener = known.listener.lock()) listener->close();
    }
}

}  // namespace reeve::daemon
