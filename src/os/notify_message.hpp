// What a program says by the sd_notify protocol, read from one datagram of whoever.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "core/time.hpp"

namespace reeve::os {

struct NotifyMessage {
    bool ready = false;
    bool alive = false;    ///< WATCHDOG=1
    bool trigger = false;  ///< WATCHDOG=trigger
    bool stopping = false;
    bool reloading = false;
    core::Duration extension{};         ///< EXTEND_TIMEOUT_USEC; 0 = not asked
    std::optional<std::string> status;  ///< at most notify_status_max bytes, of any kind
    std::optional<pid_t> main_pid;      ///< as claimed
    std::optional<int> error;           ///< ERRNO
    std::optional<std::string> bus_error;
};

inline constexpr std::size_t notify_message_max = 4096;
inline constexpr std::size_t notify_status_max = 256;

/// Lines KEY=VALUE; those that nobody here has a use for are skipped. Nothing for a text in which
/// no line has this form.
[[nodiscard]] std::optional<NotifyMessage> parse_notify(std::string_view text);

}  // namespace reeve::os
