// A worker that has an accept queue of its own: draining it first, and finding who leaves it be.
#include <algorithm>

#include "core/limits.hpp"
#include "core/worker.hpp"

namespace reeve::core {

/// Whoever has served behind its own socket is steered away from by now, as it serves no more: what
/// it was given it can still take, so it is told to leave only when its queue has settled.
void Worker::begin_drain(const Context& context, Reason reason) {
    const Duration grace = context.policy.graceful_timeout;
    const bool served = state_ == State::serving;
    enter(context, State::draining, reason, context.now + grace);
    if (!served || context.policy.accept != Accept::per_worker) return tell_to_leave(context);
    // Half of the time is the worker's own. At a stop of reeve the queues have been emptied before.
    tell_at_ = context.now + (reason == Reason::stop ? std::min(grace / 2, queue_settle * 2)
                                                     : Duration{grace / 2});
    empty_since_.reset();
    next_queue_look_ = context.now + drain_look_interval;
}

void Worker::tell_to_leave(const Context& context) {
    tell_at_.reset();
    next_queue_look_.reset();
    if (drains_) {
        told_to_drain_ = true;
        context.out.actions.push_back(Drain{incarnation_, *deadline_ - context.now});
    } else {
        send(context, context.policy.stop_signal, Signal::Target::worker);
    }
}

void Worker::on_draining_time(const Context& context) {
    if (context.now >= *deadline_) return begin_kill(context, reason_);
    if (!tell_at_) return;
    if (context.now >= *tell_at_) return tell_to_leave(context);
    if (context.now < *next_queue_look_) return;
    next_queue_look_ = context.now + drain_look_interval;
    context.out.actions.push_back(LookAtQueue{incarnation_, !drains_ && reason_ != Reason::stop});
}

void Worker::on(const Context& context, const QueueSeen& event) {
    if (state_ == State::draining && tell_at_) check_settled(context, event);
    if (state_ == State::serving) check_queue(context, event);
}

/// One that drains by itself finishes what it has, and at a stop nobody waits for what is idle.
void Worker::check_settled(const Context& context, const QueueSeen& event) {
    if (event.waiting != 0) return empty_since_.reset();
    if (!empty_since_) empty_since_ = context.now;
    const bool finishes = drains_ || reason_ == Reason::stop || event.busy == 0;
    if (finishes && context.now - *empty_since_ >= queue_settle) tell_to_leave(context);
}

void Worker::plan_queue_look(const Context& context) {
    const PoolPolicy& policy = context.policy;
    if (policy.liveness != Liveness::queue || policy.timeout <= Duration::zero()) return;
    const Duration often =
        std::clamp<Duration>(policy.timeout / 10, queue_look_min, queue_look_max);
    next_queue_look_ = context.now + often;
    if (!stuck_since_) return;
    const Time found = *stuck_since_ + policy.timeout;
    if (found > context.now) sooner(next_queue_look_, found);
}

/// Who has not run has not accepted: where something waits all the while, it is the same connection
/// that has waited all the while. Who is busy runs, and for who is idle nothing waits.
void Worker::check_queue(const Context& context, const QueueSeen& event) {
    const PoolPolicy& policy = context.policy;
    if (policy.liveness != Liveness::queue || policy.timeout <= Duration::zero()) return;
    if (event.waiting == 0 || !event.ran) return stuck_since_.reset();
    if (!stuck_since_ || ran_ != *event.ran) {
        stuck_since_ = context.now;
        ran_ = *event.ran;
        return plan_queue_look(context);
    }
    const Duration silence = context.now - *stuck_since_;
    if (silence < policy.timeout) return;
    report_hang(context, HangSign::queue, ProcessKey{}, silence, event.waiting);
    begin_hang(context, Reason::hang);
}

}  // namespace reeve::core
