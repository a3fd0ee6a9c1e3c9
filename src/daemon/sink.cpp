// Writes at once while nobody is slow, and keeps a bounded queue while somebody is.
#include "daemon/sink.hpp"

#include <poll.h>
#include <utility>

namespace reeve::daemon {
namespace {

/// What a waiting piece takes, so that many short ones are bounded too.
constexpr std::uint64_t cost(std::size_t bytes) noexcept { return bytes + sizeof(std::string); }

}  // namespace

Sink::Sink(Loop& loop, os::Output output, std::uint64_t room)
    : loop_(loop), output_(std::move(output)), room_(room) {}

bool Sink::write(std::string_view piece, unsigned share) {
    if (piece.empty()) return true;
    if (waiting_.empty()) {
        const auto wrote = output_.write(piece);
        if (wrote) {
            if (*wrote == piece.size()) return true;
            piece.remove_prefix(*wrote);
        } else if (!os::would_block(wrote.error())) {
            return false;
        }
    } else if (used_ + cost(piece.size()) > room_ * share / 100) {
        return false;
    }
    // What follows a partial write must be kept even beyond the room, or a line would be torn.
    waiting_.emplace_back(piece);
    used_ += cost(piece.size());
    if (!writable_ && output_.pollable()) {
        writable_ = loop_.on_writable(output_.fd(), [this] { drain(); });
    }
    return true;
}

void Sink::drain() {
    while (!waiting_.empty()) {
        const std::string& first = waiting_.front();
        const auto wrote = output_.write(std::string_view{first}.substr(written_));
        if (!wrote && os::would_block(wrote.error())) return;
        // Any other error loses the piece: a full disk or a closed pipe must not stop supervision.
        written_ = wrote ? written_ + *wrote : first.size();
        if (written_ < first.size()) continue;
        used_ -= cost(first.size());
        written_ = 0;
        waiting_.pop_front();
    }
    writable_.stop();
}

void Sink::replace(os::Output output) { output_ = std::move(output); }

void Sink::flush(int milliseconds) {
    drain();
    for (int round = 0; round < 10 && !waiting_.empty() && output_.pollable(); ++round) {
        pollfd wanted{output_.fd(), POLLOUT, 0};
        if (poll(&wanted, 1, milliseconds / 10) < 0) return;
        drain();
    }
}

}  // namespace reeve::daemon
