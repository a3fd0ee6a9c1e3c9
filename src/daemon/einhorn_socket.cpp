// A few connections of one worker, and lines of a bounded length on each.
#include "daemon/einhorn_socket.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <span>
#include <utility>

#include "os/peer.hpp"

namespace reeve::daemon {
namespace {

constexpr std::size_t connections_max = 4;
constexpr std::size_t line_max = 1024;
constexpr int accepts_a_turn = 4;

}  // namespace

struct EinhornSocket::Connection {
    os::Fd fd;
    bool inherited = false;
    std::string line;
    Watch watch;

    void end() {
        watch.stop();
        fd.reset();
    }
};

EinhornSocket::EinhornSocket(os::Listener listener, os::Fd own,
                             std::function<void(EinhornWord)> said)
    : listener_(std::move(listener)), own_(std::move(own)), said_(std::move(said)) {}

EinhornSocket::~EinhornSocket() = default;

void EinhornSocket::start(Loop& loop) {
    loop_ = &loop;
    accept_watch_ = loop.on_readable(listener_.fd(), [this] { accept(); });
    add(std::move(own_), true);
}

void EinhornSocket::accept() {
    // A connection that ended does so inside its own callback, so it is forgotten here.
    std::erase_if(connections_, [](const auto& connection) { return !connection->fd; });
    for (int i = 0; i < accepts_a_turn; ++i) {
        auto accepted = os::accept_connection(listener_.fd());
        if (!accepted) return;
        if (connections_.size() > connections_max) continue;
        try {
            add(std::move(*accepted), false);
        } catch (const std::exception&) {
            connections_.pop_back();
        }
    }
}

void EinhornSocket::add(os::Fd fd, bool inherited) {
    auto connection = std::make_unique<Connection>();
    connection->fd = std::move(fd);
    connection->inherited = inherited;
    Connection& added = *connections_.emplace_back(std::move(connection));
    added.watch = loop_->on_readable(added.fd.get(), [this, &added] { read(added); });
}

void EinhornSocket::read(Connection& connection) {
    std::array<std::byte, line_max> buffer{};
    const auto room = std::span{buffer}.first(line_max - connection.line.size());
    const auto count = os::read_some(connection.fd.get(), room);
    if (!count && os::would_block(count.error())) return;
    if (!count || *count == 0) return connection.end();
    connection.line.append(reinterpret_cast<const char*>(buffer.data()), *count);
    take_lines(connection);
    if (connection.line.size() < line_max) return;
    said_(EinhornWord::garbage);
    connection.end();
}

void EinhornSocket::take_lines(Connection& connection) {
    for (;;) {
        const auto end = connection.line.find('\n');
        if (end == std::string::npos) return;
        const EinhornWord word = read_einhorn(std::string_view{connection.line}.substr(0, end));
        connection.line.erase(0, end + 1);
        said_(word);
        switch (word) {
            case EinhornWord::ack:
            case EinhornWord::ping:
                // As einhorn does, for a client that forgets to.
                if (!connection.inherited) return connection.end();
                break;
            case EinhornWord::other:
                if (!os::send_some(connection.fd.get(), einhorn_refusal())) {
                    return connection.end();
                }
                break;
            case EinhornWord::garbage: return connection.end();
        }
    }
}

void EinhornSocket::drain() {
    accept();
    for (std::size_t i = 0; i < connections_.size(); ++i) {
        if (connections_[i]->fd) read(*connections_[i]);
    }
}

}  // namespace reeve::daemon
