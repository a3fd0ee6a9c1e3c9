// Telling the service manager about ourselves: the sd_notify protocol, without libsystemd.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/time.hpp"
#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// Sends to the socket that NOTIFY_SOCKET names; one that talks to nobody sends nothing.
class Notifier {
public:
    Notifier() noexcept = default;

    /// Takes NOTIFY_SOCKET ("/path" or "@abstract"), WATCHDOG_USEC and WATCHDOG_PID. Nobody listens
    /// where the variable is missing, names another kind of address, or no socket can be had.
    [[nodiscard]] static Notifier from_environment();

    /// Whether there is a service manager to talk to.
    explicit operator bool() const noexcept { return static_cast<bool>(socket_); }
    /// Where its socket is, and with systemd others of its sockets too; empty for an abstract name.
    [[nodiscard]] std::string directory() const;
    /// Without a WATCHDOG=1 for so long the service manager ends us; nothing where it does not
    /// watch.
    [[nodiscard]] std::optional<core::Duration> watchdog() const noexcept { return watchdog_; }

    /// One datagram of lines "KEY=VALUE", with copies of `fds` (at most 16; FDSTORE=1). Never
    /// blocks: EAGAIN when the manager does not keep up. Success where there is none.
    [[nodiscard]] Result<void> send(std::string_view text,
                                    std::span<const int> fds = {}) const noexcept;

private:
    Fd socket_;
    std::string address_;  ///< as in sun_path: an abstract name begins with a zero byte
    std::optional<core::Duration> watchdog_;
};

}  // namespace reeve::os
