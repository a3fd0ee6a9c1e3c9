// What is watched while a worker lives: beats, silence, requests, quotas, floods.
#include <algorithm>
#include <utility>

#include "core/limits.hpp"
#include "core/worker.hpp"

namespace reeve::core {
namespace {

/// Starts of requests that are closer than this are one start, measured twice.
constexpr Duration same_request_within = std::chrono::milliseconds{10};

/// The same where one of the two is a report, which is some time under way.
constexpr Duration same_report_within = std::chrono::milliseconds{100};

/// When a late process is looked at next: two and a half intervals after its last beat, then each
/// time after twice as long, for it may begin to dump core at any time.
Time suspicion(const PoolPolicy& policy, const BeatStream& stream) {
    return stream.last_sign + policy.beat_interval * 5 / 2 * (std::int64_t{1} << stream.looks);
}

}  // namespace

bool Worker::silence_counts(const PoolPolicy& policy) const noexcept {
    return policy.timeout > Duration::zero() && policy.liveness != Liveness::none && !flooding_;
}

std::optional<Time> Worker::silence_deadline(const PoolPolicy& policy) const {
    if (!silence_counts(policy)) return std::nullopt;
    if (examined_until_) return examined_until_;
    std::optional<Time> first;
    for (const BeatStream& stream : beats_.streams()) {
        const Time last = stream.last_sign + policy.timeout;
        sooner(first, std::min(last, suspicion(policy, stream)));
    }
    if (policy.liveness == Liveness::required && beats_.empty())
        sooner(first, silent_since_ + policy.timeout);
    if (watchdog_) sooner(first, watchdog_->last_sign + policy.timeout);
    return first;
}

std::optional<Time> Worker::serving_deadline(const PoolPolicy& policy) const {
    std::optional<Time> first = silence_deadline(policy);
    if (!due_since_) sooner(first, quota_lifetime_);
    sooner(first, next_queue_look_);
    sooner(first, next_sample_);
    if (failures_ != 0 && !was_stable_) sooner(first, ready_at_ + policy.stable_after);
    return first;
}

void Worker::on_serving_time(const Context& context) {
    check_stable(context);
    if (quota_lifetime_ && context.now >= *quota_lifetime_) {
        const auto limit = *quota_lifetime_ - started_at_;
        mark_due(context, Reason::lifetime,
                 static_cast<std::uint64_t>((context.now - started_at_).count()),
                 static_cast<std::uint64_t>(limit.count()));
    }
    if (next_sample_ && context.now >= *next_sample_) {
        next_sample_ = context.now + context.policy.sample_interval;
        context.out.actions.push_back(Sample{incarnation_});
    }
    if (next_queue_look_ && context.now >= *next_queue_look_) {
        plan_queue_look(context);
        context.out.actions.push_back(LookAtQueue{incarnation_, false});
    }
    check_silence(context);
}

void Worker::mark_due(const Context& context, Reason reason, std::uint64_t value,
                      std::uint64_t limit) {
    if (due_since_ || (state_ != State::serving && state_ != State::starting)) return;
    due_since_ = context.now;
    due_reason_ = reason;
    context.out.records.push_back(RotationDue{about(context), reason, value, limit});
}

void Worker::examine(const Context& context, const ProcessKey& process) {
    context.out.actions.push_back(Examine{incarnation_, process});
}

void Worker::check_silence(const Context& context) {
    if (!silence_counts(context.policy)) return;
    if (examined_until_) {
        // The answer is overdue: what could not be looked at is not alive.
        if (context.now >= *examined_until_) {
            on(context, Examined{incarnation_, examined_, Examined::Finding::alive});
        }
        return;
    }
    for (BeatStream& stream : beats_.streams()) {
        check_stream(context, stream);
        if (examined_until_) return;
    }
    const bool mute = context.policy.liveness == Liveness::required && beats_.empty() &&
                      context.now - silent_since_ >= context.policy.timeout;
    const bool unfed = watchdog_ && context.now - watchdog_->last_sign >= context.policy.timeout;
    if (mute || unfed) {
        examined_ = ProcessKey{};
        examined_until_ = context.now + examine_timeout;
        examine(context, examined_);
    }
}

void Worker::check_stream(const Context& context, BeatStream& stream) {
    if (context.now - stream.last_sign >= context.policy.timeout) {
        examined_ = stream.process;
        examined_until_ = context.now + examine_timeout;
        examine(context, stream.process);
    } else if (context.now >= suspicion(context.policy, stream)) {
        // Late as reeve itself may be, one look does for all that were due.
        while (context.now >= suspicion(context.policy, stream)) ++stream.looks;
        examine(context, stream.process);
    }
}

void Worker::on(const Context& context, const Examined& event) {
    if (event.finding == Examined::Finding::dumping_core &&
        (state_ == State::serving || state_ == State::aborting)) {
        if (dumping_) return;
        dumping_ = true;
        context.out.records.push_back(CoreDump{about(context), context.policy.core_timeout});
        if (state_ == State::aborting) {
            deadline_ = context.now + context.policy.core_timeout;
            return;
        }
        return enter(context, State::aborting, Reason::core_dump,
                     context.now + context.policy.core_timeout);
    }
    if (state_ == State::aborting && event.process == ProcessKey{} && abort_examined_ &&
        !dumping_) {
        return begin_kill(context, reason_);
    }
    if (state_ != State::serving) return;
    const bool final = examined_until_ && event.process == examined_;
    if (final) examined_until_.reset();
    const bool main = event.process == ProcessKey{};
    if (event.finding == Examined::Finding::gone ||
        event.finding == Examined::Finding::other_image) {
        if (!main) {
            beats_.drop(event.process);
            return note_mute(context);
        }
    }
    if (!final) return;

    const auto last = last_sign(event.process);
    if (!last) return;
    const Duration silence = context.now - *last;
    if (silence < context.policy.timeout) return;  // it beat while it was looked at
    report_hang(context, main && watchdog_ ? HangSign::watchdog : HangSign::beats, event.process,
                silence);
    begin_hang(context, Reason::hang);
}

/// Of this process, or of the worker as a whole; nothing while nobody counts on one.
std::optional<Time> Worker::last_sign(const ProcessKey& process) {
    if (process != ProcessKey{}) {
        const BeatStream* stream = beats_.find(process);
        return stream != nullptr ? std::optional{stream->last_sign} : std::nullopt;
    }
    if (watchdog_) return watchdog_->last_sign;
    return beats_.empty() ? std::optional{silent_since_} : std::nullopt;
}

void Worker::report_hang(const Context& context, HangSign by, const ProcessKey& process,
                         Duration silence, std::uint32_t waiting) {
    const auto oldest = beats_.oldest();
    context.out.records.push_back(Hang{
        .about = about(context),
        .by = by,
        .process = process.process,
        .silence = silence,
        .limit = context.policy.timeout,
        .requests = beats_.totals().requests,
        .in_flight = beats_.in_flight(),
        .oldest = oldest ? context.now - *oldest : Duration::zero(),
        .waiting = waiting,
    });
}

/// A worker that has to beat and of which nothing beats any more is silent from now on.
void Worker::note_mute(const Context& context) {
    if (!beats_.empty()) return;
    silent_since_ = context.now;
    silence_forgiven_ = false;
}

void Worker::extend(Duration late) {
    // Whatever froze reeve may have frozen its workers too: nobody is ended for time that he may
    // not have had.
    const bool on_notice = state_ == State::starting || state_ == State::hung ||
                           state_ == State::draining || state_ == State::aborting;
    if (on_notice && deadline_) *deadline_ += late;
    if (on_notice && tell_at_) *tell_at_ += late;
}

void Worker::forgive(Duration late, Time now) {
    if (state_ != State::serving) return;
    // Whoever could not run does not stand still.
    if (stuck_since_) stuck_since_ = std::min(now, *stuck_since_ + late);
    for (BeatStream& stream : beats_.streams()) {
        // A beat that was read just now needs no credit, so it keeps it for the next absence.
        if (stream.forgiven || stream.last_sign >= now - lateness_tolerated) continue;
        stream.forgiven = true;
        stream.last_sign = std::min(now, stream.last_sign + late);
    }
    if (!silence_forgiven_ && silent_since_ < now - lateness_tolerated) {
        silence_forgiven_ = true;
        silent_since_ = std::min(now, silent_since_ + late);
    }
    if (watchdog_ && !watchdog_->forgiven && watchdog_->last_sign < now - lateness_tolerated) {
        watchdog_->forgiven = true;
        watchdog_->last_sign = std::min(now, watchdog_->last_sign + late);
    }
    examined_until_.reset();
}

void Worker::on(const Context& context, const Beat& event) {
    if (!has_process(state_)) return;
    check_flood(context);
    if (flooding_) return;
    switch (beats_.add(event.frame, context.now)) {
        case BeatAccount::Outcome::stale: return;
        case BeatAccount::Outcome::crowded:
            if (!crowded_) {
                context.out.records.push_back(
                    StreamsCrowded{about(context), static_cast<std::uint32_t>(beat_streams_max)});
            }
            crowded_ = true;
            return;
        case BeatAccount::Outcome::counted: break;
    }
    has_beaten_ = true;
    look_no_more(context.policy);
    note_mute(context);
    check_beat(context, event.frame);
}

void Worker::on_last(const Context& context, const Beat& event) {
    if (has_process(state_) && !flooding_) beats_.add(event.frame, context.now);
}

void Worker::check_beat(const Context& context, const BeatFrame& frame) {
    if (state_ == State::starting && frame.phase == Phase::serving &&
        is_sign(context.policy, ReadySign::word)) {
        become_ready(context, ReadySign::word);
    }
    if (state_ != State::serving) return;
    if (frame.phase == Phase::draining) mark_due(context, Reason::own_drain, 0, 0);
    const std::uint64_t requests = beats_.totals().requests;
    if (quota_requests_ != 0 && requests >= quota_requests_) {
        mark_due(context, Reason::requests, requests, quota_requests_);
    }
    check_requests(context, frame);
}

/// A request counts as slow or too slow only while a beat confirms that it is still running.
void Worker::check_requests(const Context& context, const BeatFrame& frame) {
    BeatStream* stream = beats_.find(frame.process);
    if (stream == nullptr || !stream->oldest) return;
    const PoolPolicy& policy = context.policy;
    const Duration age = std::clamp(frame.sent, Time{}, context.now) - *stream->oldest;
    if (policy.slow_request > Duration::zero() && age >= policy.slow_request) {
        // A worker that counts ticks finds a slightly different start at each beat.
        const bool known =
            stream->slow_reported &&
            std::chrono::abs(*stream->oldest - *stream->slow_reported) < same_request_within;
        stream->slow_reported = stream->oldest;
        if (!known && !tells_slow_) {
            record_slow(context, {about(context), age, policy.slow_request});
        }
    }
    if (policy.request_timeout > Duration::zero() && age >= policy.request_timeout) {
        context.out.records.push_back(RequestTimeout{about(context), age, policy.request_timeout});
        begin_hang(context, Reason::request_timeout);
    }
}

/// Who reports one knows its requests better than `oldest` shows them: from then on that is not
/// looked at, except where it shows the very request first.
void Worker::on(const Context& context, const SaidSlow& event) {
    if (!has_process(state_)) return;
    const Duration limit = context.policy.slow_request;
    const bool first = !tells_slow_;
    tells_slow_ = true;
    if (limit == Duration::zero() || event.took < limit) return;
    const Time start = context.now - std::min(event.took, context.now.time_since_epoch());
    const bool known =
        first && std::any_of(beats_.streams().begin(), beats_.streams().end(), [&](auto& stream) {
            return stream.slow_reported &&
                   std::chrono::abs(*stream.slow_reported - start) < same_report_within;
        });
    if (known) return;
    record_slow(context, {about(context), event.took, limit, event.method, event.target});
}

void Worker::record_slow(const Context& context, SlowRequest record) {
    if (!slow_since_ || context.now - *slow_since_ >= std::chrono::seconds{1}) {
        slow_since_ = context.now;
        slow_ = 0;
    }
    if (++slow_ > slow_requests_per_second_max) {
        ++slow_left_out_;
        return;
    }
    record.left_out = std::exchange(slow_left_out_, 0);
    context.out.records.emplace_back(std::move(record));
}

void Worker::check_flood(const Context& context, std::uint32_t packets) {
    if (context.now - packets_since_ >= std::chrono::seconds{1}) {
        packets_since_ = context.now;
        packets_ = 0;
    }
    packets_ += packets;
    if (packets_ <= beat_packets_per_second_max || flooding_) return;
    flooding_ = true;
    beats_.drop_all();
    watchdog_.reset();
    examined_until_.reset();
    context.out.records.push_back(Flood{about(context), packets_});
    context.out.actions.push_back(IgnoreBeats{incarnation_});
    mark_due(context, Reason::flood, packets_, beat_packets_per_second_max);
}

void Worker::on(const Context& context, const BeatsEnded&) {
    if (!has_process(state_)) return;
    beats_.drop_all();
    examined_until_.reset();
    note_mute(context);
}

void Worker::on(const Context& context, const Garbage& event) {
    if (!has_process(state_)) return;
    // Once per worker in the log: who sends garbage sends much of it.
    if (garbage_ == 0)
        context.out.records.push_back(GarbageReceived{about(context), event.channel, event.count});
    garbage_ += event.count;
    if (event.channel != Garbage::Channel::heartbeat) return;
    for (std::uint64_t i = 0; i < event.count && !flooding_; ++i) check_flood(context);
}

void Worker::on(const Context& context, const Sampled& event) {
    if (!has_process(state_)) return;
    resident_bytes_ = event.resident_bytes;
    if (quota_memory_ != 0 && event.resident_bytes >= quota_memory_) {
        mark_due(context, Reason::memory, event.resident_bytes, quota_memory_);
    }
}

}  // namespace reeve::core
