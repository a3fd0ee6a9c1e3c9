// The fields of every event, action and record, listed once for printing and for hashing.
#pragma once

#include <array>
#include <string_view>

#include "core/action.hpp"
#include "core/event.hpp"
#include "core/record.hpp"

namespace reeve::sim {

// Actions.
template <typename F>
void fields(const core::Spawn& a, F&& f) {
    f("Spawn", a.incarnation, a.seat, a.generation, a.quota_requests, a.side);
}
template <typename F>
void fields(const core::Signal& a, F&& f) {
    f("Signal", a.incarnation, a.signal, a.target);
}
template <typename F>
void fields(const core::Drain& a, F&& f) {
    f("Drain", a.incarnation, a.within);
}
template <typename F>
void fields(const core::Steer& a, F&& f) {
    f("Steer", a.pool, a.places);
}
template <typename F>
void fields(const core::LookAtQueue& a, F&& f) {
    f("LookAtQueue", a.incarnation, a.busy);
}
template <typename F>
void fields(const core::LookAtSides& a, F&& f) {
    f("LookAtSides", a.seat);
}
template <typename F>
void fields(const core::Probe& a, F&& f) {
    f("Probe", a.incarnation);
}
template <typename F>
void fields(const core::Examine& a, F&& f) {
    f("Examine", a.incarnation, a.process);
}
template <typename F>
void fields(const core::Sample& a, F&& f) {
    f("Sample", a.incarnation);
}
template <typename F>
void fields(const core::Describe& a, F&& f) {
    f("Describe", a.incarnation);
}
template <typename F>
void fields(const core::RunHangHook& a, F&& f) {
    f("RunHangHook", a.incarnation, a.within);
}
template <typename F>
void fields(const core::RunDegradedHook& a, F&& f) {
    f("RunDegradedHook", a.pool, a.within);
}
template <typename F>
void fields(const core::IgnoreBeats& a, F&& f) {
    f("IgnoreBeats", a.incarnation);
}
template <typename F>
void fields(const core::RefuseConnections&, F&& f) {
    f("RefuseConnections");
}
template <typename F>
void fields(const core::BeginGeneration& a, F&& f) {
    f("BeginGeneration", a.pool, a.generation, a.command, a.position);
}
template <typename F>
void fields(const core::EndGeneration& a, F&& f) {
    f("EndGeneration", a.pool, a.generation);
}
template <typename F>
void fields(const core::KeepGeneration& a, F&& f) {
    f("KeepGeneration", a.pool, a.generation);
}
template <typename F>
void fields(const core::RunBeforeStart& a, F&& f) {
    f("RunBeforeStart", a.pool, a.generation, a.within);
}
template <typename F>
void fields(const core::Reply& a, F&& f) {
    f("Reply", a.command, a.verdict, a.text);
}
template <typename F>
void fields(const core::Leave& a, F&& f) {
    f("Leave", a.exit_code);
}

// Events.
template <typename F>
void fields(const core::StopRequested& e, F&& f) {
    f("StopRequested", e.mode);
}
template <typename F>
void fields(const core::QueuesEmpty&, F&& f) {
    f("QueuesEmpty");
}
template <typename F>
void fields(const core::Beat& e, F&& f) {
    f("Beat", e.incarnation, e.frame.process, e.frame.sequence, e.frame.phase, e.frame.sent,
      e.frame.counters.requests, e.frame.in_flight, e.frame.oldest);
}
template <typename F>
void fields(const core::BeatsEnded& e, F&& f) {
    f("BeatsEnded", e.incarnation);
}
template <typename F>
void fields(const core::Garbage& e, F&& f) {
    f("Garbage", e.incarnation, e.channel, e.count);
}
template <typename F>
void fields(const core::Exited& e, F&& f) {
    f("Exited", e.incarnation, e.status, e.oom_killed);
}
template <typename F>
void fields(const core::Spawned& e, F&& f) {
    f("Spawned", e.incarnation);
}
template <typename F>
void fields(const core::SpawnFailed& e, F&& f) {
    f("SpawnFailed", e.incarnation, e.reason);
}
template <typename F>
void fields(const core::Greeted& e, F&& f) {
    f("Greeted", e.incarnation, e.drains, e.preloaded, e.tells_slow);
}
template <typename F>
void fields(const core::SaidSlow& e, F&& f) {
    f("SaidSlow", e.incarnation, e.took, e.method, e.target);
}
template <typename F>
void fields(const core::SaidReady& e, F&& f) {
    f("SaidReady", e.incarnation, e.sign);
}
template <typename F>
void fields(const core::Notified& e, F&& f) {
    f("Notified", e.incarnation, e.messages, e.alive, e.hung, e.stopping, e.reloading, e.extension);
}
template <typename F>
void fields(const core::Probed& e, F&& f) {
    f("Probed", e.incarnation, e.view);
}
template <typename F>
void fields(const core::Examined& e, F&& f) {
    f("Examined", e.incarnation, e.process, e.finding);
}
template <typename F>
void fields(const core::Sampled& e, F&& f) {
    f("Sampled", e.incarnation, e.resident_bytes);
}
template <typename F>
void fields(const core::QueueSeen& e, F&& f) {
    f("QueueSeen", e.incarnation, e.waiting, e.busy, e.ran.has_value(), e.ran.value_or(0));
}
template <typename F>
void fields(const core::SidesSeen& e, F&& f) {
    f("SidesSeen", e.seat, e.waiting[0], e.waiting[1]);
}
template <typename F>
void fields(const core::HookEnded& e, F&& f) {
    f("HookEnded", e.incarnation);
}
template <typename F>
void fields(const core::RotationRequested& e, F&& f) {
    f("RotationRequested", e.seat);
}
/// What is asked for, in one word.
inline std::string_view word_of(const core::Command& command) {
    constexpr std::array<std::string_view, std::variant_size_v<core::Command>> words{
        "reload", "scale", "start", "stop", "restart", "signal"};
    return words[command.index()];
}
template <typename F>
void fields(const core::Commanded& e, F&& f) {
    f("Commanded", e.id, word_of(e.command));
}
template <typename F>
void fields(const core::BeforeStartEnded& e, F&& f) {
    f("BeforeStartEnded", e.pool, e.generation, e.succeeded);
}
template <typename F>
void fields(const core::Tick&, F&& f) {
    f("Tick");
}

// Records.
template <typename F>
void fields(const core::Transition& r, F&& f) {
    f("Transition", r.about, r.from, r.to, r.reason, r.ready, r.wanted);
}
template <typename F>
void fields(const core::WorkerStarted& r, F&& f) {
    f("WorkerStarted", r.about, r.reason, r.generation, r.took);
}
template <typename F>
void fields(const core::WorkerReady& r, F&& f) {
    f("WorkerReady", r.about, r.by, r.took);
}
template <typename F>
void fields(const core::WorkerDied& r, F&& f) {
    f("WorkerDied", r.about, r.status, r.reason, r.signal_sent, r.told_to_drain, r.oom_killed,
      r.was_ready, r.uptime, r.requests, r.in_flight);
}
template <typename F>
void fields(const core::SpawnFailure& r, F&& f) {
    f("SpawnFailure", r.about, r.reason);
}
template <typename F>
void fields(const core::Backoff& r, F&& f) {
    f("Backoff", r.seat, r.failures, r.delay);
}
template <typename F>
void fields(const core::SlotFailed& r, F&& f) {
    f("SlotFailed", r.about, r.exit_code);
}
template <typename F>
void fields(const core::StartTimeout& r, F&& f) {
    f("StartTimeout", r.about, r.limit);
}
template <typename F>
void fields(const core::Hang& r, F&& f) {
    f("Hang", r.about, r.by, r.process, r.silence, r.limit, r.requests, r.in_flight, r.oldest,
      r.waiting);
}
template <typename F>
void fields(const core::WorkerNotice& r, F&& f) {
    f("WorkerNotice", r.about, r.what, r.extension);
}
template <typename F>
void fields(const core::SlowRequest& r, F&& f) {
    f("SlowRequest", r.about, r.age, r.limit, r.method, r.target, r.left_out);
}
template <typename F>
void fields(const core::RequestTimeout& r, F&& f) {
    f("RequestTimeout", r.about, r.age, r.limit);
}
template <typename F>
void fields(const core::CoreDump& r, F&& f) {
    f("CoreDump", r.about, r.patience);
}
template <typename F>
void fields(const core::Kill& r, F&& f) {
    f("Kill", r.about, r.reason, r.waited);
}
template <typename F>
void fields(const core::KillOverdue& r, F&& f) {
    f("KillOverdue", r.about, r.waited);
}
template <typename F>
void fields(const core::RotationDue& r, F&& f) {
    f("RotationDue", r.about, r.reason, r.value, r.limit);
}
template <typename F>
void fields(const core::RotationStart& r, F&& f) {
    f("RotationStart", r.about, r.successor, r.reason);
}
template <typename F>
void fields(const core::Rotation& r, F&& f) {
    f("Rotation", r.about, r.successor, r.reason, r.took);
}
template <typename F>
void fields(const core::RollWait& r, F&& f) {
    f("RollWait", r.pool, r.draining, r.limit);
}
template <typename F>
void fields(const core::PoolReady& r, F&& f) {
    f("PoolReady", r.pool, r.ready, r.wanted, r.took, r.complete);
}
template <typename F>
void fields(const core::PoolDegraded& r, F&& f) {
    f("PoolDegraded", r.pool, r.ready, r.wanted, r.failing);
}
template <typename F>
void fields(const core::PoolRecovered& r, F&& f) {
    f("PoolRecovered", r.pool, r.ready, r.wanted);
}
template <typename F>
void fields(const core::PoolGaveUp& r, F&& f) {
    f("PoolGaveUp", r.pool, r.failures, r.leaving);
}
template <typename F>
void fields(const core::GarbageReceived& r, F&& f) {
    f("GarbageReceived", r.about, r.channel, r.count);
}
template <typename F>
void fields(const core::Flood& r, F&& f) {
    f("Flood", r.about, r.packets);
}
template <typename F>
void fields(const core::StreamsCrowded& r, F&& f) {
    f("StreamsCrowded", r.about, r.limit);
}
template <typename F>
void fields(const core::Lateness& r, F&& f) {
    f("Lateness", r.late);
}
template <typename F>
void fields(const core::NotEnforced& r, F&& f) {
    f("NotEnforced", r.pool, r.setting);
}
template <typename F>
void fields(const core::ReloadStart& r, F&& f) {
    f("ReloadStart", r.pools);
}
template <typename F>
void fields(const core::ReloadFailure& r, F&& f) {
    f("ReloadFailure", r.about, r.generation, r.reason, r.how);
}
template <typename F>
void fields(const core::PoolReload& r, F&& f) {
    f("PoolReload", r.pool, r.generation, r.succeeded, r.took);
}
template <typename F>
void fields(const core::Reload& r, F&& f) {
    f("Reload", r.succeeded, r.pools, r.took);
}
template <typename F>
void fields(const core::PoolRemoved& r, F&& f) {
    f("PoolRemoved", r.pool);
}
template <typename F>
void fields(const core::QueueLeft& r, F&& f) {
    f("QueueLeft", r.seat, r.waiting);
}
template <typename F>
void fields(const core::Scale& r, F&& f) {
    f("Scale", r.pool, r.from, r.to);
}
template <typename F>
void fields(const core::PoolHold& r, F&& f) {
    f("PoolHold", r.pool, r.slot.has_value() ? number(*r.slot) + 1 : 0U, r.held);
}
template <typename F>
void fields(const core::BeforeStart& r, F&& f) {
    f("BeforeStart", r.pool, r.succeeded, r.how);
}
template <typename F>
void fields(const core::StopStart& r, F&& f) {
    f("StopStart", r.mode, r.workers, r.deadline);
}
template <typename F>
void fields(const core::QueueGraceOver& r, F&& f) {
    f("QueueGraceOver", r.waited);
}
template <typename F>
void fields(const core::Stopped& r, F&& f) {
    f("Stopped", r.exit_code, r.took, r.killed);
}

}  // namespace reeve::sim
