// Looks into the core's private state, to tell whether two states have the same future.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/supervisor.hpp"

namespace reeve::core {

/// Writes every field that decides over the future, with times relative to now. The structured
/// bindings name all fields: a new one does not compile until somebody decided whether it counts.
struct Inspector {
    static constexpr std::uint32_t failures_told_apart = 3;
    static constexpr std::uint64_t requests_told_apart = 3;

    template <typename Sink>
    static void state_of(const Supervisor& supervisor, Time now, Sink& sink) {
        const auto& [pools, seed, reload, pending, stop_delay, queue_grace, homes, last_incarnation,
                     stale_events, phase, mode, phase_deadline, stop_began, exit_code, killed,
                     last_turn, next_deadline] = supervisor;
        sink.put(reload.has_value());
        if (reload) {
            sink.put(reload->back);
            sink.put(reload->members.size());
        }
        sink.put(pending.size());
        sink.put(homes.size());
        sink.put(phase);
        sink.put(mode);
        sink.put(exit_code);
        if (phase == StopPhase::delaying || phase == StopPhase::emptying) {
            time(phase_deadline, now, sink);
        }
        time(next_deadline, now, sink);
        for (const Pool& pool : pools) state_of(pool, now, sink);
    }

    static bool executed(const Worker& worker) { return worker.executed_; }
    static bool was_ready(const Worker& worker) { return worker.was_ready_; }

private:
    template <typename Sink>
    static void state_of(const Pool& pool, Time now, Sink& sink) {
        const auto& [policy, pool_name, after, index, seed, generation, last_generation, editions,
                     changeover, wanted, stage, held, removed, stopping, slots, places, due,
                     touched, is_touched, began, frozen, ever_ready, available, complete, degraded,
                     gave_up, waiting, enforcement] = pool;
        for (const bool flag : {held, removed, stopping, frozen, ever_ready, available, complete,
                                degraded, gave_up, waiting, enforcement, touched.empty()}) {
            sink.put(flag);
        }
        sink.put(stage);
        sink.put(wanted);
        sink.put(editions.size());
        sink.put(changeover.has_value());
        if (changeover) {
            for (const bool flag : {changeover->proven, changeover->back}) sink.put(flag);
            sink.put(changeover->stage);
        }
        // Generations only grow: what counts is which of the two that there may be it is.
        const auto is_old = [&, last = last_generation](Generation each) { return each != last; };
        sink.put(is_old(generation));
        for (const Slot& slot : slots) {
            const auto& [current, successor, roll_reason, leaving, no_roll_before, next, slot_held,
                         off, side, owned, looks, next_look, left] = slot;
            for (const bool flag : {slot_held, off, is_old(next), is_old(current.generation()),
                                    successor && is_old(successor->generation())}) {
                sink.put(flag);
            }
            if (policy.accept == Accept::per_worker) {
                sink.put(side);
                sink.put(owned);
                sink.put(looks);
                time(next_look, now, sink);
                sink.put(left);
            }
            state_of(current, policy, now, sink);
            sink.put(successor.has_value());
            if (successor) {
                sink.put(roll_reason);
                state_of(*successor, policy, now, sink);
            }
            sink.put(leaving.size());
            for (const Worker& worker : leaving) state_of(worker, policy, now, sink);
            time(no_roll_before, now, sink);
        }
    }

    template <typename Sink>
    static void state_of(const Worker& worker, const PoolPolicy& policy, Time now, Sink& sink) {
        const auto& [state, wanted, deadline, reason, failures, incarnation, generation, side,
                     start_reason, started_at, ready_at, entered_at, was_ready, executed, greeted,
                     drains, preloaded, tells_slow, told_to_drain, has_beaten, dumping,
                     abort_examined, crowded, was_stable, flooding, last_signal, stop_mode, beats,
                     examined_until, examined, silent_since, silence_forgiven, watchdog,
                     says_stopping, says_reloading, extended, ready_sign, next_probe,
                     next_queue_look, tell_at, empty_since, stuck_since, ran, next_sample,
                     quota_requests, quota_memory, quota_lifetime, resident, due_since, due_reason,
                     garbage, packets_since, packets, slow_since, slow, slow_left_out] = worker;
        // The others show in records only; packets, which make a flood, and slow requests are
        // left to unit tests.
        sink.put(state);
        sink.put(reason);
        sink.put(std::min(failures, failures_told_apart));
        time(deadline, now, sink);
        if (!has_process(state)) return;
        // More time counts from when the state was entered.
        sink.put(extended);
        if (extended) time(entered_at, now, sink);
        for (const bool flag : {wanted, was_ready, executed, dumping, abort_examined, was_stable}) {
            sink.put(flag);
        }
        sink.put(stop_mode);
        if (policy.accept == Accept::per_worker) {
            sink.put(side);
            sink.put(drains);
            time(next_queue_look, now, sink);
            time(tell_at, now, sink);
            if (tell_at) time(empty_since, now, sink);
            time(stuck_since, now, sink);
            if (stuck_since) sink.put(ran);
        }
        if (was_ready && !was_stable) time(ready_at, now, sink);
        // Who is on its way out is not watched any more.
        if (state != State::starting && state != State::serving) return;
        for (const bool flag : {greeted, drains, has_beaten, flooding, due_since.has_value(),
                                says_stopping, watchdog.has_value()}) {
            sink.put(flag);
        }
        time(next_probe, now, sink);
        time(next_sample, now, sink);
        time(quota_lifetime, now, sink);
        sink.put(std::min(beats.totals().requests, requests_told_apart));
        sink.put(beats.streams().size());
        if (state == State::starting) return time(started_at, now, sink);
        const bool watched =
            policy.timeout > Duration::zero() && !flooding && policy.liveness != Liveness::none;
        if (!watched) return;
        time(examined_until, now, sink);
        sink.put(examined.process);
        if (watchdog) {
            time(watchdog->last_sign, now, sink);
            sink.put(watchdog->forgiven);
        }
        if (policy.liveness == Liveness::required && beats.empty()) {
            time(silent_since, now, sink);
            sink.put(silence_forgiven);
        }
        for (const BeatStream& stream : beats.streams()) {
            sink.put(stream.process.process);
            sink.put(stream.forgiven);
            sink.put(stream.looks);
            time(stream.last_sign, now, sink);
        }
    }

    /// Relative, in milliseconds upwards; what is long past is all the same.
    template <typename Sink>
    static void time(Time at, Time now, Sink& sink) {
        constexpr std::int64_t long_ago = -3000;
        const auto distance = std::chrono::ceil<std::chrono::milliseconds>(at - now).count();
        sink.put(std::max(static_cast<std::int64_t>(distance), long_ago));
    }
    template <typename Sink>
    static void time(const std::optional<Time>& at, Time now, Sink& sink) {
        sink.put(at.has_value());
        if (at) time(*at, now, sink);
    }
};

}  // namespace reeve::core
