// What the cgroup allows and what it did: CPU quota and OOM kills, of cgroup v1 and v2.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// Where to look; tests give trees of their own.
struct CgroupRoots {
    std::filesystem::path cgroup = "/proc/self/cgroup";
    std::filesystem::path mountinfo = "/proc/self/mountinfo";
    std::filesystem::path mounts = "/";  ///< put before each mount point
};

struct CpuCount {
    unsigned cpus = 1;            ///< the smaller of the two below, at least 1
    unsigned affinity = 1;        ///< CPUs in the affinity mask
    std::optional<double> quota;  ///< tightest of this cgroup and its ancestors, in CPUs
    /// "2 CPUs: cgroup quota 150000/100000 us (/a/b) rounded up, affinity 8"
    std::string explanation;
};

/// CPUs that this process may use. `affinity`: instead of asking the kernel.
[[nodiscard]] CpuCount available_cpus(const CgroupRoots& roots = {},
                                      std::optional<unsigned> affinity = {});

/// Counts processes of this cgroup that the OOM killer took.
class OomCounter {
public:
    OomCounter() noexcept = default;

    /// v2 memory.events, v1 memory.oom_control, else the whole machine's count of /proc/vmstat.
    [[nodiscard]] static Result<OomCounter> open(const CgroupRoots& roots = {});

    /// Kills so far.
    [[nodiscard]] Result<std::uint64_t> read() const noexcept;
    /// The file that is read.
    [[nodiscard]] const std::filesystem::path& source() const noexcept { return source_; }

private:
    Fd fd_;
    std::filesystem::path source_;
};

}  // namespace reeve::os
