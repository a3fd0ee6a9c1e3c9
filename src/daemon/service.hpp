// Tells the service manager what reeve is doing. Decides nothing.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "core/supervisor.hpp"
#include "core/time.hpp"
#include "daemon/loop.hpp"
#include "os/fd.hpp"
#include "os/notify.hpp"

namespace reeve::daemon {

/// Without a service manager every call does nothing. Nothing blocks but `sync`: what the manager
/// has no room for waits here, a bounded amount of it, and is sent in order.
class Service {
public:
    Service(Loop& loop, os::Notifier notifier);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    /// Whether there is a service manager.
    explicit operator bool() const noexcept { return static_cast<bool>(notifier_); }

    /// READY=1 was said.
    [[nodiscard]] bool has_been_ready() const noexcept { return said_ready_; }
    /// Sends lines "KEY=VALUE", with a copy of `fd` where there is one.
    void post(std::string lines, int fd = -1);
    /// Returns when the manager has read everything, or after a second. For the start.
    void sync();

    /// Whether this stop is a restart, so that another reeve comes right after this one. Asks the
    /// service manager, for at most half a second.
    [[nodiscard]] bool comes_again() const;
    /// Somebody asked for a reload; what becomes of it is seen by `look`.
    void reload_asked(core::Time now);
    /// Looks at what the last turn changed. `news`: it had records. The supervisor is borrowed
    /// until the next look.
    void look(const core::Supervisor& supervisor, bool news, core::Time now);

private:
    enum class Said { starting, ready, reloading, stopping };
    struct Letter {
        std::string lines;
        os::Fd fd;
    };

    void say_phase(const core::Supervisor& supervisor, core::Time now);
    void say_status(const core::Supervisor& supervisor, core::Time now);
    void reloading(core::Time now);
    void deliver();
    void on_time();
    void set_timer();
    void feed_watchdog();

    os::Notifier notifier_;
    std::deque<Letter> waiting_;
    const core::Supervisor* supervisor_ = nullptr;
    Said said_ = Said::starting;
    bool said_ready_ = false;
    std::string status_;
    std::optional<core::Time> status_due_;  ///< it may have changed; said at this time
    core::Time status_said_{};
    std::optional<core::Time> extend_due_;
    std::optional<core::Time> retry_due_;
    Timer timer_;
    Timer watchdog_;
};

/// "web 4/4 ready, queue 1/2 ready", shorter with many pools; without those that were removed.
[[nodiscard]] std::string service_status(const core::Supervisor& supervisor);

}  // namespace reeve::daemon
