// Facts that the shell reports to the core, in the past tense. Each names its incarnation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "core/beat.hpp"
#include "core/command.hpp"
#include "core/exit_status.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"

namespace reeve::core {

/// How a stop is done; a later one only ever escalates.
enum class StopMode : std::uint8_t { graceful, fast, immediate };

/// An operator or the system wants reeve to leave.
struct StopRequested {
    StopMode mode = StopMode::graceful;
};

/// Nothing waits in any accept queue any more (asked for by RefuseConnections).
struct QueuesEmpty {};

/// A heartbeat packet of a worker was read.
struct Beat {
    Incarnation incarnation{};
    BeatFrame frame;
};

/// Nobody holds the worker's heartbeat pipe any more.
struct BeatsEnded {
    Incarnation incarnation{};
};

/// The worker sent what is no message: on which channel, and how often since the last report.
struct Garbage {
    enum class Channel : std::uint8_t { heartbeat, control, notify, einhorn };
    Incarnation incarnation{};
    Channel channel = Channel::heartbeat;
    std::uint64_t count = 1;
};

/// What is known of a death, besides its status.
struct Exited {
    Incarnation incarnation{};
    ExitStatus status;
    bool oom_killed = false;  ///< the cgroup's count of OOM kills rose
    Duration cpu_time{};      ///< user and system
    std::uint64_t max_resident_bytes = 0;
};

/// The program was executed; from here on the process is the worker's own.
struct Spawned {
    Incarnation incarnation{};
};

/// The process could not be made, or could not become the program. No process is left.
struct SpawnFailed {
    Incarnation incarnation{};
    std::string reason;  ///< stage and system error, for people
};

/// The worker opened the conversation on its control channel.
struct Greeted {
    Incarnation incarnation{};
    bool drains = false;      ///< it acts on Drain, so needs no stop signal
    bool preloaded = false;   ///< the preload library speaks for it
    bool tells_slow = false;  ///< it reports slow requests itself
};

/// The worker reported a request that took, or is taking, too long.
struct SaidSlow {
    Incarnation incarnation{};
    Duration took{};
    std::string method;  ///< bytes of anybody's making, as is the target
    std::string target;  ///< both empty where it does not know
};

/// What showed that a worker is ready.
enum class ReadySign : std::uint8_t {
    word,       ///< its own: Ready or a serving beat
    kernel,     ///< seen waiting for connections
    time,       ///< it stayed alive
    listening,  ///< it called listen() on a socket of the pool
    notify,     ///< READY=1
    newline,    ///< a line on its readiness descriptor
    probe       ///< it answered a connection or a request
};

/// The worker said or showed that it is ready.
struct SaidReady {
    Incarnation incarnation{};
    ReadySign sign = ReadySign::word;
};

/// The worker spoke on its NOTIFY_SOCKET: all that came at once, put together. READY=1 is a
/// SaidReady.
struct Notified {
    Incarnation incarnation{};
    std::uint32_t messages = 1;
    bool alive = false;      ///< WATCHDOG=1
    bool hung = false;       ///< WATCHDOG=trigger: it found out itself
    bool stopping = false;   ///< STOPPING=1
    bool reloading = false;  ///< RELOADING=1
    Duration extension{};    ///< EXTEND_TIMEOUT_USEC: the longest asked for; 0 = not asked
};

/// Answer to Probe: what the kernel shows of a booting worker.
struct Probed {
    enum class View : std::uint8_t { accepting, quiet, busy };
    Incarnation incarnation{};
    View view = View::busy;
};

/// Answer to Examine: what became of a process that is silent.
struct Examined {
    enum class Finding : std::uint8_t { alive, gone, other_image, dumping_core };
    Incarnation incarnation{};
    ProcessKey process;
    Finding finding = Finding::alive;
};

/// Answer to Sample: what the worker's process group uses.
struct Sampled {
    Incarnation incarnation{};
    std::uint64_t resident_bytes = 0;
};

/// Answer to LookAtQueue.
struct QueueSeen {
    Incarnation incarnation{};
    std::uint32_t waiting = 0;           ///< connections that it has not accepted
    std::uint32_t busy = 0;              ///< connections that it has and that are not idle
    std::optional<std::uint64_t> ran{};  ///< another number once any thread of it ran; if known
};

/// Answer to LookAtSides: how many connections wait at each.
struct SidesSeen {
    Seat seat;
    std::array<std::uint32_t, 2> waiting{};
};

/// The on_hang hook of a hung worker ended, in whatever way.
struct HookEnded {
    Incarnation incarnation{};
};

/// Somebody asks for a planned replacement of one worker.
struct RotationRequested {
    Seat seat;
};

/// An operator gave a command. Answered by Reply, sooner or later, where `id` is not none.
struct Commanded {
    CommandId id{};
    Command command;
};

/// Answer to RunBeforeStart.
struct BeforeStartEnded {
    PoolIndex pool{};
    Generation generation{};
    bool succeeded = false;
    std::string how;  ///< "exited with code 3", for people
};

/// The one timer fired.
struct Tick {};

using Event = std::variant<StopRequested, QueuesEmpty, Beat, BeatsEnded, Garbage, Exited, Spawned,
                           SpawnFailed, Greeted, SaidSlow, SaidReady, Notified, Probed, Examined,
                           Sampled, QueueSeen, SidesSeen, HookEnded, RotationRequested, Commanded,
                           BeforeStartEnded, Tick>;

/// Position of an event among those of one turn: signs of life count before anybody is declared
/// dead, an exit annuls a Ready of the same incarnation, and nobody is respawned while a stop
/// waits.
int rank(const Event& event) noexcept;

}  // namespace reeve::core
