// Processes that an earlier run of this service left behind in its cgroup.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// Somebody else's child; the pidfd makes sure that nobody else of that number is meant.
struct LeftOver {
    pid_t pid = 0;
    Fd pidfd;  ///< readable when it has ended

    /// The value of a variable that it was started with; empty where it has none, or where it may
    /// not be seen.
    [[nodiscard]] std::string variable(const std::string& name) const;
    /// ESRCH when it has ended.
    [[nodiscard]] Result<void> signal(int number) const noexcept;
};

/// Everybody in our own cgroup who is older than we are and neither below nor above us. Empty
/// unless a service manager started us as a unit's main process: it starts it in an empty cgroup,
/// so who else is there was left over; the cgroup of a shell is full of innocent people.
[[nodiscard]] std::vector<LeftOver> find_left_over();

/// Pids in the cgroup of `self`, which must be among them; nothing for the root of a hierarchy.
/// `proc` and the mount points in it may be a test's own.
[[nodiscard]] std::vector<pid_t> cgroup_processes(pid_t self,
                                                  const std::filesystem::path& proc = "/proc/self",
                                                  const std::filesystem::path& root = "/");

}  // namespace reeve::os
