// What the core wants done. Imperatives; the shell carries them out in order and answers by events.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/beat.hpp"
#include "core/command.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"

namespace reeve::core {

/// Make a process. Answered by Spawned or SpawnFailed, and one day by Exited.
struct Spawn {
    Incarnation incarnation{};
    Seat seat;
    Generation generation{};
    std::uint64_t quota_requests = 0;  ///< jitter included; 0 = none
    Side side = Side::a;               ///< of its seat's sockets, where each seat has its own
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

/// Where new connections may go: to the socket of one side of a seat, for a worker of this
/// generation.
struct Place {
    SlotIndex slot{};
    Side side{};
    Generation generation{};
    friend bool operator==(const Place&, const Place&) = default;
};

/// From now on new connections of a pool whose seats have their own sockets go to these places.
struct Steer {
    PoolIndex pool{};
    std::vector<Place> places;
};

/// Look how many connections wait for the worker, and how many are busy in it, or else, where some
/// wait, whether it runs. Answered by QueueSeen.
struct LookAtQueue {
    Incarnation incarnation{};
    bool busy = false;
};

/// Look how many connections wait at each side of a seat. Answered by SidesSeen.
struct LookAtSides {
    Seat seat;
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

/// From here on a Spawn may name this generation of the pool: it is started as the `position`'th
/// pool of the configuration that this command brought says.
struct BeginGeneration {
    PoolIndex pool{};
    Generation generation{};
    CommandId command{};
    std::uint32_t position = 0;
};

/// No process of this generation is left and none will be made: its sockets may go.
struct EndGeneration {
    PoolIndex pool{};
    Generation generation{};
};

/// This generation is the one in force from here on: what only others listen on is refused.
struct KeepGeneration {
    PoolIndex pool{};
    Generation generation{};
};

/// The pool's before_start command is to be run as this generation says. Answered by
/// BeforeStartEnded.
struct RunBeforeStart {
    PoolIndex pool{};
    Generation generation{};
    Duration within{};
};

/// Answer to a command. `text` says in a few words what came of it.
struct Reply {
    CommandId command{};
    Verdict verdict{};
    std::string text;
};

/// End the daemon with this exit code: no process is left.
struct Leave {
    int exit_code = 0;
};

using Action =
    std::variant<Spawn, Signal, Drain, Steer, LookAtQueue, LookAtSides, Probe, Examine, Sample,
                 Describe, RunHangHook, RunDegradedHook, IgnoreBeats, RefuseConnections,
                 BeginGeneration, EndGeneration, KeepGeneration, RunBeforeStart, Reply, Leave>;

}  // namespace reeve::core
