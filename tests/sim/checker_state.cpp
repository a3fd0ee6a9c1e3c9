// The promises that the state after a turn can break: bounds, gauges, deadlines, nobody forgotten.
#include <algorithm>

#include "core/limits.hpp"
#include "sim/checker.hpp"

namespace reeve::sim {
namespace {

using core::Duration;
using core::State;
using core::StopPhase;

/// States that end by time alone, if by nothing else.
bool is_bounded(State state) {
    switch (state) {
        case State::starting:
        case State::hung:
        case State::draining:
        case State::aborting:
        case State::killing: return true;
        case State::down:
        case State::serving:
        case State::backoff:
        case State::failed: return false;
    }
    return false;
}

core::Seat seat_of(std::size_t pool, std::size_t slot) {
    return {core::PoolIndex{static_cast<std::uint32_t>(pool)},
            core::SlotIndex{static_cast<std::uint32_t>(slot)}};
}

std::uint32_t max_draining(const core::PoolPolicy& policy) {
    return policy.max_draining == 0 ? policy.workers : policy.max_draining;
}

}  // namespace

/// A worker that was stable has not failed: its successor does not wait.
void Checker::check_failures() {
    for (const auto& [seat, deaths] : deaths_here_) {
        const SlotTrack& slot = pools_[number(seat.pool)].slots[number(seat.slot)];
        // Two machines at most fail side by side, and only the first restart of each is free.
        demand(stopping_ || slot.waits_in_a_row + 2 >= slot.in_a_row.size(), "fork storm",
               "failing workers do not wait", seat);
    }
    for (const core::Seat seat : boot_failures_) {
        const core::Slot& slot = supervisor_->pools()[number(seat.pool)].slots()[number(seat.slot)];
        const bool counted =
            slot.current.failures() > 0 || (slot.successor && slot.successor->failures() > 0);
        // A successor of one that failed for good in the same turn is given up with it.
        const bool given_up = slot.current.state() == State::failed;
        demand(stopping_ || counted || given_up, "back-off", "a failed boot does not count", seat);
    }
    for (const auto& [seat, stable] : stable_deaths_) {
        const SlotTrack& slot = pools_[number(seat.pool)].slots[number(seat.slot)];
        const bool unclear = slot.several || deaths_here_[seat] != stable;
        demand(unclear || backoffs_[seat] == 0, "back-off", "a wait after a stable worker", seat);
    }
}

void Checker::check_pools() {
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        const core::Pool& pool = supervisor_->pools()[i];
        const core::Seat here = seat_of(i, 0);
        std::size_t processes = 0;
        std::size_t starting = 0;
        bool resting = false;
        for (std::size_t k = 0; k < pool.slots().size(); ++k) {
            const core::Slot& slot = pool.slots()[k];
            processes += check_workers(pool, slot, seat_of(i, k));
            starting += slot.current.state() == State::starting ? 1 : 0;
            starting += slot.successor && slot.successor->state() == State::starting ? 1 : 0;
            resting |= slot.current.state() == State::down;
            resting |= slot.successor && slot.successor->state() == State::down;
            check_slot(pool, slot, seat_of(i, k));
            check_sides(pool, slot, seat_of(i, k));
        }
        demand(processes == pool.processes(), "records", "another number of processes", here);
        if (pool.ready() > 0) pools_[i].was_ready = true;
        check_bounds(pool, here.pool);
        check_steering(pool, here.pool);
        if (stopping_) continue;
        const std::uint32_t most = pool.policy().start_concurrency;
        demand(most == 0 || starting <= most, "start_concurrency", "too many boot at once", here);
        demand(!resting || (most != 0 && starting >= most), "reconcile",
               "a slot is down for no reason", here);
        demand(pool.degraded() == pools_[i].degraded, "records", "degraded without a record", here);
        const bool vacated = std::any_of(vacated_.begin(), vacated_.end(), [&](auto who) {
            const Track* track = find(who);
            return track != nullptr && track->seat.pool == here.pool;
        });
        if (!vacated) continue;
        demand(pool.ready() + pool.policy().max_unavailable >= pool.policy().workers,
               "max_unavailable", "too few are ready during a rotation", here);
    }
    std::size_t all = 0;
    for (const core::Pool& pool : supervisor_->pools()) all += pool.processes();
    demand(all == tracks_.size(), "records", "processes that nobody knows of", {});
}

void Checker::check_slot(const core::Pool& pool, const core::Slot& slot, core::Seat seat) {
    std::size_t staying = 0;
    const auto stays = [&](const core::Worker& worker) {
        const State state = worker.state();
        return state == State::starting || state == State::serving ? 1U : 0U;
    };
    staying += stays(slot.current);
    if (slot.successor) staying += stays(*slot.successor);
    for (const core::Worker& worker : slot.leaving) staying += stays(worker);
    demand(staying <= (pool.policy().max_surge > 0 ? 2 : 1), "slot",
           "too many processes that are to stay", seat);
    demand(slot.leaving.size() <=
               core::leaving_per_slot_max + pool.policy().max_surge + max_draining(pool.policy()),
           "slot", "too many processes on their way out", seat);
}

/// Compares each worker with what the records say of it. The number of its processes.
std::size_t Checker::check_workers(const core::Pool& pool, const core::Slot& slot,
                                   core::Seat seat) {
    std::size_t processes = 0;
    const auto check = [&](const core::Worker& worker) {
        if (!has_process(worker.state())) {
            const auto deadline = worker.deadline(pool.policy());
            demand(deadline.has_value() == (worker.state() == State::backoff), "deadline",
                   "waits without a deadline, or for nothing", seat);
            return;
        }
        ++processes;
        Track* track = find(worker.incarnation());
        demand(track != nullptr && track->state == worker.state() && track->seat == seat, "records",
               "a worker whose records say something else", seat);
        const std::uint64_t requests = worker.beats().totals().requests;
        demand(requests >= track->requests, "records", "requests went backwards", seat);
        track->requests = requests;
        const bool stable = track->state == State::serving && track->ready_at < now_ &&
                            now_ - track->ready_at >= pool.policy().stable_after;
        demand(!ticked_ || !stable || worker.failures() == 0, "back-off",
               "is not reset by a stable worker", seat);
    };
    check(slot.current);
    if (slot.successor) check(*slot.successor);
    for (const core::Worker& worker : slot.leaving) check(worker);
    return processes;
}

void Checker::check_bounds(const core::Pool& pool, core::PoolIndex index) const {
    const core::PoolPolicy& policy = pool.policy();
    std::uint32_t all = 0;
    std::uint32_t staying = 0;
    for (const auto& [who, track] : tracks_) {
        if (track.seat.pool != index) continue;
        ++all;
        if (track.state != State::draining && track.state != State::killing) ++staying;
    }
    demand(staying <= policy.workers + policy.max_surge, "max_surge",
           "more workers than workers + max_surge", {index, {}});
    demand(all <= policy.workers + policy.max_surge + max_draining(policy), "peak",
           "more processes than workers + max_surge + max_draining", {index, {}});
}

/// Somebody waits for the time if and only if there is a deadline, and it is early enough for him.
void Checker::check_deadline() {
    const auto deadline = supervisor_->next_deadline();
    const StopPhase phase = supervisor_->stop_phase();
    if (left_)
        return demand(!deadline && phase == StopPhase::left, "deadline", "after the end", {});
    bool waiting = phase == StopPhase::delaying || phase == StopPhase::emptying;
    bool serving = false;
    for (const auto& [who, track] : tracks_) {
        serving |= track.state == State::serving;
        if (!is_bounded(track.state)) continue;
        waiting = true;
        // A last examination may follow, from when the timer fired.
        const Duration slack = track.state == State::aborting
                                   ? core::examine_timeout + core::lateness_tolerated
                                   : Duration::zero();
        demand(deadline && (*deadline <= limit(track) + slack + granted(track) ||
                            track.state == State::killing),
               "deadline", "nobody watches the time of a worker", track.seat);
    }
    for (const core::Pool& pool : supervisor_->pools()) {
        for (const core::Slot& slot : pool.slots()) {
            waiting |= slot.current.state() == State::backoff || slot.next_look;
            waiting |= slot.successor && slot.successor->state() == State::backoff;
        }
    }
    demand(!waiting || deadline, "deadline", "somebody waits without a deadline", {});
    demand(waiting || serving || !deadline, "deadline", "a deadline for which nobody waits", {});
    turns_without_progress_ =
        ticked_ && deadline && *deadline <= now_ ? turns_without_progress_ + 1 : 0;
    demand(turns_without_progress_ <= 8, "deadline", "the timer fires again and again", {});
}

/// A phase of ending that is over leads to the next one: nobody is waited for silently.
void Checker::check_overstay() const {
    for (const auto& [who, track] : tracks_) {
        if (!is_bounded(track.state) || track.state == State::killing) continue;
        Duration slack = std::chrono::nanoseconds{1};
        if (track.state == State::aborting) {
            slack += core::examine_timeout + core::lateness_tolerated;
        }
        if (now_ >= limit(track) + slack + granted(track)) {
            fail("overstay", "stays in " + std::string(name(track.state)) + " beyond its time",
                 track.seat);
        }
    }
}

}  // namespace reeve::sim
