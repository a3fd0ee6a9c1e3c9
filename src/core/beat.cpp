// Folds heartbeat frames of several processes into counters that never go backwards.
#include "core/beat.hpp"

#include <algorithm>

#include "core/limits.hpp"

namespace reeve::core {
namespace {

/// What to add to a sum when a counter moves; a decrease is a reset.
constexpr std::uint64_t growth(std::uint64_t before, std::uint64_t after) noexcept {
    return after >= before ? after - before : after;
}

/// Sums stay where they are at the end of their range: they may be late, but they never go
/// backwards.
constexpr void add_up(std::uint64_t& sum, std::uint64_t more) noexcept {
    sum = more > UINT64_MAX - sum ? UINT64_MAX : sum + more;
}

void accumulate(Counters& totals, const Counters& before, const Counters& after) noexcept {
    add_up(totals.requests, growth(before.requests, after.requests));
    add_up(totals.connections, growth(before.connections, after.connections));
    add_up(totals.errors, growth(before.errors, after.errors));
    add_up(totals.latency_sum_ns, growth(before.latency_sum_ns, after.latency_sum_ns));
    for (std::size_t i = 0; i < latency_buckets; ++i) {
        add_up(totals.latency_counts[i], growth(before.latency_counts[i], after.latency_counts[i]));
    }
}

/// A beat that was read late says when it was written, and its clock is trusted for its own worker
/// alone: a beat that waited because reeve was away counts from now, else silence would be measured
/// from before reeve looked.
Time sign_of_life(const BeatFrame& frame, Time previous, Time now) noexcept {
    if (frame.sent > now || frame.sent < now - lateness_tolerated) return now;
    return std::max(frame.sent, previous);
}

}  // namespace

BeatStream* BeatAccount::find(const ProcessKey& process) noexcept {
    const auto found = std::find_if(streams_.begin(), streams_.end(),
                                    [&](const BeatStream& s) { return s.process == process; });
    return found == streams_.end() ? nullptr : &*found;
}

void BeatAccount::remember(const BeatStream& stream) {
    if (past_.size() >= beat_streams_max) past_.erase(past_.begin());
    past_.push_back(Past{stream.process, stream.sequence, stream.counters});
}

/// A new stream. It goes on where an earlier one of the same image stopped; a sequence that begins
/// again is another process with a reused pid, whose counters begin again too.
BeatStream& BeatAccount::open(const BeatFrame& frame) {
    BeatStream& stream = streams_.emplace_back();
    stream.process = frame.process;
    const auto past = std::find_if(past_.begin(), past_.end(),
                                   [&](const Past& p) { return p.process == frame.process; });
    if (past == past_.end()) return stream;
    if (frame.sequence > past->sequence) stream.counters = past->counters;
    past_.erase(past);
    return stream;
}

BeatAccount::Outcome BeatAccount::add(const BeatFrame& frame, Time now) {
    BeatStream* stream = find(frame.process);
    if (stream == nullptr) {
        // The same pid with another image is an exec: the old program's silence means nothing any
        // more.
        const auto replaced = std::find_if(
            streams_.begin(), streams_.end(),
            [&](const BeatStream& s) { return s.process.process == frame.process.process; });
        if (replaced != streams_.end()) drop(ProcessKey{replaced->process});
        if (streams_.size() >= beat_streams_max) return Outcome::crowded;
        stream = &open(frame);
    } else if (frame.sequence <= stream->sequence) {
        return Outcome::stale;
    }
    accumulate(totals_, stream->counters, frame.counters);
    stream->counters = frame.counters;
    stream->last_sign = sign_of_life(frame, stream->last_sign, now);
    stream->phase = frame.phase;
    stream->in_flight = frame.in_flight;
    stream->oldest = frame.oldest;
    // No request began in the future, or before the clock did: hostile numbers must not overflow
    // what is made of them.
    if (stream->oldest) stream->oldest = std::clamp(*stream->oldest, Time{}, std::max(now, Time{}));
    stream->sequence = frame.sequence;
    stream->forgiven = false;
    stream->looks = 0;
    if (frame.phase == Phase::stopping) drop(frame.process);
    return Outcome::counted;
}

void BeatAccount::drop(const ProcessKey& process) {
    const auto found = std::find_if(streams_.begin(), streams_.end(),
                                    [&](const BeatStream& s) { return s.process == process; });
    if (found == streams_.end()) return;
    remember(*found);
    streams_.erase(found);
}

void BeatAccount::drop_all() {
    for (const BeatStream& stream : streams_) remember(stream);
    streams_.clear();
}

std::uint32_t BeatAccount::in_flight() const noexcept {
    std::uint64_t sum = 0;
    for (const BeatStream& stream : streams_) sum += stream.in_flight;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX));
}

std::optional<Time> BeatAccount::oldest() const noexcept {
    std::optional<Time> oldest;
    for (const BeatStream& stream : streams_) {
        if (stream.oldest && (!oldest || *stream.oldest < *oldest)) oldest = stream.oldest;
    }
    return oldest;
}

}  // namespace reeve::core
