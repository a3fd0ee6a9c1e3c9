// What a pool looks like from outside: counts, and when it wants to be woken.
#include <algorithm>

#include "core/pool.hpp"

namespace reeve::core {
namespace {

template <typename Test>
std::uint32_t count_workers(const std::vector<Slot>& slots, Test&& test) {
    std::uint32_t count = 0;
    for (const Slot& slot : slots) {
        if (test(slot.current)) ++count;
        if (slot.successor && test(*slot.successor)) ++count;
        for (const Worker& worker : slot.leaving) {
            if (test(worker)) ++count;
        }
    }
    return count;
}

}  // namespace

std::uint32_t Pool::ready() const noexcept {
    return static_cast<std::uint32_t>(
        std::count_if(slots_.begin(), slots_.end(),
                      [](const Slot& slot) { return slot.current.state() == State::serving; }));
}

std::uint32_t Pool::wanted() const noexcept {
    if (held_) return 0;
    const auto held = std::count_if(slots_.begin(), slots_.end(),
                                    [](const Slot& slot) { return slot.held && slot.off; });
    return wanted_ - std::min(wanted_, static_cast<std::uint32_t>(held));
}

bool Pool::is_available() const noexcept {
    return ready() >= std::min(policy_.min_ready, wanted());
}

std::uint32_t Pool::processes() const noexcept {
    return count_workers(slots_, [](const Worker& worker) { return has_process(worker.state()); });
}

std::uint32_t Pool::starting() const noexcept {
    return count_workers(slots_,
                         [](const Worker& worker) { return worker.state() == State::starting; });
}

/// Processes beyond the slots that do not drain: successors, and failing workers that were replaced
/// already.
std::uint32_t Pool::surge_used() const noexcept {
    std::uint32_t used = 0;
    for (const Slot& slot : slots_) {
        if (slot.successor) ++used;
        for (const Worker& worker : slot.leaving) {
            if (worker.state() == State::hung || worker.state() == State::aborting) ++used;
        }
    }
    return used;
}

std::uint32_t Pool::draining() const noexcept {
    std::uint32_t count = 0;
    for (const Slot& slot : slots_) {
        for (const Worker& worker : slot.leaving) {
            if (worker.state() == State::draining || worker.state() == State::killing) ++count;
        }
    }
    return count;
}

std::uint32_t Pool::failing() const noexcept {
    return static_cast<std::uint32_t>(
        std::count_if(slots_.begin(), slots_.end(), [&](const Slot& slot) {
            return !slot.off && (slot.current.state() == State::failed ||
                                 slot.current.failures() >= policy_.give_up_after);
        }));
}

std::uint32_t Pool::max_draining() const noexcept {
    return policy_.max_draining == 0 ? std::max(wanted_, 1U) : policy_.max_draining;
}

/// Whether one generation's workers must be gone before the next one's come. A pool that becomes a
/// singleton, or was one, changes like one.
bool Pool::is_alone() const noexcept {
    if (policy_.update == Update::recreate) return true;
    return changeover_ && (policy_of(changeover_->from).update == Update::recreate ||
                           policy_of(changeover_->to).update == Update::recreate);
}

/// A singleton has no room beside it, and is gone for a moment.
std::uint32_t Pool::max_surge() const noexcept { return is_alone() ? 0 : policy_.max_surge; }

std::uint32_t Pool::max_unavailable() const noexcept {
    return is_alone() ? wanted_ : policy_.max_unavailable;
}

bool Pool::others_alive(Generation generation) const noexcept {
    return count_workers(slots_, [&](const Worker& worker) {
               return worker.generation() != generation && has_process(worker.state());
           }) != 0;
}

bool Pool::is_down() const noexcept {
    return wanted() != 0 && ready() == 0 && failing() == wanted();
}

Duration Pool::longest_leave() const noexcept {
    Duration longest{};
    for (const Edition& edition : editions_) {
        longest = std::max(longest, edition.policy.graceful_timeout);
    }
    return processes() == 0 ? Duration::zero() : longest;
}

void Pool::touch(SlotIndex slot) {
    const auto index = number(slot);
    if (is_touched_[index]) return;
    is_touched_[index] = true;
    touched_.push_back(index);
}

void Pool::touch_all() {
    for (std::size_t i = 0; i < slots_.size(); ++i) touch(SlotIndex{static_cast<std::uint32_t>(i)});
}

std::optional<Time> Pool::deadline_of(const Slot& slot) const {
    const auto own = [&](const Worker& worker) {
        return worker.deadline(policy_of(worker.generation()));
    };
    std::optional<Time> first = own(slot.current);
    if (slot.successor) {
        sooner(first, own(*slot.successor));
        if (!frozen_ && slot.successor->state() == State::serving) {
            sooner(first, slot.successor->ready_at() + hold_of(*slot.successor));
        }
    }
    for (const Worker& worker : slot.leaving) sooner(first, own(worker));
    if (!frozen_) sooner(first, slot.next_look);
    if (!frozen_ && slot.no_roll_before && slot.current.due_since() && !slot.successor &&
        slot.current.state() == State::serving) {
        sooner(first, slot.no_roll_before);
    }
    return first;
}

std::optional<Time> Pool::next_deadline() {
    for (const std::uint32_t index : touched_) {
        due_[index] = deadline_of(slots_[index]);
        is_touched_[index] = false;
    }
    touched_.clear();
    std::optional<Time> first = enforcement_check();
    sooner(first, proof_deadline());
    for (const std::optional<Time>& due : due_) sooner(first, due);
    return first;
}

}  // namespace reeve::core
