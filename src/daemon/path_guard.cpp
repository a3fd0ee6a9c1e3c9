// The kernel tells when a name is gone; without its help a path waits for the next bind or exit.
#include "daemon/path_guard.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/render_parts.hpp"
#include "os/clock.hpp"

namespace reeve::daemon {
namespace {

/// A worker that unlinks on and on must not keep the loop from everything else.
constexpr auto pause_after_look = std::chrono::milliseconds{1};

}  // namespace

PathGuard::PathGuard(Loop& loop, Log& log)
    : loop_(loop), log_(log), pause_(loop.make_timer([this] { watch(); })) {}

void PathGuard::add(const std::shared_ptr<os::Listener>& listener) {
    const std::string path = listener->host();
    if (!listener->has_second_name()) return;
    const bool known =
        std::ranges::any_of(listeners_, [&](const auto& one) { return one.lock() == listener; });
    if (known) return;
    if (!files_) {
        auto files = os::PathWatch::open();
        if (!files) return;
        files_ = std::move(*files);
        watch();
    }
    if (files_->add(path)) listeners_.push_back(listener);
}

void PathGuard::watch() {
    watch_ = loop_.on_readable(files_->fd(), [this] { look(); });
}

void PathGuard::look() {
    files_->drain();
    watch_.stop();
    pause_.set(os::now() + pause_after_look);
    std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
    for (const auto& one : listeners_) {
        const auto listener = one.lock();
        const auto restored = listener->restore_path();
        if (!restored || !*restored) continue;
        LogLine line{core::LogLevel::debug, "path_restored", {}, {}};
        line.message = text("somebody unlinked ", listener->address(), ": it is there again");
        daemon::add(line, "address", listener->address());
        log_.write(line);
    }
}

}  // namespace reeve::daemon
