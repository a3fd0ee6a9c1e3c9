// What the core wants done. Imperatives; the shell carries them out in order and answers by events.
#pragma once

#include <cstdint>
#include <variant>

#include "core/beat.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"

namespace reeve::core {

/// Make a process. Answered by Spawned or SpawnFailed, and one day by Exited.
struct Spawn {
    Incarnation incarnation{};
    Seat seat;
    Generation generation{};
    std::uint64_t quota_requests = 0;  ///< jitter included; 0 = none
};

/// Send a signal to the worker alone or to its whole process group.
struct Signal {
    enum class Target : std::uint8_t { worker, tree };
    Incarnation incarnation{};
    int signal = 0;
    Target target = Target::worker;
};

/// Tell the worker over its control channel to drain within this time.
struct Drain {
    Incarnation incarnation{};
    Duration within{};
};

/// Look whether the kernel shows that the worker accepts connections. Answered by Probed.
struct Probe {
    Incarnation incarnation{};
};

/// Look at a silent process of the worker. Answered by Examined.
struct Examine {
    Incarnation incarnation{};
    ProcessKey process;
};

/// Measure what the worker's process group uses. Answered by Sampled.
struct Sample {
    Incarnation incarnation{};
};

/// Write down what every thread of the worker is doing, before it is too late.
struct Describe {
    Incarnation incarnation{};
};

/// Run the pool's on_hang command for this worker, bounded in time. Answered by HookEnded.
struct RunHangHook {
    Incarnation incarnation{};
    Duration within{};
};

/// Run the pool's on_degraded command, bounded in time. Not answered.
struct RunDegradedHook {
    PoolIndex pool{};
    Duration within{};
};

/// Stop reading the worker's heartbeat pipe: it floods.
struct IgnoreBeats {
    Incarnation incarnation{};
};

/// Let no new connection into the accept queues; answered by QueuesEmpty once those that wait are
/// served.
struct RefuseConnections {};

/// End the daemon with this exit code: no process is left.
struct Leave {
    int exit_code = 0;
};

using Action = std::variant<Spawn, Signal, Drain, Probe, Examine, Sample, Describe, RunHangHook,
                            RunDegradedHook, IgnoreBeats, RefuseConnections, Leave>;

}  // namespace reeve::core
