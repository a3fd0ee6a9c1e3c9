// Signalling, looking at and reaping children by pidfd.
#include "os/pidfd.hpp"

#include <csignal>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/process.hpp"

namespace reeve::os {
namespace {

constexpr int by_pidfd = 3;  // P_PIDFD, which older libc headers lack

core::ExitStatus to_status(const siginfo_t& info) noexcept {
    if (info.si_code == CLD_EXITED) {
        return core::ExitedWith{info.si_status};
    }
    return core::KilledBy{info.si_status, info.si_code == CLD_DUMPED};
}

core::Duration to_duration(const timeval& value) noexcept {
    return std::chrono::seconds{value.tv_sec} + std::chrono::microseconds{value.tv_usec};
}

Usage to_usage(const rusage& used) noexcept {
    return {to_duration(used.ru_utime), to_duration(used.ru_stime),
            static_cast<std::uint64_t>(used.ru_maxrss) * 1024};
}

/// The raw call, because libc's waitid has no rusage. si_pid is 0 when there is nothing to tell.
Result<siginfo_t> wait_id(int kind, int id, int options, rusage* used) noexcept {
    siginfo_t info{};
    for (;;) {
        if (::syscall(SYS_waitid, kind, id, &info, options | WEXITED | WNOHANG, used) == 0) {
            return info;
        }
        if (errno != EINTR) {
            return last_error();
        }
    }
}

Result<Departure> reap_one(int kind, int id) noexcept {
    rusage used{};
    const auto info = wait_id(kind, id, 0, &used);
    if (!info) {
        if (info.error().value() == ECHILD) {
            return Departure{core::Lost{ECHILD}, {}};
        }
        return info.error();
    }
    if (info->si_pid == 0) {
        return make_error(EAGAIN);
    }
    return Departure{to_status(*info), to_usage(used)};
}

}  // namespace

Result<void> Child::signal(int number) const noexcept {
    if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0) {
        return last_error();
    }
    return {};
}

Result<void> Child::signal_group(int number) const noexcept {
    if (reaped_ || pid_ <= 1) {
        return make_error(ESRCH);
    }
    if (::kill(-pid_, number) != 0) {
        return last_error();
    }
    return {};
}

Result<std::optional<core::ExitStatus>> Child::peek() const noexcept {
    const auto info = wait_id(by_pidfd, pidfd_.get(), WNOWAIT, nullptr);
    if (!info) {
        if (info.error().value() == ECHILD) {
            return std::optional<core::ExitStatus>{core::Lost{ECHILD}};
        }
        return info.error();
    }
    if (info->si_pid == 0) {
        return std::optional<core::ExitStatus>{};
    }
    return std::optional<core::ExitStatus>{to_status(*info)};
}

Result<Departure> Child::reap() noexcept {
    auto departure = reap_one(by_pidfd, pidfd_.get());
    reaped_ = reaped_ || departure.has_value();
    return departure;
}

Result<void> become_subreaper() noexcept {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        return last_error();
    }
    return {};
}

Result<std::optional<pid_t>> peek_orphan() noexcept {
    const auto info = wait_id(P_ALL, 0, WNOWAIT, nullptr);
    if (!info) {
        if (info.error().value() == ECHILD) {
            return std::optional<pid_t>{};
        }
        return info.error();
    }
    return info->si_pid == 0 ? std::optional<pid_t>{} : std::optional<pid_t>{info->si_pid};
}

Result<Departure> reap_orphan(pid_t pid) noexcept { return reap_one(P_PID, pid); }

Result<void> signal_process(pid_t pid, std::uint64_t start_ticks, int number) noexcept {
    if (pid <= 1) {
        return make_error(ESRCH);
    }
    const Fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    if (!pidfd) {
        return last_error();
    }
    // Checked after opening: from here on the pidfd stands for whoever had the number now.
    const auto stamp = process_stamp(pid);
    if (!stamp) {
        return stamp.error();
    }
    if (stamp->start_ticks != start_ticks) {
        return make_error(ESRCH);
    }
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) != 0) {
        return last_error();
    }
    return {};
}

}  // namespace reeve::os
