// The promises about workers that have accept queues of their own: nothing is left in one.
#include <algorithm>

#include "core/limits.hpp"
#include "sim/checker.hpp"

namespace reeve::sim {

using core::Duration;
using core::State;

void Checker::see_queue(const core::QueueSeen& event) {
    Track* track = find(event.incarnation);
    if (track == nullptr) return;
    if (event.waiting != 0) {
        track->empty_since.reset();
    } else if (!track->empty_since) {
        track->empty_since = now_;
    }
    track->settled |= track->empty_since && now_ - *track->empty_since >= core::queue_settle;
    const bool stuck = event.waiting != 0 && event.ran.has_value();
    if (!stuck || (track->stuck_since && track->ran != *event.ran)) track->stuck_since.reset();
    if (!stuck || track->stuck_since) return;
    track->stuck_since = now_;
    track->ran = *event.ran;
}

/// Whoever has served leaves only when nothing waits for it, or when it takes too long.
void Checker::check_told(const Track& track) const {
    if (!track.served_until_drain || track.state != State::draining) return;
    if (hurried_ || stopping_) return;
    const Duration passed = now_ - track.since - (forgiven_ - track.forgiven_at);
    const bool late = passed >= policy(track.seat).graceful_timeout / 2;
    demand(track.settled || late, "own queue", "told to leave while connections may wait for it",
           track.seat);
}

/// Of two workers on one socket, one takes the connections of the other.
void Checker::check_sides(const core::Pool& pool, const core::Slot& slot, core::Seat seat) const {
    if (pool.policy().accept != core::Accept::per_worker || stopping_) return;
    std::array<int, 2> takers{};
    const auto count = [&](const core::Worker& worker) {
        const Track* track =
            tracks_.contains(worker.incarnation()) ? &tracks_.at(worker.incarnation()) : nullptr;
        if (track == nullptr) return;
        demand(track->side == worker.side(), "sides", "it sits elsewhere than it was told", seat);
        const bool takes = worker.state() == State::starting || worker.state() == State::serving ||
                           (worker.state() == State::draining && track->served_until_drain);
        if (takes) ++takers[static_cast<std::size_t>(worker.side())];
    };
    count(slot.current);
    if (slot.successor) count(*slot.successor);
    for (const core::Worker& worker : slot.leaving) count(worker);
    demand(takers[0] <= 1 && takers[1] <= 1, "sides", "two workers share a side", seat);
    const bool nobody = takers[0] + takers[1] == 0;
    demand(!nobody || slot.current.state() != State::serving, "sides", "nobody has a side", seat);
}

/// New connections go to all who serve and to nobody else; where nobody does, they go somewhere.
void Checker::check_steering(const core::Pool& pool, core::PoolIndex index) const {
    if (pool.policy().accept != core::Accept::per_worker || stopping_) return;
    const std::vector<core::Place>& places = pools_[number(index)].places;
    demand(!places.empty(), "steering", "nobody said where connections go", {index, {}});
    std::size_t serving = 0;
    for (std::size_t i = 0; i < pool.slots().size(); ++i) {
        const core::Slot& slot = pool.slots()[i];
        const core::SlotIndex here{static_cast<std::uint32_t>(i)};
        const bool succeeded = slot.successor && slot.successor->state() == State::serving;
        const core::Worker& worker = succeeded ? *slot.successor : slot.current;
        if (worker.state() != State::serving) continue;
        ++serving;
        const core::Place place{here, worker.side(), worker.generation()};
        demand(std::find(places.begin(), places.end(), place) != places.end(), "steering",
               "one who serves gets none", {index, here});
    }
    demand(serving == 0 || places.size() == serving, "steering", "somebody gets some who must not",
           {index, {}});
}

void Checker::act(const core::Steer& action) {
    demand(!action.places.empty(), "steering", "to nowhere", {action.pool, {}});
    demand(action.places != pools_[number(action.pool)].places, "steering", "as before",
           {action.pool, {}});
    pools_[number(action.pool)].places = action.places;
}

}  // namespace reeve::sim
