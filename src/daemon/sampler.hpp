// What the workers' process trees use, read from /proc when somebody asks, within a time limit.
#pragma once

#include <cstdint>
#include <optional>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

#include "core/ids.hpp"
#include "core/time.hpp"

namespace reeve::daemon {

/// Of a worker with all processes below it, at the latest look. Shared pages count in each process.
struct Sample {
    core::Duration cpu_time{};  ///< never goes back
    std::uint64_t resident_bytes = 0;
    std::optional<std::uint32_t> open_descriptors;  ///< of the worker's own process
};

class Sampler {
public:
    struct Living {
        core::Incarnation incarnation{};
        pid_t pid = 0;
    };

    /// A call takes about this long at the most; who was not reached is the first in the next one.
    static constexpr core::Duration budget = std::chrono::milliseconds{4};
    /// More often than this nothing is read.
    static constexpr core::Duration interval = std::chrono::milliseconds{250};

    /// Looks at the living, and forgets all others. Their pids must not be reused before it
    /// returns: no one of them is reaped yet.
    void refresh(core::Time now, const std::vector<Living>& living);

    /// Null until it was looked at.
    [[nodiscard]] const Sample* find(core::Incarnation incarnation) const;

private:
    struct Entry {
        std::optional<Sample> sample;
        std::vector<pid_t> below;  ///< the other processes of its tree
        std::optional<core::Time> listed;
        std::uint64_t round = 0;
    };
    void look(Entry& entry, pid_t pid, core::Time now, bool may_list);

    std::unordered_map<std::uint64_t, Entry> entries_;
    std::optional<core::Time> last_;
    std::uint64_t round_ = 0;
    std::size_t next_ = 0;  ///< where the next call goes on
};

}  // namespace reeve::daemon
