// What a worker says on its NOTIFY_SOCKET: that it lives, hangs, stops, or needs more time.
#include <algorithm>

#include "core/limits.hpp"
#include "core/worker.hpp"

namespace reeve::core {

void Worker::on(const Context& context, const Notified& event) {
    if (!has_process(state_)) return;
    check_flood(context, event.messages);
    if (flooding_) return;
    if (event.reloading && !says_reloading_) {
        says_reloading_ = true;
        context.out.records.push_back(WorkerNotice{about(context), Notice::reloading, {}});
    }
    if (event.alive) feed_watchdog(context);
    if (event.stopping && !says_stopping_) {
        // It stops feeding its watchdog, too: from here on only graceful_timeout counts.
        says_stopping_ = true;
        watchdog_.reset();
        context.out.records.push_back(WorkerNotice{about(context), Notice::stopping, {}});
        mark_due(context, Reason::own_drain, 0, 0);
    }
    if (event.extension > Duration::zero()) grant(context, event.extension);
    if (event.hung && state_ == State::serving) {
        report_hang(context, HangSign::trigger, ProcessKey{}, Duration::zero());
        begin_hang(context, Reason::hang);
    }
}

/// Counts from the first one on: who never fed it has promised nothing.
void Worker::feed_watchdog(const Context& context) {
    const Liveness liveness = context.policy.liveness;
    const bool counts = liveness == Liveness::notify || liveness == Liveness::automatic;
    if (!counts || says_stopping_) return;
    const Time granted = watchdog_ ? watchdog_->last_sign : context.now;
    watchdog_ = Watchdog{std::max(granted, context.now)};
}

/// Gives more time to a worker that boots, drains, or is busy with something that keeps it from
/// feeding its watchdog. When reeve itself leaves its deadline has been announced: it holds.
void Worker::grant(const Context& context, Duration extension) {
    const PoolPolicy& policy = context.policy;
    const auto at_most = [&](Duration configured) {
        return std::min(extension, configured * extension_factor_max);
    };
    Duration granted{};
    switch (state_) {
        case State::starting:
        case State::draining: {
            const bool starts = state_ == State::starting;
            if (reason_ == Reason::stop || stop_mode_ != StopMode::graceful) return;
            const Duration limit = starts ? policy.start_timeout : policy.graceful_timeout;
            const Time latest = entered_at_ + limit * extension_factor_max;
            const Time until = std::min(context.now + at_most(limit), latest);
            if (!deadline_ || until <= *deadline_) return;
            deadline_ = until;
            granted = until - context.now;
            break;
        }
        case State::serving: {
            if (!watchdog_ || policy.timeout == Duration::zero()) return;
            granted = at_most(policy.timeout);
            const Time as_if = context.now + granted - policy.timeout;
            if (as_if <= watchdog_->last_sign) return;
            watchdog_->last_sign = as_if;
            break;
        }
        case State::down:
        case State::hung:
        case State::aborting:
        case State::killing:
        case State::backoff:
        case State::failed: return;
    }
    if (extended_) return;
    extended_ = true;
    context.out.records.push_back(WorkerNotice{about(context), Notice::extension, granted});
}

}  // namespace reeve::core
