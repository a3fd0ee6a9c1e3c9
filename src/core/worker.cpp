// The worker machine's transitions: starting, ending, dying. What makes it ready is in
// worker_ready.cpp, what is watched while it serves in worker_watch.cpp.
#include "core/worker.hpp"

#include <algorithm>
#include <utility>

#include "core/jitter.hpp"
#include "core/limits.hpp"
#include "core/restart_policy.hpp"

namespace reeve::core {

/// The only place that assigns the state.
void Worker::enter(const Context& context, State state, Reason reason,
                   std::optional<Time> deadline) {
    const State from = std::exchange(state_, state);
    reason_ = reason;
    deadline_ = deadline;
    entered_at_ = context.now;
    extended_ = false;
    context.out.records.push_back(Transition{about(context), from, state, reason});
}

void Worker::send(const Context& context, int signal, Signal::Target target) {
    last_signal_ = signal;
    context.out.actions.push_back(Signal{incarnation_, signal, target});
}

Worker Worker::in_place_of(const Context& context, const Worker& failing) {
    Worker lost = failing;
    lost.check_stable(context);
    Worker worker;
    const bool failure = lost.counts_as_failure();
    worker.failures_ = lost.failures_ + (failure ? 1 : 0);
    worker.generation_ = lost.generation_;
    worker.reason_ = lost.reason_;
    const Duration delay = failure ? restart_delay(context.policy, worker.failures_, context.seed,
                                                   failing.incarnation_)
                                   : Duration::zero();
    if (delay > Duration::zero()) {
        context.out.records.push_back(Backoff{context.seat, worker.failures_, delay});
        worker.enter(context, State::backoff, lost.reason_, context.now + delay);
    }
    return worker;
}

void Worker::start(const Context& context, Incarnation incarnation, Generation generation,
                   Reason reason, Side side) {
    if (state_ != State::down) return;
    Worker fresh;
    fresh.wanted_ = wanted_;
    // What another configuration did is not held against this one.
    fresh.failures_ = generation == generation_ ? failures_ : 0;
    fresh.incarnation_ = incarnation;
    fresh.generation_ = generation;
    fresh.side_ = side;
    fresh.start_reason_ = reason;
    fresh.started_at_ = context.now;
    fresh.packets_since_ = context.now;
    *this = std::move(fresh);

    const PoolPolicy& policy = context.policy;
    const auto spread = [&](JitterUse use, auto range) {
        return jitter(context.seed, incarnation, use, range);
    };
    if (policy.max_requests != 0) {
        quota_requests_ =
            policy.max_requests + spread(JitterUse::requests, policy.max_requests_jitter);
    }
    if (policy.max_memory_bytes != 0) {
        quota_memory_ =
            policy.max_memory_bytes + spread(JitterUse::memory, policy.max_memory_jitter_bytes);
    }
    if (policy.max_lifetime > Duration::zero()) {
        quota_lifetime_ = context.now + policy.max_lifetime +
                          spread(JitterUse::lifetime, policy.max_lifetime_jitter);
    }
    enter(context, State::starting, reason, context.now + policy.start_timeout);
    context.out.actions.push_back(
        Spawn{incarnation, context.seat, generation, quota_requests_, side});
}

void Worker::on(const Context& context, const Spawned&) {
    if (executed_ || !has_process(state_)) return;
    executed_ = true;
    context.out.records.push_back(
        WorkerStarted{about(context), start_reason_, generation_, context.now - started_at_});
    if (state_ == State::starting) next_probe_ = first_probe(context.policy, context.now);
}

void Worker::on(const Context& context, const SpawnFailed& event) {
    if (!has_process(state_)) return;
    if (state_ == State::starting) {
        context.out.records.push_back(SpawnFailure{about(context), event.reason});
    }
    reason_ = reason_ == Reason::stop ? Reason::stop : Reason::boot_failure;
    after_death(context, nullptr, true);
}

bool Worker::is_failing() const noexcept {
    if (!has_process(state_)) return false;
    if (state_ == State::hung || state_ == State::aborting) return true;
    return state_ == State::killing && wanted_;
}

/// Whether the death of a worker that was asked to leave counts against it.
bool Worker::counts_as_failure() const noexcept {
    switch (reason_) {
        case Reason::requests:
        case Reason::lifetime:
        case Reason::memory:
        case Reason::flood:
        case Reason::own_drain:
        case Reason::requested:
        case Reason::left_queue:
        case Reason::reload:
        case Reason::rollback:
        case Reason::scale:
        case Reason::stopped:
        case Reason::stop: return false;
        case Reason::none:
        case Reason::start:
        case Reason::crash:
        case Reason::boot_failure:
        case Reason::start_timeout:
        case Reason::hang:
        case Reason::request_timeout:
        case Reason::core_dump: return !was_stable_;
    }
    return !was_stable_;
}

void Worker::on(const Context& context, const Exited& event) {
    if (!has_process(state_)) return;
    const bool asked =
        reason_ != Reason::none && state_ != State::starting && state_ != State::serving;
    context.out.records.push_back(WorkerDied{
        .about = about(context),
        .status = event.status,
        .reason = asked ? reason_ : Reason::none,
        .signal_sent = last_signal_,
        .told_to_drain = told_to_drain_,
        .oom_killed = event.oom_killed,
        .was_ready = was_ready_,
        .uptime = context.now - started_at_,
        .has_beaten = has_beaten_,
        .requests = beats_.totals().requests,
        .in_flight = beats_.in_flight(),
        .counters = beats_.totals(),
        .cpu_time = event.cpu_time,
        .max_resident_bytes = event.max_resident_bytes,
    });

    check_stable(context);
    // The reason of a worker that starts or serves is why it was started.
    bool failure = asked ? counts_as_failure() : !was_stable_;
    const auto* code = std::get_if<ExitedWith>(&event.status);
    const bool clean = code != nullptr && code->code == 0 && was_ready_ &&
                       context.now - ready_at_ >= clean_exit_after;
    if (!asked && clean) failure = false;
    if (!asked) reason_ = was_ready_ ? Reason::crash : Reason::boot_failure;
    after_death(context, asked ? nullptr : &event.status, failure);
}

void Worker::check_stable(const Context& context) {
    if (was_stable_ || !was_ready_ || context.now - ready_at_ < context.policy.stable_after) return;
    was_stable_ = true;
    failures_ = 0;
}

/// `status` only where the worker ended of its own accord, so that its code may be fatal.
void Worker::after_death(const Context& context, const ExitStatus* status, bool failure) {
    const Reason reason = reason_;
    if (failure) ++failures_;
    if (!wanted_) return enter(context, State::down, reason, std::nullopt);
    const auto* code = status != nullptr ? std::get_if<ExitedWith>(status) : nullptr;
    if (code != nullptr && is_fatal(context.policy, code->code)) {
        context.out.records.push_back(SlotFailed{about(context), code->code});
        return enter(context, State::failed, reason, std::nullopt);
    }
    const Duration delay =
        failure ? restart_delay(context.policy, failures_, context.seed, incarnation_)
                : Duration::zero();
    if (delay == Duration::zero()) return enter(context, State::down, reason, std::nullopt);
    context.out.records.push_back(Backoff{context.seat, failures_, delay});
    enter(context, State::backoff, reason, context.now + delay);
}

/// The worker is to be aborted for `reason`; a hook may look at it first.
void Worker::begin_hang(const Context& context, Reason reason) {
    context.out.actions.push_back(Describe{incarnation_});
    if (!context.policy.has_on_hang) return begin_abort(context, reason);
    enter(context, State::hung, reason, context.now + context.policy.hook_timeout);
    context.out.actions.push_back(RunHangHook{incarnation_, context.policy.hook_timeout});
}

void Worker::begin_abort(const Context& context, Reason reason) {
    enter(context, State::aborting, reason, context.now + context.policy.abort_timeout);
    send(context, context.policy.hang_signal, Signal::Target::worker);
}

void Worker::begin_kill(const Context& context, Reason reason) {
    context.out.records.push_back(Kill{about(context), reason, context.now - entered_at_});
    enter(context, State::killing, reason, context.now + context.policy.kill_grace);
    send(context, 9, Signal::Target::tree);
}

void Worker::on(const Context& context, const HookEnded&) {
    if (state_ == State::hung) begin_abort(context, reason_);
}

void Worker::retire(const Context& context, Reason reason) {
    wanted_ = false;
    vacate(context, reason);
}

void Worker::vacate(const Context& context, Reason reason) {
    switch (state_) {
        case State::starting:
        case State::serving: return begin_drain(context, reason);
        case State::backoff:
            if (!wanted_) enter(context, State::down, reason, std::nullopt);
            return;
        case State::down:
        case State::hung:
        case State::draining:
        case State::aborting:
        case State::killing:
        case State::failed: return;
    }
}

void Worker::disown(const Context& context) {
    wanted_ = false;
    if (state_ == State::backoff) enter(context, State::down, reason_, std::nullopt);
}

void Worker::stop(const Context& context, StopMode mode) {
    disown(context);
    const bool hurry = mode > stop_mode_;
    stop_mode_ = std::max(stop_mode_, mode);
    if (mode == StopMode::immediate) {
        if (has_process(state_) && state_ != State::killing) begin_kill(context, Reason::stop);
        return;
    }
    const Time soon = context.now + context.policy.kill_grace;
    switch (state_) {
        case State::starting:
        case State::serving:
            if (mode == StopMode::graceful) return begin_drain(context, Reason::stop);
            enter(context, State::draining, Reason::stop, soon);
            return send(context, context.policy.fast_stop_signal, Signal::Target::worker);
        case State::draining:
            if (!hurry) return;
            deadline_ = std::min(deadline_.value_or(soon), soon);
            tell_at_.reset();
            return send(context, context.policy.fast_stop_signal, Signal::Target::worker);
        case State::hung:
            if (hurry) begin_abort(context, reason_);
            return;
        case State::aborting:
            if (hurry) deadline_ = std::min(deadline_.value_or(soon), soon);
            return;
        case State::down:
        case State::killing:
        case State::backoff:
        case State::failed: return;
    }
}

void Worker::on_time(const Context& context) {
    switch (state_) {
        case State::starting: return on_starting_time(context);
        case State::serving: return on_serving_time(context);
        case State::hung:
            if (context.now >= *deadline_) begin_abort(context, reason_);
            return;
        case State::draining: return on_draining_time(context);
        case State::aborting: return on_aborting_time(context);
        case State::killing:
            if (context.now < *deadline_) return;
            context.out.records.push_back(KillOverdue{about(context), context.now - entered_at_});
            deadline_ = context.now + context.policy.kill_grace;
            return send(context, 9, Signal::Target::tree);
        case State::backoff:
            if (context.now >= *deadline_) enter(context, State::down, reason_, std::nullopt);
            return;
        case State::down:
        case State::failed: return;
    }
}

void Worker::on_aborting_time(const Context& context) {
    if (context.now < *deadline_) return;
    if (!dumping_ && !abort_examined_) {
        // SIGKILL would truncate a core dump that was asked for, so look once more before it.
        abort_examined_ = true;
        deadline_ = context.now + examine_timeout;
        context.out.actions.push_back(Examine{incarnation_, ProcessKey{}});
        return;
    }
    begin_kill(context, reason_);
}

std::optional<Time> Worker::deadline(const PoolPolicy& policy) const {
    switch (state_) {
        case State::starting: return starting_deadline(policy);
        case State::serving: return serving_deadline(policy);
        case State::draining: {
            std::optional<Time> first = deadline_;
            if (tell_at_) {
                sooner(first, tell_at_);
                sooner(first, next_queue_look_);
            }
            return first;
        }
        case State::hung:
        case State::aborting:
        case State::killing:
        case State::backoff: return deadline_;
        case State::down:
        case State::failed: return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace reeve::core
