// What a process uses, read cheaply enough to be read of hundreds: CPU, memory, descriptors.
#pragma once

#include <cstdint>
#include <optional>
#include <sys/types.h>

#include "core/time.hpp"
#include "os/result.hpp"

namespace reeve::os {

struct ProcessUsage {
    pid_t parent = 0;
    core::Duration cpu_time{};  ///< user and system, its own and that of children it has reaped
    std::uint64_t resident_bytes = 0;
};

/// One read of /proc/PID/stat. ESRCH or ENOENT when there is no such process.
[[nodiscard]] Result<ProcessUsage> usage_of(pid_t pid) noexcept;

/// Open descriptors of a process. EACCES where it may not be looked at, ENOSYS where the kernel
/// does not tell without listing them (before Linux 6.2) and there are more than a few thousand.
[[nodiscard]] Result<std::uint32_t> open_descriptors(pid_t pid);

/// CPU time of this process itself, user and system, without children.
[[nodiscard]] core::Duration own_cpu_time() noexcept;

/// The soft limit of open descriptors of this process.
[[nodiscard]] std::optional<std::uint64_t> own_descriptor_limit() noexcept;

}  // namespace reeve::os
