// What happened, as nouns: log line, counter and event stream are renderings of the same record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/event.hpp"
#include "core/exit_status.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"

namespace reeve::core {

/// States of the worker machine; see worker.hpp.
enum class State : std::uint8_t {
    down,
    starting,
    serving,
    hung,
    draining,
    aborting,
    killing,
    backoff,
    failed
};

/// Why a process is started or ended.
enum class Reason : std::uint8_t {
    none,
    start,            ///< the pool wants it
    crash,            ///< it ended without being asked
    boot_failure,     ///< it could not be started
    start_timeout,    ///< it owed a Ready
    hang,             ///< silence
    request_timeout,  ///< one request took too long
    requests,         ///< quotas
    lifetime,
    memory,
    flood,       ///< it floods its heartbeat pipe
    own_drain,   ///< it said that it is leaving
    requested,   ///< somebody asked for its replacement
    left_queue,  ///< connections wait where only its successor can take them
    core_dump,   ///< it is writing a core dump
    reload,      ///< of another generation than the one that is wanted
    rollback,    ///< of the generation that failed
    scale,       ///< the pool wants fewer workers
    stopped,     ///< an operator stopped it
    stop         ///< reeve is leaving
};

/// What told that a worker hangs.
enum class HangSign : std::uint8_t {
    beats,     ///< no heartbeat
    watchdog,  ///< no WATCHDOG=1
    trigger,   ///< WATCHDOG=trigger
    queue      ///< connections wait and it does not run
};

/// What a worker says of itself on its NOTIFY_SOCKET.
enum class Notice : std::uint8_t { reloading, stopping, extension };

std::string_view name(State state) noexcept;
std::string_view name(Reason reason) noexcept;
std::string_view name(ReadySign by) noexcept;
std::string_view name(StopMode mode) noexcept;
std::string_view name(HangSign by) noexcept;
std::string_view name(Notice what) noexcept;
std::string_view name(Garbage::Channel channel) noexcept;

/// What most records are about.
struct About {
    Seat seat;
    Incarnation incarnation{};
};

/// A worker changed its state; `ready` and `wanted` are the pool's counts after it.
struct Transition {
    About about;
    State from{};
    State to{};
    Reason reason{};
    std::uint32_t ready = 0;
    std::uint32_t wanted = 0;
};

struct WorkerStarted {
    About about;
    Reason reason{};
    Generation generation{};
    Duration took{};  ///< Spawn to exec
};

struct WorkerReady {
    About about;
    ReadySign by{};
    Duration took{};  ///< Spawn to ready
};

/// A process ended, by itself or not; `reason` is none where nobody asked it to.
struct WorkerDied {
    About about;
    ExitStatus status;
    Reason reason{};
    int signal_sent = 0;  ///< the last signal that reeve sent to it, 0 = none
    bool told_to_drain = false;
    bool oom_killed = false;
    bool was_ready = false;
    Duration uptime{};
    bool has_beaten = false;  ///< else nothing is known of its requests
    std::uint64_t requests = 0;
    std::uint32_t in_flight = 0;  ///< as it said last
    Counters counters;            ///< all that its beats counted
    Duration cpu_time{};
    std::uint64_t max_resident_bytes = 0;
};

struct SpawnFailure {
    About about;
    std::string reason;
};

/// The next start waits: `failures` deaths in a row before the worker was stable.
struct Backoff {
    Seat seat;
    std::uint32_t failures = 0;
    Duration delay{};
};

/// The worker ended with a code that is declared fatal: it stays down.
struct SlotFailed {
    About about;
    int exit_code = 0;
};

struct StartTimeout {
    About about;
    Duration limit{};
};

struct Hang {
    About about;
    HangSign by{};
    std::uint32_t process = 0;  ///< the silent one as it calls itself; 0 = never beat
    Duration silence{};
    Duration limit{};
    std::uint64_t requests = 0;
    std::uint32_t in_flight = 0;
    Duration oldest{};          ///< age of its oldest request in flight, 0 = none
    std::uint32_t waiting = 0;  ///< connections that it leaves in its queue; 0 = it does not beat
};

/// A worker said for the first time (in this state: an extension) that it reloads, stops, or needs
/// more time.
struct WorkerNotice {
    About about;
    Notice what{};
    Duration extension{};  ///< how long it may take from now on
};

/// A request took, or is taking, longer than it may without being noticed.
struct SlowRequest {
    About about;
    Duration age{};
    Duration limit{};
    std::string method{};  ///< with the target: bytes of anybody's making; empty = not known
    std::string target{};
    std::uint64_t left_out = 0;  ///< of this worker, since the record before: there were too many
};

struct RequestTimeout {
    About about;
    Duration age{};
    Duration limit{};
};

/// The worker is writing a core dump; it gets `patience` for it.
struct CoreDump {
    About about;
    Duration patience{};
};

/// The time of a phase of ending is over: SIGKILL goes to the whole tree.
struct Kill {
    About about;
    Reason reason{};
    Duration waited{};
};

/// SIGKILL was sent and the process is still there.
struct KillOverdue {
    About about;
    Duration waited{};
};

/// A worker is due for replacement; `value` and `limit` in the quota's own unit (requests,
/// nanoseconds, bytes).
struct RotationDue {
    About about;
    Reason reason{};
    std::uint64_t value = 0;
    std::uint64_t limit = 0;
};

struct RotationStart {
    About about;  ///< the old one
    Incarnation successor{};
    Reason reason{};
};

struct Rotation {
    About about;  ///< the old one
    Incarnation successor{};
    Reason reason{};
    Duration took{};  ///< from the start of the successor
};

/// Replacements wait because `draining` old workers are still leaving.
struct RollWait {
    PoolIndex pool{};
    std::uint32_t draining = 0;
    std::uint32_t limit = 0;
};

/// For the first time `min_ready` workers are ready (complete: all of them).
struct PoolReady {
    PoolIndex pool{};
    std::uint32_t ready = 0;
    std::uint32_t wanted = 0;
    Duration took{};
    bool complete = false;
};

struct PoolDegraded {
    PoolIndex pool{};
    std::uint32_t ready = 0;
    std::uint32_t wanted = 0;
    std::uint32_t failing = 0;  ///< slots that fail again and again
};

struct PoolRecovered {
    PoolIndex pool{};
    std::uint32_t ready = 0;
    std::uint32_t wanted = 0;
};

/// The pool cannot be brought up; `leaving`: reeve ends for it.
struct PoolGaveUp {
    PoolIndex pool{};
    std::uint32_t failures = 0;
    bool leaving = false;
};

struct GarbageReceived {
    About about;
    Garbage::Channel channel{};
    std::uint64_t count = 0;
};

struct Flood {
    About about;
    std::uint32_t packets = 0;  ///< in the last second
};

/// More processes of one worker beat than are followed.
struct StreamsCrowded {
    About about;
    std::uint32_t limit = 0;
};

/// reeve itself was away: silence deadlines move by this much.
struct Lateness {
    Duration late{};
};

/// A limit of the pool has no source: nobody can enforce it.
struct NotEnforced {
    PoolIndex pool{};
    std::string_view setting;
};

/// A reload begins: `pools` of them are rolled.
struct ReloadStart {
    std::uint32_t pools = 0;
};

/// The new generation of a pool cannot be had, so all pools go back to the one before.
struct ReloadFailure {
    About about;  ///< who failed; no incarnation: it was before_start
    Generation generation{};
    Reason reason{};
    std::optional<ExitStatus> status{};  ///< nothing where it did not end by itself
    std::string how{};                   ///< more about it; may be empty
};

/// A reload is over for one pool; not succeeded: it is back at `generation`.
struct PoolReload {
    PoolIndex pool{};
    Generation generation{};
    bool succeeded = false;
    Duration took{};
};

/// A reload is over for all pools.
struct Reload {
    bool succeeded = false;
    std::uint32_t pools = 0;
    Duration took{};
};

/// A pool that the configuration in force names no more leaves.
struct PoolRemoved {
    PoolIndex pool{};
};

/// Connections wait at a seat that is not wanted any more: until somebody sits there again.
struct QueueLeft {
    Seat seat;
    std::uint32_t waiting = 0;
};

/// The number of workers that a pool wants changed by a command.
struct Scale {
    PoolIndex pool{};
    std::uint32_t from = 0;
    std::uint32_t to = 0;
};

/// An operator stopped (or let run again) a pool, or one seat of it.
struct PoolHold {
    PoolIndex pool{};
    std::optional<SlotIndex> slot;
    bool held = false;
};

/// The before_start command of a pool ended.
struct BeforeStart {
    PoolIndex pool{};
    bool succeeded = false;
    std::string how;
};

struct StopStart {
    StopMode mode{};
    std::uint32_t workers = 0;  ///< processes to end
    Duration deadline{};        ///< at the latest, from now, until SIGKILL
};

/// The accept queues did not run empty in time.
struct QueueGraceOver {
    Duration waited{};
};

struct Stopped {
    int exit_code = 0;
    Duration took{};
    std::uint32_t killed = 0;  ///< processes that had to be killed since the stop began
};

using Record = std::variant<Transition, WorkerStarted, WorkerReady, WorkerDied, SpawnFailure,
                            Backoff, SlotFailed, StartTimeout, Hang, WorkerNotice, SlowRequest,
                            RequestTimeout, CoreDump, Kill, KillOverdue, RotationDue, RotationStart,
                            Rotation, RollWait, PoolReady, PoolDegraded, PoolRecovered, PoolGaveUp,
                            GarbageReceived, Flood, StreamsCrowded, Lateness, NotEnforced,
                            ReloadStart, ReloadFailure, PoolReload, Reload, PoolRemoved, QueueLeft,
                            Scale, PoolHold, BeforeStart, StopStart, QueueGraceOver, Stopped>;

/// The record's name in logs, metrics and the event stream: snake_case, stable.
std::string_view name(const Record& record) noexcept;

}  // namespace reeve::core
