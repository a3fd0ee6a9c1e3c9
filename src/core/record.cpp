// Names of states, reasons and records, each in one table row.
#include "core/record.hpp"

#include <array>

namespace reeve::core {
namespace {

template <typename Enum>
struct Row {
    Enum value;
    std::string_view name;
};

template <typename Enum, std::size_t Size>
constexpr std::string_view look_up(const std::array<Row<Enum>, Size>& rows, Enum value) noexcept {
    for (const auto& row : rows) {
        if (row.value == value) return row.name;
    }
    return "unknown";
}

constexpr std::array<Row<State>, 9> states{{
    {State::down, "down"},
    {State::starting, "starting"},
    {State::serving, "serving"},
    {State::hung, "hung"},
    {State::draining, "draining"},
    {State::aborting, "aborting"},
    {State::killing, "killing"},
    {State::backoff, "backoff"},
    {State::failed, "failed"},
}};

constexpr std::array<Row<Reason>, 20> reasons{{
    {Reason::none, "none"},
    {Reason::start, "start"},
    {Reason::crash, "crash"},
    {Reason::boot_failure, "boot_failure"},
    {Reason::start_timeout, "start_timeout"},
    {Reason::hang, "hang"},
    {Reason::request_timeout, "request_timeout"},
    {Reason::requests, "requests"},
    {Reason::lifetime, "lifetime"},
    {Reason::memory, "memory"},
    {Reason::flood, "flood"},
    {Reason::own_drain, "own_drain"},
    {Reason::requested, "requested"},
    {Reason::left_queue, "left_queue"},
    {Reason::core_dump, "core_dump"},
    {Reason::reload, "reload"},
    {Reason::rollback, "rollback"},
    {Reason::scale, "scale"},
    {Reason::stopped, "stopped"},
    {Reason::stop, "stop"},
}};

constexpr std::array<Row<ReadySign>, 7> signs{{
    {ReadySign::word, "word"},
    {ReadySign::kernel, "kernel"},
    {ReadySign::time, "time"},
    {ReadySign::listening, "listening"},
    {ReadySign::notify, "notify"},
    {ReadySign::newline, "newline"},
    {ReadySign::probe, "probe"},
}};

constexpr std::array<Row<StopMode>, 3> modes{{
    {StopMode::graceful, "graceful"},
    {StopMode::fast, "fast"},
    {StopMode::immediate, "immediate"},
}};

constexpr std::array<Row<HangSign>, 4> hang_signs{{
    {HangSign::beats, "beats"},
    {HangSign::watchdog, "watchdog"},
    {HangSign::trigger, "trigger"},
    {HangSign::queue, "queue"},
}};

constexpr std::array<Row<Notice>, 3> notices{{
    {Notice::reloading, "reloading"},
    {Notice::stopping, "stopping"},
    {Notice::extension, "extension"},
}};

constexpr std::array<Row<Garbage::Channel>, 4> channels{{
    {Garbage::Channel::heartbeat, "heartbeat"},
    {Garbage::Channel::control, "control"},
    {Garbage::Channel::notify, "notify"},
    {Garbage::Channel::einhorn, "einhorn"},
}};

constexpr std::array<Row<Verdict>, 6> verdicts{{
    {Verdict::done, "done"},
    {Verdict::unchanged, "unchanged"},
    {Verdict::unknown, "unknown"},
    {Verdict::conflict, "conflict"},
    {Verdict::invalid, "invalid"},
    {Verdict::failed, "failed"},
}};

struct NameOf {
    std::string_view operator()(const Transition&) const noexcept { return "transition"; }
    std::string_view operator()(const WorkerStarted&) const noexcept { return "worker_started"; }
    std::string_view operator()(const WorkerReady&) const noexcept { return "worker_ready"; }
    std::string_view operator()(const WorkerDied&) const noexcept { return "worker_died"; }
    std::string_view operator()(const SpawnFailure&) const noexcept { return "spawn_failure"; }
    std::string_view operator()(const Backoff&) const noexcept { return "backoff"; }
    std::string_view operator()(const SlotFailed&) const noexcept { return "slot_failed"; }
    std::string_view operator()(const StartTimeout&) const noexcept { return "start_timeout"; }
    std::string_view operator()(const Hang&) const noexcept { return "hang"; }
    std::string_view operator()(const WorkerNotice&) const noexcept { return "worker_notice"; }
    std::string_view operator()(const SlowRequest&) const noexcept { return "slow_request"; }
    std::string_view operator()(const RequestTimeout&) const noexcept { return "request_timeout"; }
    std::string_view operator()(const CoreDump&) const noexcept { return "core_dump"; }
    std::string_view operator()(const Kill&) const noexcept { return "kill"; }
    std::string_view operator()(const KillOverdue&) const noexcept { return "kill_overdue"; }
    std::string_view operator()(const RotationDue&) const noexcept { return "rotation_due"; }
    std::string_view operator()(const RotationStart&) const noexcept { return "rotation_start"; }
    std::string_view operator()(const Rotation&) const noexcept { return "rotation"; }
    std::string_view operator()(const RollWait&) const noexcept { return "roll_wait"; }
    std::string_view operator()(const PoolReady&) const noexcept { return "pool_ready"; }
    std::string_view operator()(const PoolDegraded&) const noexcept { return "pool_degraded"; }
    std::string_view operator()(const PoolRecovered&) const noexcept { return "pool_recovered"; }
    std::string_view operator()(const PoolGaveUp&) const noexcept { return "pool_gave_up"; }
    std::string_view operator()(const GarbageReceived&) const noexcept { return "garbage"; }
    std::string_view operator()(const Flood&) const noexcept { return "flood"; }
    std::string_view operator()(const StreamsCrowded&) const noexcept { return "streams_crowded"; }
    std::string_view operator()(const Lateness&) const noexcept { return "lateness"; }
    std::string_view operator()(const NotEnforced&) const noexcept { return "not_enforced"; }
    std::string_view operator()(const ReloadStart&) const noexcept { return "reload_start"; }
    std::string_view operator()(const ReloadFailure&) const noexcept { return "reload_failure"; }
    std::string_view operator()(const PoolReload&) const noexcept { return "pool_reload"; }
    std::string_view operator()(const Reload&) const noexcept { return "reload"; }
    std::string_view operator()(const PoolRemoved&) const noexcept { return "pool_removed"; }
    std::string_view operator()(const QueueLeft&) const noexcept { return "queue_left"; }
    std::string_view operator()(const Scale&) const noexcept { return "scale"; }
    std::string_view operator()(const PoolHold&) const noexcept { return "pool_hold"; }
    std::string_view operator()(const BeforeStart&) const noexcept { return "before_start"; }
    std::string_view operator()(const StopStart&) const noexcept { return "stop_start"; }
    std::string_view operator()(const QueueGraceOver&) const noexcept { return "queue_grace_over"; }
    std::string_view operator()(const Stopped&) const noexcept { return "stopped"; }
};

}  // namespace

std::string_view name(State state) noexcept { return look_up(states, state); }
std::string_view name(Reason reason) noexcept { return look_up(reasons, reason); }
std::string_view name(ReadySign by) noexcept { return look_up(signs, by); }
std::string_view name(HangSign by) noexcept { return look_up(hang_signs, by); }
std::string_view name(Notice what) noexcept { return look_up(notices, what); }
std::string_view name(Garbage::Channel channel) noexcept { return look_up(channels, channel); }
std::string_view name(StopMode mode) noexcept { return look_up(modes, mode); }
std::string_view name(Verdict verdict) noexcept { return look_up(verdicts, verdict); }
std::string_view name(const Record& record) noexcept { return std::visit(NameOf{}, record); }

}  // namespace reeve::core
