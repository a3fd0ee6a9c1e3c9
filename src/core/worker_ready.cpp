// What makes a starting worker ready: its own word, what the kernel shows, a probe, or time.
#include <algorithm>

#include "core/limits.hpp"
#include "core/worker.hpp"

namespace reeve::core {
namespace {

/// Whether only time can show it: nobody owes a word and the kernel is not asked.
bool is_timed(const PoolPolicy& policy) noexcept {
    return policy.ready == ReadyBy::delay ||
           (policy.ready == ReadyBy::automatic && !policy.has_sockets);
}

}  // namespace

void Worker::on(const Context& context, const Greeted& event) {
    if (!has_process(state_)) return;
    greeted_ = true;
    drains_ = event.drains;
    preloaded_ = event.preloaded;
    tells_slow_ = event.tells_slow;
    look_no_more(context.policy);
}

/// When reeve begins to look whether it is ready, if it looks at all.
std::optional<Time> Worker::first_probe(const PoolPolicy& policy, Time now) const noexcept {
    switch (policy.ready) {
        case ReadyBy::automatic:
            if (!policy.has_sockets || owes_ready(policy)) return std::nullopt;
            break;
        case ReadyBy::tcp:
        case ReadyBy::http: break;
        case ReadyBy::native:
        case ReadyBy::listen:
        case ReadyBy::notify:
        case ReadyBy::newline:
        case ReadyBy::delay: return std::nullopt;
    }
    return now + probe_interval_min;
}

void Worker::on(const Context& context, const SaidReady& event) {
    if (state_ == State::starting && is_sign(context.policy, event.sign)) {
        become_ready(context, event.sign);
    }
}

/// What the kernel shows does not count any more: the worker speaks for itself.
void Worker::look_no_more(const PoolPolicy& policy) {
    if (policy.ready == ReadyBy::automatic) next_probe_.reset();
}

/// Whether this shows, for a worker of this policy, that it is ready.
bool Worker::is_sign(const PoolPolicy& policy, ReadySign sign) const noexcept {
    switch (policy.ready) {
        case ReadyBy::automatic: break;
        case ReadyBy::native: return sign == ReadySign::word;
        case ReadyBy::listen: return sign == ReadySign::listening;
        case ReadyBy::notify: return sign == ReadySign::notify;
        case ReadyBy::newline: return sign == ReadySign::newline;
        case ReadyBy::tcp:
        case ReadyBy::http: return sign == ReadySign::probe;
        case ReadyBy::delay: return sign == ReadySign::time;
    }
    switch (sign) {
        // In whatever protocol, it says so itself.
        case ReadySign::word:
        case ReadySign::notify:
        case ReadySign::newline: return true;
        // Seen from outside: who speaks knows better.
        case ReadySign::listening: return !speaks();
        case ReadySign::kernel:
        case ReadySign::probe:
        case ReadySign::time: return !owes_ready(policy);
    }
    return false;
}

void Worker::on(const Context& context, const Probed& event) {
    if (state_ != State::starting || !is_sign(context.policy, ReadySign::kernel)) return;
    switch (event.view) {
        case Probed::View::accepting: return become_ready(context, ReadySign::kernel);
        case Probed::View::quiet:
            // A process that burns CPU is still booting; one that is quiet for long just cannot be
            // seen waiting.
            if (context.now - started_at_ >= context.policy.ready_after) {
                become_ready(context, ReadySign::time);
            }
            return;
        case Probed::View::busy: return;
    }
}

bool Worker::owes_ready(const PoolPolicy& policy) const noexcept {
    if (!executed_) return true;
    switch (policy.ready) {
        case ReadyBy::automatic: return speaks() || policy.adopts;
        case ReadyBy::native:
        case ReadyBy::listen:
        case ReadyBy::notify:
        case ReadyBy::newline:
        case ReadyBy::tcp:
        case ReadyBy::http: return true;
        case ReadyBy::delay: return false;
    }
    return true;
}

void Worker::become_ready(const Context& context, ReadySign sign) {
    was_ready_ = true;
    ready_sign_ = sign;
    ready_at_ = context.now;
    silent_since_ = context.now;
    // A boot may take longer than `timeout`: silence counts from here on.
    for (BeatStream& stream : beats_.streams()) stream.last_sign = context.now;
    if (watchdog_) watchdog_ = Watchdog{context.now};
    next_probe_.reset();
    plan_queue_look(context);
    if (quota_memory_ != 0) next_sample_ = context.now + context.policy.sample_interval;
    enter(context, State::serving, Reason::none, std::nullopt);
    context.out.records.push_back(WorkerReady{about(context), sign, context.now - started_at_});
}

void Worker::on_starting_time(const Context& context) {
    const PoolPolicy& policy = context.policy;
    if (context.now >= *deadline_) {
        if (!owes_ready(policy)) return become_ready(context, ReadySign::time);
        context.out.records.push_back(StartTimeout{about(context), policy.start_timeout});
        return begin_drain(context, Reason::start_timeout);
    }
    if (is_timed(policy) && !owes_ready(policy) &&
        context.now - started_at_ >= policy.ready_after) {
        return become_ready(context, ReadySign::time);
    }
    if (next_probe_ && context.now >= *next_probe_) {
        context.out.actions.push_back(Probe{incarnation_});
        const Duration age = context.now - started_at_;
        next_probe_ = context.now + std::clamp(age / 8, probe_interval_min, probe_interval_max);
    }
}

std::optional<Time> Worker::starting_deadline(const PoolPolicy& policy) const {
    std::optional<Time> first = deadline_;
    if (next_probe_) first = std::min(*first, *next_probe_);
    if (is_timed(policy) && !owes_ready(policy)) {
        first = std::min(*first, started_at_ + policy.ready_after);
    }
    return first;
}

}  // namespace reeve::core
