// The promises that single records and actions can break.
#include "sim/checker.hpp"

#include <algorithm>
#include <utility>

#include "core/limits.hpp"
#include "core/restart_policy.hpp"
#include "sim/trace.hpp"

namespace reeve::sim {
namespace {

using core::Duration;
using core::Reason;
using core::State;
using core::StopMode;

constexpr int sigkill = 9;

std::uint64_t key_of(const core::ProcessKey& process) {
    return std::uint64_t{process.process} << 32U | process.image;
}

/// Edges of the worker machine that do not exist, whatever happens.
bool is_legal(State from, State to) {
    switch (to) {
        case State::down:
        case State::failed: return from != State::failed && from != State::down;
        case State::starting: return from == State::down;
        case State::serving: return from == State::starting;
        case State::hung: return from == State::serving;
        case State::draining: return from == State::starting || from == State::serving;
        case State::aborting: return from == State::serving || from == State::hung;
        case State::killing: return has_process(from) && from != State::killing;
        case State::backoff: return from == State::down || has_process(from);
    }
    return false;
}

}  // namespace

Checker::Checker(const core::Config& config) : config_(&config) {
    for (const core::PoolConfig& pool : config.pools) {
        pools_.emplace_back().slots.resize(pool.policy.workers);
    }
}

void Checker::fail(const char* checker, const std::string& what, core::Seat seat) const {
    throw Violation(checker,
                    what + " (pool " + std::to_string(number(seat.pool)) + ", slot " +
                        std::to_string(number(seat.slot)) + ", at " + text_of(now_) + ")",
                    seat);
}

Checker::Track* Checker::find(core::Incarnation who) {
    const auto found = tracks_.find(who);
    return found == tracks_.end() ? nullptr : &found->second;
}

Checker::Track& Checker::must_find(core::Incarnation who, const char* checker, core::Seat seat) {
    Track* track = find(who);
    if (track == nullptr) fail(checker, "a record about a process that is gone", seat);
    return *track;
}

void Checker::before(const std::vector<core::Event>& events, core::Time now,
                     const core::Supervisor& supervisor) {
    now_ = now;
    stopping_before_ = stopping_;
    ticked_ = stop_asked_ = hurried_ = false;
    dead_.clear();
    hooked_.clear();
    mourned_.clear();
    beaten_.clear();
    hung_.clear();
    promoted_.clear();
    vacated_.clear();
    deaths_here_.clear();
    stable_deaths_.clear();
    backoffs_.clear();
    boot_failures_.clear();
    const auto due = supervisor.next_deadline();
    late_ = unseen_ = Duration::zero();
    if (due && last_turn_) {
        late_ = now - std::max(*due, *last_turn_);
        unseen_ = std::clamp(*due - *last_turn_, Duration::zero(), std::max(late_, {}));
    }
    last_turn_ = now;
    for (const core::Event& event : events) see(event);
    if (late_ <= core::lateness_tolerated) return;
    for (auto& [who, track] : tracks_) {
        for (auto& [key, stream] : track.streams) {
            ++stream.absences;
            if (stream.fed != now) stream.late += late_;
        }
    }
}

void Checker::see(const core::Event& event) {
    if (const auto* exited = std::get_if<core::Exited>(&event)) dead_.insert(exited->incarnation);
    if (const auto* failed = std::get_if<core::SpawnFailed>(&event)) {
        dead_.insert(failed->incarnation);
    }
    if (const auto* hook = std::get_if<core::HookEnded>(&event)) hooked_.insert(hook->incarnation);
    if (const auto* beat = std::get_if<core::Beat>(&event)) see_beat(*beat);
    if (const auto* queue = std::get_if<core::QueueSeen>(&event)) see_queue(*queue);
    if (const auto* said = std::get_if<core::Notified>(&event)) see_notice(*said);
    if (std::holds_alternative<core::Tick>(event)) ticked_ = true;
    if (std::holds_alternative<core::StopRequested>(event)) stop_asked_ = true;
}

void Checker::see_beat(const core::Beat& event) {
    Track* track = find(event.incarnation);
    if (track == nullptr) return;
    beaten_.insert(event.incarnation);
    const auto known = track->streams.find(key_of(event.frame.process));
    if (known != track->streams.end() && known->second.sequence >= event.frame.sequence) return;
    track->streams[key_of(event.frame.process)] = Stream{event.frame.sequence, now_, 0, {}};
}

/// A watchdog is a stream without a process, and its news are never old.
void Checker::see_notice(const core::Notified& event) {
    Track* track = find(event.incarnation);
    if (track == nullptr) return;
    if (event.hung) track->triggered = true;
    if (event.stopping) track->says_stopping = true;
    if (event.extension > Duration::zero()) track->pleaded = true;
    if (event.alive) track->streams[0] = Stream{0, now_, 0, {}};
}

Duration Checker::patience(const core::Transition& record) const {
    const core::PoolPolicy& policy = this->policy(record.about.seat);
    switch (record.to) {
        case State::starting: return policy.start_timeout;
        case State::hung: return policy.hook_timeout;
        case State::draining: {
            const bool fast = record.reason == Reason::stop && mode_ != StopMode::graceful;
            return fast ? policy.kill_grace : policy.graceful_timeout;
        }
        case State::aborting:
            return record.reason == Reason::core_dump ? policy.core_timeout : policy.abort_timeout;
        case State::killing: return policy.kill_grace;
        case State::down:
        case State::serving:
        case State::backoff:
        case State::failed: return Duration::zero();
    }
    return Duration::zero();
}

void Checker::on(const core::Transition& record) {
    const core::Seat seat = record.about.seat;
    const auto wait = std::pair{seat, record.about.incarnation};
    demand(is_legal(record.from, record.to), "edges", "an edge that does not exist", seat);
    const core::Pool& pool = supervisor_->pools()[number(seat.pool)];
    demand(record.ready == pool.ready() && record.wanted == pool.wanted(), "records",
           "a transition with wrong counts", seat);
    if (record.to == State::backoff) waits_[wait] = delay_over_;
    if (record.from == State::backoff) {
        demand(waits_.contains(wait), "records", "left a back-off that it was not in", seat);
        // Nobody waits any more where the successor's machine takes over in the same turn, or
        // where the slot failed for good.
        const core::Worker& current = pool.slots()[number(seat.slot)].current;
        const bool superseded = current.state() == State::failed ||
                                (pools_[number(seat.pool)].slots[number(seat.slot)].several &&
                                 dead_.contains(record.about.incarnation));
        demand(stopping_ || superseded || now_ >= waits_[wait], "back-off",
               "left before its delay was over", seat);
        waits_.erase(wait);
    }
    if (!has_process(record.from) && !has_process(record.to)) return;
    if (record.from == State::down) {
        Track& track = tracks_[record.about.incarnation];
        track.seat = seat;
    }
    Track& track = must_find(record.about.incarnation, "dead incarnation", seat);
    demand(track.state == record.from, "records", "a transition from another state", seat);
    demand(has_process(record.to) || dead_.contains(record.about.incarnation), "records",
           "no process any more, without a death", seat);
    // A stop comes before the exits of its turn, so that those do not count as crashes.
    const bool dead = dead_.contains(record.about.incarnation);
    const bool stopped = stop_asked_ || (stopping_ && record.reason == Reason::stop);
    demand(!has_process(record.to) || !dead || stopped, "dead incarnation",
           "a dead process changes its state", seat);
    check_edge(record, track);
    track.served_until_drain = record.from == State::serving && record.to == State::draining &&
                               policy(seat).accept == core::Accept::per_worker &&
                               (record.reason != Reason::stop || mode_ == StopMode::graceful);
    track.empty_since.reset();
    track.settled = false;
    track.stuck_since.reset();
    track.state = record.to;
    track.since = now_;
    track.patience = patience(record);
    track.pleaded = false;
    track.forgiven_at = forgiven_;
    if (record.to == State::serving) {
        track.was_ready = true;
        track.ready_at = now_;
        for (auto& [key, stream] : track.streams) {
            stream.fed = now_;
            stream.absences = 0;
            stream.late = Duration::zero();
        }
    }
    if (has_process(record.to)) return;
    // The spawn of a worker that was told to leave before it was executed fails without a record.
    if (!mourned_.contains(record.about.incarnation)) {
        died(record.about.incarnation, false, true, Duration::zero());
    }
    tracks_.erase(record.about.incarnation);
}

/// What must have happened for this edge to be taken now.
void Checker::check_edge(const core::Transition& record, const Track& track) {
    const core::Seat seat = record.about.seat;
    const core::Incarnation who = record.about.incarnation;
    switch (record.to) {
        case State::hung:
            demand(hung_.contains(who), "hang", "hung without a record why", seat);
            return;
        case State::aborting:
            if (record.from == State::serving) {
                demand(hung_.contains(who), "hang", "aborted without a record why", seat);
            } else {
                demand(hooked_.contains(who) || hurried_ || now_ >= limit(track), "hang",
                       "the hook was cut short", seat);
            }
            return;
        case State::draining: return check_drain(record, track);
        case State::killing: return check_kill(who, track, record.from);
        case State::down:
        case State::starting:
        case State::serving:
        case State::backoff:
        case State::failed: return;
    }
}

void Checker::check_drain(const core::Transition& record, const Track& track) {
    const core::Seat seat = record.about.seat;
    if (record.reason == Reason::stop) {
        return demand(stopping_, "drain", "told to leave for a stop that nobody asked for", seat);
    }
    if (record.from == State::starting) {
        demand(record.reason == Reason::start_timeout, "drain", "a booting worker told to leave",
               seat);
        return demand(now_ >= limit(track), "start_timeout", "before its time was over", seat);
    }
    const bool planned =
        promoted_.contains(record.about.incarnation) || vacated_.contains(record.about.incarnation);
    demand(planned, "make before break", "told to leave although nothing takes its place", seat);
}

void Checker::check_kill(core::Incarnation who, const Track& track, State from) {
    if (mode_ == StopMode::immediate) return;
    demand(from == State::draining || from == State::aborting, "kill",
           "killed without having been asked to leave", track.seat);
    if (now_ < limit(track)) {
        fail("kill", "killed before its grace was over: #" + std::to_string(number(who)),
             track.seat);
    }
}

void Checker::on(const core::WorkerReady& record) {
    const core::Seat seat = record.about.seat;
    must_find(record.about.incarnation, "dead incarnation", seat);
    demand(!dead_.contains(record.about.incarnation), "annulled ready",
           "ready in the turn of its death", seat);
    forget_row(seat);
}

void Checker::on(const core::SlotFailed& record) {
    forget_row(record.about.seat);
    boot_failures_.erase(record.about.seat);
}

void Checker::forget_row(core::Seat seat) {
    SlotTrack& slot = pools_[number(seat.pool)].slots[number(seat.slot)];
    slot.in_a_row.clear();
    slot.waits_in_a_row = 0;
}

void Checker::died(core::Incarnation who, bool ready, bool asked, Duration served) {
    const Track* track = find(who);
    const core::Seat seat = track->seat;
    mourned_.insert(who);
    SlotTrack& slot = pools_[number(seat.pool)].slots[number(seat.slot)];
    ++deaths_here_[seat];
    ++slot.failures;
    if (ready && served >= policy(seat).stable_after) {
        slot.failures = 0;
        ++stable_deaths_[seat];
    }
    if (ready || asked) return;
    slot.in_a_row.push_back(now_);
    boot_failures_.insert(seat);
    const std::size_t deaths = slot.in_a_row.size();
    if (deaths <= 8) return;
    // Two machines at most fail side by side, and only the first restart of each is free.
    const auto least = policy(seat).backoff_min * 3 / 4 * static_cast<int>((deaths - 6) / 2);
    demand(now_ - slot.in_a_row.front() >= least, "fork storm", "failing workers do not wait",
           seat);
}

void Checker::on(const core::WorkerDied& record) {
    const core::Seat seat = record.about.seat;
    const Track& track = must_find(record.about.incarnation, "dead incarnation", seat);
    demand(record.was_ready == track.was_ready, "records", "was_ready is wrong", seat);
    demand(record.requests >= track.requests, "records", "requests went backwards", seat);
    const bool asked = track.state != State::starting && track.state != State::serving;
    demand(asked == (record.reason != Reason::none), "records", "a death with a wrong reason",
           seat);
    died(record.about.incarnation, track.was_ready, asked, now_ - track.ready_at);
}

void Checker::on(const core::SpawnFailure& record) {
    must_find(record.about.incarnation, "dead incarnation", record.about.seat);
    died(record.about.incarnation, false, false, Duration::zero());
}

void Checker::on(const core::Backoff& record) {
    const core::PoolPolicy& policy = this->policy(record.seat);
    ++backoffs_[record.seat];
    ++pools_[number(record.seat.pool)].slots[number(record.seat.slot)].waits_in_a_row;
    demand(record.failures >= 2, "back-off", "the first restart has to wait", record.seat);
    Duration full = policy.backoff_min;
    for (std::uint32_t i = 2; i < record.failures && full < policy.backoff_max; ++i) full *= 2;
    full = std::min(full, policy.backoff_max);
    demand(record.delay <= full, "back-off", "longer than the policy says", record.seat);
    demand(record.delay >= full - full / 4, "back-off", "shorter than the policy says",
           record.seat);
    const auto& slot = pools_[number(record.seat.pool)].slots[number(record.seat.slot)];
    demand(slot.several || record.failures <= slot.failures + 1, "back-off",
           "counts failures of before the worker was stable", record.seat);
    delay_over_ = now_ + record.delay;
}

void Checker::on(const core::Hang& record) {
    const core::Seat seat = record.about.seat;
    const core::Incarnation who = record.about.incarnation;
    const Track& track = must_find(who, "dead incarnation", seat);
    ++hangs_;
    hung_.insert(who);
    pools_[number(seat.pool)].slots[number(seat.slot)].several = true;
    demand(track.state == State::serving, "hang", "only a serving worker can hang", seat);
    if (record.by == core::HangSign::trigger) {
        return demand(track.triggered, "hang", "nobody said that it hangs", seat);
    }
    demand(record.silence >= record.limit, "hang", "before its time was over", seat);
    const bool stuck = track.stuck_since && now_ - *track.stuck_since >= record.limit;
    demand(record.waiting == 0 || stuck, "hang", "hung although it ran, or nothing waited", seat);
    demand(record.by != core::HangSign::watchdog || !track.says_stopping, "hang",
           "it said that it stops", seat);
    for (const auto& [key, stream] : track.streams) {
        const bool fed = record.by == core::HangSign::watchdog;
        if (fed ? key != 0 : record.process == 0 || key >> 32U != record.process) continue;
        const Duration silence = now_ - stream.fed;
        const Duration slack = core::lateness_tolerated;
        const Duration excused = stream.absences == 1 ? stream.late : Duration::zero();
        demand(silence + slack >= record.limit, "hang", "hung although it beat", seat);
        demand(silence + slack >= record.limit + excused, "lateness",
               "hung for the absence of reeve itself", seat);
    }
}

void Checker::on(const core::RequestTimeout& record) {
    const core::Seat seat = record.about.seat;
    pools_[number(seat.pool)].slots[number(seat.slot)].several = true;
    hung_.insert(record.about.incarnation);
    demand(record.age >= record.limit, "request_timeout", "before its time was over", seat);
    demand(beaten_.contains(record.about.incarnation), "request_timeout", "without a beat", seat);
}

void Checker::on(const core::CoreDump& record) {
    Track& track = must_find(record.about.incarnation, "dead incarnation", record.about.seat);
    hung_.insert(record.about.incarnation);
    pools_[number(track.seat.pool)].slots[number(track.seat.slot)].several = true;
    if (track.state != State::aborting) return;
    track.patience = record.patience + (now_ - track.since);
    track.forgiven_at = forgiven_;
}

void Checker::on(const core::Kill& record) {
    const core::Seat seat = record.about.seat;
    ++kills_;
    must_find(record.about.incarnation, "dead incarnation", seat);
    pools_[number(seat.pool)].slots[number(seat.slot)].several = true;
}

void Checker::on(const core::RotationDue& record) {
    const Track& track = must_find(record.about.incarnation, "dead incarnation", record.about.seat);
    demand(record.value >= record.limit, "quota", "due before its quota", record.about.seat);
    if (record.reason != Reason::requests) return;
    demand(record.limit == track.quota, "quota", "another quota than it was told",
           record.about.seat);
}

void Checker::on(const core::RotationStart& record) {
    demand(!stopping_, "stop", "a rotation begins while reeve stops", record.about.seat);
    pools_[number(record.about.seat.pool)].slots[number(record.about.seat.slot)].several = true;
    if (record.successor == core::Incarnation::none) vacated_.insert(record.about.incarnation);
}

void Checker::on(const core::Rotation& record) {
    const core::Seat seat = record.about.seat;
    ++rotations_;
    demand(!stopping_, "stop", "a rotation ends while reeve stops", seat);
    must_find(record.about.incarnation, "make before break", seat);
    const Track& next = must_find(record.successor, "make before break", seat);
    demand(next.state == State::serving && !dead_.contains(record.successor), "make before break",
           "the successor does not serve", seat);
    demand(now_ - next.ready_at >= policy(seat).ready_for, "make before break",
           "the successor was not ready for long enough", seat);
    promoted_.insert(record.about.incarnation);
}

void Checker::on(const core::PoolReady& record) {
    PoolTrack& pool = pools_[number(record.pool)];
    demand(!pool.complete, "records", "a pool becomes ready twice", {record.pool, {}});
    pool.complete = record.complete;
}

void Checker::on(const core::PoolDegraded& record) {
    PoolTrack& pool = pools_[number(record.pool)];
    demand(!pool.degraded, "records", "degraded twice", {record.pool, {}});
    pool.degraded = true;
}

void Checker::on(const core::PoolRecovered& record) {
    PoolTrack& pool = pools_[number(record.pool)];
    demand(pool.degraded && record.ready == record.wanted, "records",
           "recovered without having been degraded", {record.pool, {}});
    pool.degraded = false;
}

void Checker::on(const core::PoolGaveUp& record) {
    gave_up_ = true;
    const bool told = policy({record.pool, {}}).on_give_up == core::OnGiveUp::exit;
    const bool any = std::any_of(pools_.begin(), pools_.end(),
                                 [](const PoolTrack& pool) { return pool.was_ready; });
    demand(told || !any, "give up", "gave up although a pool has been ready", {record.pool, {}});
}

void Checker::on(const core::Lateness& record) {
    demand(record.late == late_ && late_ > core::lateness_tolerated, "lateness",
           "a lateness that was none", {});
    forgiven_ += record.late + unseen_;
}

void Checker::on(const core::StopStart& record) {
    demand(stop_asked_ || gave_up_, "stop", "nobody asked for it", {});
    demand(!stopping_ || record.mode >= mode_, "stop", "a stop relaxes", {});
    if (!stopping_) kills_ = 0;
    hurried_ = record.mode != StopMode::graceful;
    stopping_ = true;
    mode_ = record.mode;
    if (!hurried_) return;
    for (auto& [who, track] : tracks_) {
        if (track.state != State::draining && track.state != State::aborting) continue;
        const Duration left =
            now_ - track.since - (forgiven_ - track.forgiven_at) + policy(track.seat).kill_grace;
        track.patience = std::min(track.patience, left);
    }
}

void Checker::on(const core::Stopped& record) {
    demand(record.killed == kills_, "records", "counts other kills than it recorded", {});
}

template <typename Other>
void Checker::act(const Other& action) {
    must_find(action.incarnation, "dead incarnation", {});
}

void Checker::act(const core::Spawn& action) {
    // A pool that gives up may have started somebody earlier in the same turn.
    demand(!stopping_before_ && !stop_asked_, "stop", "a spawn while reeve stops", action.seat);
    demand(action.incarnation > newest_, "incarnations", "an incarnation is used again",
           action.seat);
    newest_ = action.incarnation;
    ++spawns_;
    Track& track = must_find(action.incarnation, "spawn", action.seat);
    track.quota = action.quota_requests;
    track.side = action.side;
    const core::PoolPolicy& policy = this->policy(action.seat);
    if (policy.max_requests == 0) return;
    demand(action.quota_requests >= policy.max_requests &&
               action.quota_requests <= policy.max_requests + policy.max_requests_jitter,
           "jitter", "a quota beyond its range", action.seat);
    auto& quotas = pools_[number(action.seat.pool)].quotas;
    quotas.push_back(action.quota_requests);
    const bool equal = std::all_of(quotas.begin(), quotas.end(),
                                   [&](std::uint64_t each) { return each == quotas.front(); });
    demand(quotas.size() < 8 || policy.max_requests_jitter < 50 || !equal, "jitter",
           "all workers have the same quota", action.seat);
}

void Checker::act(const core::Signal& action) {
    if (stopping_ && dead_.contains(action.incarnation)) return;
    const Track& track = must_find(action.incarnation, "dead incarnation", {});
    const bool tree = action.target == core::Signal::Target::tree;
    demand(tree == (action.signal == sigkill), "kill", "KILL goes to the tree, others do not",
           track.seat);
    // Two stops of one turn, or no grace at all, lead through two states in one turn.
    const bool killing = track.state == State::killing;
    demand(killing == (action.signal == sigkill) || (killing && track.since == now_), "kill",
           "a signal that does not belong to the state", track.seat);
    check_told(track);
    must_find(action.incarnation, "dead incarnation", {}).served_until_drain = false;
}

void Checker::act(const core::IgnoreBeats& action) {
    // Garbage is read before the exit of the same turn.
    if (dead_.contains(action.incarnation)) return;
    must_find(action.incarnation, "dead incarnation", {});
}

void Checker::act(const core::Drain& action) {
    if (stopping_ && dead_.contains(action.incarnation)) return;
    const Track& track = must_find(action.incarnation, "dead incarnation", {});
    demand(track.state == State::draining || track.since == now_, "drain",
           "a drain in another state", track.seat);
    const Duration passed = now_ - track.since - (forgiven_ - track.forgiven_at);
    demand(action.within == policy(track.seat).graceful_timeout - passed, "drain",
           "with another limit", track.seat);
    check_told(track);
    must_find(action.incarnation, "dead incarnation", {}).served_until_drain = false;
}

void Checker::act(const core::RefuseConnections&) {
    demand(stopping_ && !refused_, "stop", "connections are refused without need", {});
    refused_ = true;
}

void Checker::act(const core::Leave& action) {
    demand(!left_, "leave", "leaves twice", {});
    demand(tracks_.empty(), "leave", "leaves processes behind", {});
    demand((action.exit_code == 3) == gave_up_, "leave", "with a wrong exit code", {});
    left_ = true;
}

void Checker::after(const core::Output& out, const core::Supervisor& supervisor) {
    supervisor_ = &supervisor;
    const bool had_left = left_;
    demand(!had_left || out.actions.empty(), "leave", "acts after having left", {});
    for (const core::Record& record : out.records) {
        std::visit([&](const auto& each) { on(each); }, record);
    }
    for (const core::Action& action : out.actions) {
        std::visit([&](const auto& each) { act(each); }, action);
    }
    demand(late_ <= core::lateness_tolerated || left_ ||
               std::any_of(out.records.begin(), out.records.end(),
                           [](const core::Record& record) {
                               return std::holds_alternative<core::Lateness>(record);
                           }),
           "lateness", "an absence was not noticed", {});
    check_failures();
    check_pools();
    check_deadline();
    if (ticked_) check_overstay();
}

}  // namespace reeve::sim
