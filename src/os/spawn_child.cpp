// The way from clone to exec. Async-signal-safe: no allocation, no locks, no libc state.
#include "os/spawn_child.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/bind_filter.hpp"

namespace reeve::os {
namespace {

[[noreturn]] void fail(int report, SpawnStage stage, int error) noexcept {
    const ExecFailure failure{static_cast<std::uint32_t>(stage), error};
    while (::write(report, &failure, sizeof failure) < 0 && errno == EINTR) {
    }
    ::_exit(127);
}

/// Before anything else: whatever happens to a shared table happens to the parent's.
void take_own_table(int report) noexcept {
    if (::syscall(SYS_close_range, low_numbers_end, ~0U, CLOSE_RANGE_UNSHARE) != 0 &&
        ::syscall(SYS_unshare, CLONE_FILES) != 0) {
        fail(report, SpawnStage::descriptors, errno);
    }
    const ExecFailure none{own_table, 0};
    while (::write(report, &none, sizeof none) < 0 && errno == EINTR) {
    }
}

/// Handlers were cleared by clone; what the parent ignores (SIGPIPE) is still ignored. The raw
/// call, because libc refuses its own two real-time signals.
void reset_signals() noexcept {
    const std::uint64_t default_action[8] = {};
    for (int number = 1; number <= 64; ++number) {
        ::syscall(SYS_rt_sigaction, number, default_action, nullptr, std::size_t{8});
    }
}

/// Where close_range(2) is missing: what /proc/self/fd lists, or else every number up to the limit.
void close_from_slowly(int lowest) noexcept {
    const int directory = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        for (int fd = lowest; fd < 65536; ++fd) {
            ::close(fd);
        }
        return;
    }
    alignas(dirent64) char buffer[4096];
    for (;;) {
        const long size = ::syscall(SYS_getdents64, directory, buffer, sizeof buffer);
        if (size <= 0) {
            break;
        }
        for (long at = 0; at < size;) {
            const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
            int fd = 0;
            for (const char* digit = entry->d_name; *digit >= '0' && *digit <= '9'; ++digit) {
                fd = fd * 10 + (*digit - '0');
            }
            if (fd >= lowest && fd != directory) {
                ::close(fd);
            }
            at += entry->d_reclen;
        }
    }
    ::close(directory);
}

/// What only the way to exec needs.
struct Channels {
    int report = -1;
    int notices = -1;
};

/// Puts every source at its target and closes all others. Sources may be any numbers, targets of
/// others too, so all are parked above the targets first. What only the way to exec needs comes
/// right behind the targets.
Channels place_descriptors(const ChildPlan& plan) noexcept {
    int report = plan.report;
    const int base = static_cast<int>(plan.placements.size());
    const bool filters = plan.notice_channel >= 0;
    const int end = filters ? base + 2 : base + 1;
    plan.placements[0].source = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (plan.placements[0].source < 0) {
        fail(report, SpawnStage::standard_input, errno);
    }
    for (Placement& placement : plan.placements) {
        placement.parked = ::fcntl(placement.source, F_DUPFD_CLOEXEC, end);
        if (placement.parked < 0) {
            fail(report, SpawnStage::descriptors, errno);
        }
    }
    int notices = -1;
    if (filters) {
        notices = ::fcntl(plan.notice_channel, F_DUPFD_CLOEXEC, end);
        if (notices < 0) {
            fail(report, SpawnStage::descriptors, errno);
        }
    }
    if (report != base) {
        if (::dup3(report, base, O_CLOEXEC) < 0) {
            fail(report, SpawnStage::descriptors, errno);
        }
        report = base;
    }
    if (filters) {
        if (::dup3(notices, base + 1, O_CLOEXEC) < 0) {
            fail(report, SpawnStage::descriptors, errno);
        }
        notices = base + 1;
    }
    for (const Placement& placement : plan.placements) {
        if (::dup2(placement.parked, placement.target) < 0) {
            fail(report, SpawnStage::descriptors, errno);
        }
    }
    if (::syscall(SYS_close_range, static_cast<unsigned>(end), ~0U, 0U) != 0) {
        close_from_slowly(end);
    }
    return {report, notices};
}

void set_limits(int report, const ChildPlan& plan) noexcept {
    if (plan.umask != nullptr) {
        ::umask(*plan.umask);
    }
    if (plan.nice != nullptr && ::setpriority(PRIO_PROCESS, 0, *plan.nice) != 0) {
        fail(report, SpawnStage::nice, errno);
    }
    for (const ResourceLimit& limit : plan.limits) {
        const std::uint64_t values[2] = {limit.soft, limit.hard};
        if (::syscall(SYS_prlimit64, 0, limit.resource, values, nullptr) != 0) {
            fail(report, SpawnStage::limits, errno);
        }
    }
    if (!plan.cpus.empty() &&
        ::syscall(SYS_sched_setaffinity, 0, plan.cpus.size_bytes(), plan.cpus.data()) != 0) {
        fail(report, SpawnStage::affinity, errno);
    }
}

void write_own_pid(char* slot) noexcept {
    char digits[12];
    int count = 0;
    for (long pid = ::syscall(SYS_getpid); pid > 0; pid /= 10) {
        digits[count++] = static_cast<char>('0' + pid % 10);
    }
    while (count > 0) {
        *slot++ = digits[--count];
    }
    *slot = '\0';
}

/// The search of execvp, without its shell. Returns the error that says most.
int exec_first(const ChildPlan& plan) noexcept {
    int error = ENOENT;
    for (const char* const* path = plan.candidates; *path != nullptr; ++path) {
        ::execve(*path, plan.argv, plan.env);
        switch (errno) {
            case EACCES: error = EACCES; break;
            case ENOENT:
            case ENOTDIR:
            case ENAMETOOLONG:
            case ESTALE:
            case ENODEV:
            case ETIMEDOUT:
                if (error == ENOENT) {
                    error = errno;
                }
                break;
            default: return errno;
        }
    }
    return error;
}

}  // namespace

std::optional<SpawnStage> change_user(const Credentials& who) noexcept {
    if (::syscall(SYS_setgroups, who.groups.size(), who.groups.data()) != 0) {
        return SpawnStage::groups;
    }
    if (::syscall(SYS_setresgid, who.gid, who.gid, who.gid) != 0) {
        return SpawnStage::gid;
    }
    if (::syscall(SYS_setresuid, who.uid, who.uid, who.uid) != 0) {
        return SpawnStage::uid;
    }
    return std::nullopt;
}

void run_child(const ChildPlan& plan) noexcept {
    if (plan.shares_table) {
        take_own_table(plan.report);
    }
    reset_signals();
    if (::setpgid(0, 0) != 0) {
        fail(plan.report, SpawnStage::group, errno);
    }
    const auto [report, notices] = place_descriptors(plan);
    set_limits(report, plan);
    if (notices >= 0) {
        if (const int error = install_bind_filter(notices); error != 0) {
            fail(report, SpawnStage::bind_filter, error);
        }
        ::close(notices);
    }
    if (plan.credentials != nullptr) {
        if (const auto failed = change_user(*plan.credentials)) {
            fail(report, *failed, errno);
        }
    }
    if (plan.parent_death_signal != 0) {
        // After the change of user, which clears it; then the parent may have died before it was
        // set.
        if (::prctl(PR_SET_PDEATHSIG, plan.parent_death_signal) != 0) {
            fail(report, SpawnStage::parent_death, errno);
        }
        if (::syscall(SYS_getppid) != plan.parent) {
            fail(report, SpawnStage::parent_death, ESRCH);
        }
    }
    if (plan.cwd != nullptr && ::chdir(plan.cwd) != 0) {
        fail(report, SpawnStage::cwd, errno);
    }
    for (char* const slot : plan.pid_slots) {
        write_own_pid(slot);
    }
    const std::uint64_t no_signals = 0;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, sizeof no_signals);
    fail(report, SpawnStage::exec, exec_first(plan));
}

}  // namespace reeve::os
