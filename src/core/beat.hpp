// Heartbeats as values, and the account that makes sums that only grow of counters that reset.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/time.hpp"

namespace reeve::core {

inline constexpr std::size_t latency_buckets = 15;

/// What a process says of itself.
enum class Phase : std::uint8_t { starting, serving, draining, stopping };

/// Names a program image of a process in a worker's tree: pid as the writer sees it, and which exec
/// of it.
struct ProcessKey {
    std::uint32_t process = 0;
    std::uint32_t image = 0;
    friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
};

/// Counters that only grow while an image lives.
struct Counters {
    std::uint64_t requests = 0;
    std::uint64_t connections = 0;
    std::uint64_t errors = 0;
    std::uint64_t latency_sum_ns = 0;
    std::array<std::uint64_t, latency_buckets> latency_counts{};
    friend bool operator==(const Counters&, const Counters&) = default;
};

/// One decoded heartbeat packet.
struct BeatFrame {
    ProcessKey process;
    std::uint64_t sequence = 0;
    Phase phase = Phase::serving;
    std::uint32_t in_flight = 0;
    Time sent{};
    std::optional<Time> oldest;  ///< start of the oldest request in flight
    Counters counters;
};

/// The newest beat of one process of a worker, and when it counts as silent.
struct BeatStream {
    ProcessKey process;
    Time last_sign{};
    Phase phase = Phase::starting;
    std::uint32_t in_flight = 0;
    std::optional<Time> oldest;
    std::optional<Time> slow_reported;  ///< the request that was recorded as slow
    Counters counters;
    std::uint64_t sequence = 0;
    bool forgiven = false;   ///< the lateness of reeve was credited once since the last beat
    std::uint8_t looks = 0;  ///< how often it was examined since its last beat, for being late
};

/// Sums over the processes of one worker; hostile counters reset, they never make a sum go down.
class BeatAccount {
public:
    enum class Outcome { counted, stale, crowded };

    /// Adds one frame. `stale`: older than one already seen of that image. `crowded`: no room for
    /// another process.
    Outcome add(const BeatFrame& frame, Time now);

    /// Follows no more a process that ended or became another program; its counters stay in the
    /// sums, and a beat of it that is read later adds only what is new.
    void drop(const ProcessKey& process);
    void drop_all();

    [[nodiscard]] const Counters& totals() const noexcept { return totals_; }
    [[nodiscard]] std::uint32_t in_flight() const noexcept;
    [[nodiscard]] std::optional<Time> oldest() const noexcept;
    [[nodiscard]] bool empty() const noexcept { return streams_.empty(); }
    std::vector<BeatStream>& streams() noexcept { return streams_; }
    [[nodiscard]] const std::vector<BeatStream>& streams() const noexcept { return streams_; }
    BeatStream* find(const ProcessKey& process) noexcept;

private:
    /// Where a process that is not followed any more had arrived.
    struct Past {
        ProcessKey process;
        std::uint64_t sequence = 0;
        Counters counters;
    };
    void remember(const BeatStream& stream);
    BeatStream& open(const BeatFrame& frame);

    std::vector<BeatStream> streams_;
    std::vector<Past> past_;  ///< the newest last, at most beat_streams_max
    Counters totals_;
};

}  // namespace reeve::core
