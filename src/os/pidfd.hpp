// A child process as an object that owns its pidfd: to signal, to look at, to reap. No policy.
#pragma once

#include <cstdint>
#include <optional>
#include <sys/types.h>

#include "core/exit_status.hpp"
#include "core/time.hpp"
#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// What a process used up, with its reaped children.
struct Usage {
    core::Duration user{};
    core::Duration system{};
    std::uint64_t resident_bytes_max = 0;
};

/// How a process ended and what it used.
struct Departure {
    core::ExitStatus status;
    Usage usage;
};

/// One child. The pidfd becomes readable when it exits; until `reap` the zombie holds its pid and
/// its group id.
///
/// The order on exit (the pidfd is readable): drain its pipes; `peek`; read what /proc still shows
/// of the zombie; `signal_group(SIGKILL)` for what is left of its group; `reap`. Only then is the
/// number free for reuse. The destructor closes the pidfd and does nothing to the process.
class Child {
public:
    Child() noexcept = default;
    Child(pid_t pid, Fd pidfd) noexcept : pid_{pid}, pidfd_{std::move(pidfd)} {}

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// Borrowed: to poll for readability.
    [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(pidfd_); }
    [[nodiscard]] bool reaped() const noexcept { return reaped_; }

    /// To the process alone; cannot hit another one. ESRCH once it has exited.
    [[nodiscard]] Result<void> signal(int number) const noexcept;

    /// To its whole process group (which it leads). Refused with ESRCH after `reap`: the number may
    /// be somebody else's.
    [[nodiscard]] Result<void> signal_group(int number) const noexcept;

    /// How it ended, without reaping it; nullopt while it runs.
    [[nodiscard]] Result<std::optional<core::ExitStatus>> peek() const noexcept;

    /// Reaps it. EAGAIN while it runs; a status that somebody else took away is core::Lost and not
    /// an error.
    [[nodiscard]] Result<Departure> reap() noexcept;

private:
    pid_t pid_ = -1;
    Fd pidfd_;
    bool reaped_ = false;
};

/// Orphans below this process become its children instead of init's.
[[nodiscard]] Result<void> become_subreaper() noexcept;

/// The pid of some child that has exited, known or not, without reaping it; nullopt when there is
/// none. It is the same one until it is reaped, so reap the known ones first.
[[nodiscard]] Result<std::optional<pid_t>> peek_orphan() noexcept;

/// Reaps this exited child, which must have come from `peek_orphan` in the same turn. EAGAIN when
/// it has not exited.
[[nodiscard]] Result<Departure> reap_orphan(pid_t pid) noexcept;

/// Signals a process that is no child, without hitting a successor of its pid: `start_ticks` (see
/// process.hpp) must still be its start time. ESRCH when it is gone.
[[nodiscard]] Result<void> signal_process(pid_t pid, std::uint64_t start_ticks,
                                          int number) noexcept;

}  // namespace reeve::os
