// Reconciliation of a pool: lost workers, then starts, planned replacements, and the verdict.
#include "core/pool.hpp"

#include <algorithm>
#include <utility>

#include "core/limits.hpp"

namespace reeve::core {
namespace {

SlotIndex slot_index(std::size_t index) noexcept {
    return SlotIndex{static_cast<std::uint32_t>(index)};
}

template <typename Visit>
void for_each_worker(const Slot& slot, Visit&& visit) {
    visit(slot.current);
    if (slot.successor) visit(*slot.successor);
    for (const Worker& worker : slot.leaving) visit(worker);
}

template <typename Visit>
void for_each_worker(Slot& slot, Visit&& visit) {
    visit(slot.current);
    if (slot.successor) visit(*slot.successor);
    for (Worker& worker : slot.leaving) visit(worker);
}

}  // namespace

Pool::Pool(const PoolConfig& config, PoolIndex index, std::uint64_t seed, Generation generation)
    : policy_(config.policy),
      name_(config.name),
      after_(config.after),
      index_(index),
      seed_(seed),
      generation_(generation),
      last_generation_(generation),
      editions_{{generation, config.policy, config.after}},
      wanted_(config.policy.workers),
      slots_(config.policy.workers),
      due_(slots_.size()),
      is_touched_(slots_.size()) {
    for (Slot& slot : slots_) slot.generation = generation;
}

const PoolPolicy& Pool::policy_of(Generation generation) const noexcept {
    for (const Edition& edition : editions_) {
        if (edition.generation == generation) return edition.policy;
    }
    return policy_;
}

Context Pool::context(SlotIndex slot, const Worker& worker, Time now, Output& out) {
    touch(slot);
    return Context{policy_of(worker.generation()), Seat{index_, slot}, seed_, now, out};
}

Worker* Pool::find(Incarnation incarnation, SlotIndex slot) {
    Worker* found = nullptr;
    for_each_worker(slots_[number(slot)], [&](Worker& worker) {
        if (worker.incarnation() == incarnation && has_process(worker.state())) found = &worker;
    });
    return found;
}

void Pool::on_time(Time now, Output& out) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (!is_touched_[i] && (!due_[i] || now < *due_[i])) continue;
        look_at_sides(slots_[i], slot_index(i), now, out);
        for_each_worker(slots_[i], [&](Worker& worker) {
            const auto due = worker.deadline(policy_of(worker.generation()));
            if (due && now >= *due) worker.on_time(context(slot_index(i), worker, now, out));
        });
    }
}

void Pool::extend(Duration late) {
    touch_all();
    for (Slot& slot : slots_) {
        for_each_worker(slot, [&](Worker& worker) { worker.extend(late); });
    }
}

void Pool::forgive(Duration late, Time now) {
    touch_all();
    for (Slot& slot : slots_) {
        for_each_worker(slot, [&](Worker& worker) { worker.forgive(late, now); });
    }
}

void Pool::request_rotation(SlotIndex slot, Time now, Output& out) {
    const auto index = number(slot);
    if (index >= slots_.size()) return;
    const auto mark = [&](Worker& worker) {
        worker.mark_due(context(slot, worker, now, out), Reason::requested, 0, 0);
    };
    mark(slots_[index].current);
    // Whoever is about to take over was started before it was asked for.
    if (slots_[index].successor) mark(*slots_[index].successor);
}

void Pool::stop(StopMode mode, Time now, Output& out) {
    frozen_ = true;
    stopping_ = true;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        for_each_worker(slots_[i], [&](Worker& worker) {
            worker.stop(context(slot_index(i), worker, now, out), mode);
        });
    }
}

void Pool::freeze(Time now, Output& out) {
    frozen_ = true;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        for_each_worker(slots_[i], [&](Worker& worker) {
            worker.disown(context(slot_index(i), worker, now, out));
        });
    }
}

void Pool::reconcile(Time now, Registry& registry, Output& out) {
    if (!began_) began_ = now;
    if (!frozen_ && changeover_) advance_change(now);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        std::erase_if(slot.leaving,
                      [](const Worker& worker) { return !has_process(worker.state()); });
        if (frozen_) continue;
        settle_wanted(slot, slot_index(i), now, out);
        replace_lost(slot, slot_index(i), now, out);
        promote(slot, slot_index(i), now, out);
    }
    if (!frozen_) {
        resize();
        // Only now is it known how much room there is beside the slots.
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            replace_failing(slots_[i], slot_index(i), now, out);
        }
        if (stage_ == Stage::open) {
            start_waiting(now, registry, out);
            roll(now, registry, out);
        }
        say_not_enforced(now, out);
    }
    if (steers()) {
        for (std::size_t i = 0; i < slots_.size(); ++i) note_owners(slots_[i], slot_index(i), now);
        if (!frozen_) steer(out);
    }
    judge(now, out);
}

/// A successor takes over at once from a worker that is gone; one that failed for good is given up
/// for a while.
void Pool::replace_lost(Slot& slot, SlotIndex index, Time now, Output& out) {
    if (!slot.successor) return;
    if (slot.successor->state() == State::failed) {
        touch(index);
        slot.successor.reset();
        slot.no_roll_before = now + policy_.backoff_max;
        return;
    }
    if (has_process(slot.current.state())) return;
    if (slot.current.state() == State::failed && !has_process(slot.successor->state())) {
        slot.successor->disown(context(index, *slot.successor, now, out));
        slot.successor.reset();
        return;
    }
    slot.current.disown(context(index, slot.current, now, out));
    slot.generation = successor_generation(slot);
    slot.side = other(slot.side);
    slot.current = std::move(*slot.successor);
    slot.successor.reset();
}

/// The old worker goes only when its successor has stayed alive for a moment after Ready.
void Pool::promote(Slot& slot, SlotIndex index, Time now, Output& out) {
    if (!slot.successor || slot.successor->state() != State::serving) return;
    if (now - slot.successor->ready_at() < hold_of(*slot.successor)) return;
    out.records.push_back(Rotation{About{Seat{index_, index}, slot.current.incarnation()},
                                   slot.successor->incarnation(), slot.roll_reason,
                                   now - slot.successor->started_at()});
    slot.current.retire(context(index, slot.current, now, out), slot.roll_reason);
    slot.leaving.push_back(std::move(slot.current));
    slot.generation = slot.successor->generation();
    slot.side = slot.successor->side();
    slot.current = std::move(*slot.successor);
    slot.successor.reset();
}

/// A worker that is being aborted is of no use any more: its successor need not wait for its last
/// breath.
void Pool::replace_failing(Slot& slot, SlotIndex index, Time now, Output& out) {
    if (slot.off || !slot.current.is_failing()) return;
    if (!slot.successor && !has_room_beside()) return;
    if (slot.leaving.size() >= leaving_per_slot_max) return;
    const Context here = context(index, slot.current, now, out);
    slot.current.disown(here);
    if (slot.successor) {
        slot.generation = successor_generation(slot);
        slot.side = other(slot.side);
    }
    Worker next =
        slot.successor ? std::move(*slot.successor) : Worker::in_place_of(here, slot.current);
    slot.successor.reset();
    slot.leaving.push_back(std::exchange(slot.current, std::move(next)));
}

/// Whether one more process may stand beside those of the slots: the peak is promised.
bool Pool::has_room_beside() const noexcept {
    const std::uint64_t surge = surge_used();
    return surge < max_surge() && surge + draining() < std::uint64_t{max_surge()} + max_draining();
}

bool Pool::may_start() const noexcept {
    return policy_.start_concurrency == 0 || starting() < policy_.start_concurrency;
}

void Pool::start_waiting(Time now, Registry& registry, Output& out) {
    for (std::size_t i = 0; i < slots_.size() && may_start(); ++i) {
        Slot& slot = slots_[i];
        const SlotIndex index = slot_index(i);
        const Seat seat{index_, index};
        const bool vacant = !slot.off && slot.current.state() == State::down;
        if (!vacant && (!slot.successor || slot.successor->state() != State::down)) continue;
        touch(index);
        if (vacant && (!is_alone() || !others_alive(slot.generation))) {
            const Reason why =
                slot.current.reason() == Reason::none ? Reason::start : slot.current.reason();
            const Context here{policy_of(slot.generation), seat, seed_, now, out};
            slot.current.start(here, registry.make_incarnation(seat), slot.generation, why,
                               slot.side);
        }
        if (slot.successor && slot.successor->state() == State::down && may_start()) {
            const Generation next = successor_generation(slot);
            const Context here{policy_of(next), seat, seed_, now, out};
            slot.successor->start(here, registry.make_incarnation(seat), next, slot.roll_reason,
                                  other(slot.side));
        }
    }
}

/// Begins planned replacements, the one that has waited longest first.
void Pool::roll(Time now, Registry& registry, Output& out) {
    std::vector<std::size_t> due;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        if (slot.no_roll_before && now >= *slot.no_roll_before) {
            slot.no_roll_before.reset();
            touch(slot_index(i));
        }
        if (slot.off || slot.current.state() != State::serving || slot.successor) continue;
        if (!has_free_side(slot)) continue;
        if (!slot.current.due_since() && !is_outdated(slot_index(i))) continue;
        if (slot.no_roll_before && !is_outdated(slot_index(i))) continue;
        due.push_back(i);
    }
    const auto since = [&](std::size_t i) {
        const auto own = slots_[i].current.due_since();
        return own || !changeover_ ? own.value_or(now) : changeover_->began;
    };
    std::stable_sort(due.begin(), due.end(),
                     [&](std::size_t a, std::size_t b) { return since(a) < since(b); });
    for (const std::size_t i : due) {
        if (!begin_roll(slot_index(i), now, registry, out)) return;
    }
    if (due.empty()) waiting_said_ = false;
}

bool Pool::begin_roll(SlotIndex index, Time now, Registry& registry, Output& out) {
    Slot& slot = slots_[number(index)];
    const std::uint32_t leaving = draining();
    // Each successor that is under way will make one more drain.
    if (leaving + surge_used() >= max_draining()) {
        if (!waiting_said_ && leaving != 0) {
            out.records.push_back(RollWait{index_, leaving, max_draining()});
            waiting_said_ = true;
        }
        return false;
    }
    const bool outdated = is_outdated(index);
    if (outdated && !may_pilot()) return false;
    const Seat seat{index_, index};
    Reason reason = slot.current.due_reason();
    const bool forth = changeover_ && !changeover_->back;
    if (outdated) reason = forth ? Reason::reload : Reason::rollback;
    const About about{seat, slot.current.incarnation()};
    if (surge_used() < max_surge()) {
        if (!may_start()) return false;
        touch(index);
        slot.roll_reason = reason;
        slot.successor.emplace();
        const Incarnation next = registry.make_incarnation(seat);
        const Generation generation = successor_generation(slot);
        out.records.push_back(RotationStart{about, next, reason});
        slot.successor->start(Context{policy_of(generation), seat, seed_, now, out}, next,
                              generation, reason, other(slot.side));
    } else if (std::uint64_t{ready()} + max_unavailable() > wanted()) {
        out.records.push_back(RotationStart{about, Incarnation::none, reason});
        if (outdated && changeover_) slot.generation = forth ? changeover_->to : changeover_->from;
        slot.current.vacate(context(index, slot.current, now, out), reason);
        // What comes before its successor is there must not keep it.
        slot.side = other(slot.current.side());
    } else {
        return false;
    }
    waiting_said_ = false;
    return true;
}

/// Says what the pool has become: ready, degraded, recovered, given up.
void Pool::judge(Time now, Output& out) {
    const std::uint32_t up = ready();
    if (up > 0) ever_ready_ = true;
    if (frozen_) return;
    if (stage_ == Stage::open && !available_said_ && is_available()) {
        available_said_ = true;
        if (up < wanted())
            out.records.push_back(PoolReady{index_, up, wanted(), now - *began_, false});
    }
    if (stage_ == Stage::open && !complete_said_ && up == wanted()) {
        complete_said_ = true;
        out.records.push_back(PoolReady{index_, up, wanted(), now - *began_, true});
    }
    const std::uint32_t bad = failing();
    if (!ever_ready_ && !gave_up_) {
        std::uint32_t failures = 0;
        for (const Slot& slot : slots_) failures += slot.current.failures();
        const bool fatal = std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
            return !slot.off && slot.current.state() == State::failed;
        });
        if (failures >= policy_.give_up_after || fatal) gave_up_ = true;
    }
    const bool broken = bad > 0 || (gave_up_ && !ever_ready_);
    if (broken && !degraded_) {
        degraded_ = true;
        out.records.push_back(PoolDegraded{index_, up, wanted(), std::max(bad, 1U)});
        if (policy_.has_on_degraded)
            out.actions.push_back(RunDegradedHook{index_, policy_.hook_timeout});
    } else if (degraded_ && !broken && up == wanted()) {
        degraded_ = false;
        out.records.push_back(PoolRecovered{index_, up, wanted()});
    }
}

std::optional<Time> Pool::enforcement_check() const {
    if (enforcement_said_ || frozen_) return std::nullopt;
    const bool timed = policy_.timeout_written && policy_.timeout > Duration::zero() &&
                       policy_.liveness != Liveness::queue;
    const bool counted = policy_.max_requests != 0 || policy_.request_timeout > Duration::zero() ||
                         policy_.slow_request > Duration::zero();
    std::optional<Time> first;
    for (const Slot& slot : slots_) {
        const Worker& worker = slot.current;
        if (worker.state() != State::serving) continue;
        // Who only feeds a watchdog counts nothing.
        if (!(timed && !worker.is_watched()) && !(counted && !worker.has_beaten())) continue;
        sooner(first, worker.ready_at() + speak_up_time(policy_));
    }
    return first;
}

/// A limit that nobody can enforce is said once, not silently ignored.
void Pool::say_not_enforced(Time now, Output& out) {
    const auto due = enforcement_check();
    if (!due || now < *due) return;
    enforcement_said_ = true;
    const auto say = [&](bool asked, std::string_view setting) {
        if (asked) out.records.push_back(NotEnforced{index_, setting});
    };
    const bool watched = std::ranges::all_of(slots_, [](const Slot& slot) {
        return slot.current.state() != State::serving || slot.current.is_watched();
    });
    say(policy_.timeout_written && policy_.timeout > Duration::zero() && !watched &&
            policy_.liveness != Liveness::queue,
        "timeout");
    say(policy_.max_requests != 0, "max_requests");
    say(policy_.request_timeout > Duration::zero(), "request_timeout");
    say(policy_.slow_request > Duration::zero(), "slow_request");
}

}  // namespace reeve::core
