// The server: who may come in, who has something to say, and who took too long.
#include "daemon/http_server.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "daemon/http_connection.hpp"
#include "os/clock.hpp"
#include "os/peer.hpp"

namespace reeve::daemon {
namespace {

/// The work of one call of serve().
constexpr int accepts_a_turn = 8;
constexpr std::size_t steps_a_turn = 16;

/// When descriptors have run out, others must give some back first.
constexpr auto accept_pause = std::chrono::seconds{1};

}  // namespace

HttpServer::HttpServer(Loop& loop, os::Listener listener, std::size_t connections_max,
                       std::string version, HttpHandler& handler)
    : loop_(loop),
      listener_(std::move(listener)),
      connections_max_(connections_max),
      version_(std::move(version)),
      handler_(handler),
      timer_(loop.make_timer([] {})) {
    // Each connection stands there once at most, so a callback of the loop allocates nothing.
    ready_.reserve(connections_max_);
    wait_to_accept();
}

HttpServer::~HttpServer() { close(); }

void HttpServer::close() noexcept {
    closed_ = true;
    accept_watch_.stop();
    while (!connections_.empty()) drop(connections_.begin()->first);
    ready_.clear();
    listener_.close();
}

void HttpServer::wait_to_accept() {
    accept_watch_ = loop_.on_readable(listener_.fd(), [this] {
        accepting_ = true;
        accept_watch_.stop();
    });
    accepting_ = false;
}

bool HttpServer::serve() noexcept {
    if (closed_) return false;
    try {
        const core::Time now = os::now();
        look_at_deadlines(now);
        if (accepting_) accept_some(now);
        std::vector<ConnectionId> ready = std::exchange(ready_, {});
        ready_.reserve(connections_max_);
        const auto now_many = std::min(ready.size(), steps_a_turn);
        ready_.insert(ready_.end(), ready.begin() + static_cast<std::ptrdiff_t>(now_many),
                      ready.end());
        ready.resize(now_many);
        for (const ConnectionId id : ready) {
            const auto found = connections_.find(id);
            if (found == connections_.end()) continue;
            found->second->noted = false;
            try {
                step(*found->second);
            } catch (const std::exception&) {
                drop(id);
            }
        }
        set_timer();
    } catch (const std::exception&) {
        // No memory or no room in epoll: what waits is tried again in the next turn.
        return true;
    }
    return accepting_ || !ready_.empty();
}

void HttpServer::accept_some(core::Time now) {
    for (int i = 0; i < accepts_a_turn; ++i) {
        auto accepted = os::accept_connection(listener_.fd());
        if (!accepted) {
            if (os::would_block(accepted.error())) return wait_to_accept();
            accepting_ = false;
            accept_again_ = now + accept_pause;
            return;
        }
        const ConnectionId id{++last_id_};
        if (connections_.size() >= connections_max_ ||
            !handler_.admit(id, accepted->get(), connections_.size())) {
            const std::string busy = response_head(
                {.status = 503, .content_type = "text/plain", .body = {}}, version_, false);
            (void)os::send_some(accepted->get(), busy);
            continue;
        }
        auto connection = std::make_unique<Connection>(id, std::move(*accepted));
        connection->deadline = now + request_timeout;
        connection->in_request = true;
        Connection& kept = *connections_.emplace(id, std::move(connection)).first->second;
        wait_readable(kept);
    }
}

void HttpServer::note(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    found->second->watch.stop();
    if (!std::exchange(found->second->noted, true)) ready_.push_back(id);
}

void HttpServer::wait_readable(Connection& connection) {
    connection.watch.stop();
    connection.watch =
        loop_.on_readable(connection.fd.get(), [this, id = connection.id] { note(id); });
}

void HttpServer::wait_writable(Connection& connection) {
    connection.watch.stop();
    connection.watch =
        loop_.on_writable(connection.fd.get(), [this, id = connection.id] { note(id); });
}

void HttpServer::look_at_deadlines(core::Time now) {
    if (accept_again_ && *accept_again_ <= now) {
        wait_to_accept();
        accept_again_.reset();
    }
    for (auto at = connections_.begin(); at != connections_.end();) {
        Connection& connection = *(at++)->second;
        if (connection.deadline && *connection.deadline <= now) {
            drop(connection.id);
        } else if (connection.heartbeat && *connection.heartbeat <= now) {
            if (connection.head.empty()) connection.head = ":\n\n";
            connection.heartbeat = now + heartbeat_interval;
            note(connection.id);
        }
    }
}

void HttpServer::set_timer() {
    std::optional<core::Time> next = accept_again_;
    const auto include = [&next](const std::optional<core::Time>& time) {
        if (time && (!next || *time < *next)) next = time;
    };
    for (const auto& [id, connection] : connections_) {
        include(connection->deadline);
        include(connection->heartbeat);
    }
    timer_.set(next);
}

void HttpServer::answer(ConnectionId id, HttpResponse response) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    if (connection.state != Connection::State::waiting) return;
    try {
        respond(connection, std::move(response), connection.keep_alive);
    } catch (const std::exception&) {
        drop(id);
    }
}

void HttpServer::drop(ConnectionId id) noexcept {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    if (found->second->state == Connection::State::streaming) --streams_;
    connections_.erase(found);
    handler_.left(id);
}

}  // namespace reeve::daemon
