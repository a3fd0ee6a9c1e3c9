// The filter with which a child asks us about its bind(2) and listen(2), and how it tells us where.
#pragma once

#include <optional>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// Over `theirs` the child sends the descriptor on which its questions arrive (BindNotices).
struct NoticeChannel {
    Fd ours;
    Fd theirs;
};

[[nodiscard]] Result<NoticeChannel> make_notice_channel() noexcept;

/// nullopt: not sent yet. EPIPE: the child ended, or became the program, without having sent it.
[[nodiscard]] Result<std::optional<Fd>> receive_notices(int channel) noexcept;

/// For the child, between clone and exec: from here on every bind and listen of this process and
/// its descendants waits for an answer, and gets ENOSYS once nobody holds the descriptor that goes
/// over `channel`. With CAP_SYS_ADMIN no privilege is lost, so this belongs before the change of
/// user; without it the process gives up the power of setuid programs (PR_SET_NO_NEW_PRIVS).
/// Returns an errno, 0 = done. Async-signal-safe.
[[nodiscard]] int install_bind_filter(int channel) noexcept;

}  // namespace reeve::os
