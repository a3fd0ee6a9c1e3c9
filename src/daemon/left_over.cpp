// Who is left over, and how it is ended.
#include "daemon/left_over.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <poll.h>

#include "daemon/render_parts.hpp"
#include "os/clock.hpp"
#include "os/signals.hpp"

namespace reeve::daemon {
namespace {

/// Waits for its end until then; whether it has come.
bool gone(const os::LeftOver& process, core::Time until) {
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - os::now()).count();
        pollfd end{process.pidfd.get(), POLLIN, 0};
        const int ready =
            ::poll(&end, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
        if (ready > 0) return true;
        if (left <= 0) return false;
    }
}

constexpr auto kill_takes = std::chrono::seconds{5};

}  // namespace

LeftOvers::LeftOvers(Loop& loop, Log& log, const core::Config& config)
    : log_(log), deadline_(loop.make_timer([this] { kill_late(); })) {
    for (os::LeftOver& process : os::find_left_over()) {
        const std::string name = process.variable("REEVE_POOL");
        const auto pool = std::ranges::find_if(
            config.pools, [&](const core::PoolConfig& each) { return each.name == name; });
        One one;
        one.process = std::move(process);
        one.stop_signal = SIGTERM;
        one.grace = core::PoolPolicy{}.graceful_timeout;
        if (pool != config.pools.end()) {
            one.stop_signal = pool->policy.stop_signal;
            one.grace = pool->policy.graceful_timeout;
            one.first = pool->policy.update == core::Update::recreate;
        }
        LogLine line{core::LogLevel::warning, "left_over", name, {}};
        line.message = text("pid ", one.process.pid, " is left over from a reeve that died");
        add(line, "pid", one.process.pid);
        if (!name.empty()) add(line, "pool", name);
        log_.write(line);
        all_.push_back(std::move(one));
    }
    end_singletons();
}

void LeftOvers::end_singletons() {
    core::Time until = os::now();
    for (One& one : all_) {
        if (!one.first) continue;
        tell(one);
        until = std::max(until, os::now() + one.grace);
    }
    for (const One& one : all_) {
        if (!one.first || gone(one.process, until)) continue;
        (void)one.process.signal(SIGKILL);
        (void)gone(one.process, os::now() + kill_takes);
    }
    std::erase_if(all_, [](const One& one) { return one.first; });
}

void LeftOvers::tell(One& one) {
    if (one.told) return;
    one.told = true;
    if (!one.process.signal(one.stop_signal)) return;
    LogLine line{core::LogLevel::info, "left_over_stop", {}, {}};
    line.message = text("pid ", one.process.pid, ", left over: ", os::signal_name(one.stop_signal));
    add(line, "pid", one.process.pid);
    log_.write(line);
}

void LeftOvers::end_all() {
    if (all_.empty() || ending_) return;
    ending_ = true;
    core::Duration longest{};
    for (One& one : all_) {
        tell(one);
        longest = std::max(longest, one.grace);
    }
    deadline_.set(os::now() + longest);
}

void LeftOvers::kill_late() {
    for (const One& one : all_) {
        if (gone(one.process, os::now()) || !one.process.signal(SIGKILL)) continue;
        LogLine line{core::LogLevel::warning, "left_over_kill", {}, {}};
        line.message = text("pid ", one.process.pid, ", left over, did not leave: SIGKILL");
        add(line, "pid", one.process.pid);
        log_.write(line);
    }
    all_.clear();
}

}  // namespace reeve::daemon
