// Pools whose seats have sockets of their own: who gets new connections, and what was left behind.
#include <algorithm>

#include "core/limits.hpp"
#include "core/pool.hpp"

namespace reeve::core {
namespace {

std::uint8_t bit_of(Side side) noexcept { return side == Side::a ? 1 : 2; }

/// Sides that a process has, one bit each.
std::uint8_t owners(const Slot& slot) noexcept {
    std::uint8_t owned = 0;
    const auto add = [&](const Worker& worker) {
        if (has_process(worker.state())) owned |= bit_of(worker.side());
    };
    add(slot.current);
    if (slot.successor) add(*slot.successor);
    for (const Worker& worker : slot.leaving) add(worker);
    return owned;
}

}  // namespace

/// Two workers on one socket cannot be told apart: a successor waits until the side is free.
bool Pool::has_free_side(const Slot& slot) const noexcept {
    if (!steers()) return true;
    return std::none_of(slot.leaving.begin(), slot.leaving.end(), [&](const Worker& worker) {
        return has_process(worker.state()) && worker.side() != slot.current.side();
    });
}

/// By state and not by suspicion: whoever serves, of a seat the successor. Where nobody does, where
/// somebody will.
std::vector<Place> Pool::places() const {
    std::vector<Place> ready;
    std::vector<Place> next;
    std::vector<Place> any;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const Slot& slot = slots_[i];
        const SlotIndex index{static_cast<std::uint32_t>(i)};
        const auto put = [&](std::vector<Place>& list, const Worker& worker) {
            list.push_back({index, worker.side(), worker.generation()});
        };
        if (slot.successor && slot.successor->state() == State::serving) {
            put(ready, *slot.successor);
        } else if (slot.current.state() == State::serving) {
            put(ready, slot.current);
        }
        any.push_back({index, slot.side, slot.generation});
        if (slot.off) continue;
        if (slot.successor && has_process(slot.successor->state())) {
            put(next, *slot.successor);
        } else {
            next.push_back(any.back());
        }
    }
    if (!ready.empty()) return ready;
    if (!next.empty()) return next;
    if (any.empty()) any.push_back({SlotIndex{0}, Side::a, generation_});
    return any;
}

void Pool::steer(Output& out) {
    std::vector<Place> now = places();
    if (now == places_) return;
    places_ = std::move(now);
    out.actions.push_back(Steer{index_, places_});
}

/// Whoever leaves a side that nobody takes over may leave connections behind, and where somebody
/// sits down, others may have left some long ago.
void Pool::note_owners(Slot& slot, SlotIndex index, Time now) {
    const std::uint8_t owned = owners(slot);
    if (owned == slot.owned) return;
    touch(index);
    if ((slot.owned & ~owned) != 0) {
        slot.looks = 0;
        slot.next_look = now + side_looks[0];
    } else if (slot.owned == 0 && !slot.next_look) {
        slot.looks = side_looks.size() - 1;
        slot.next_look = now + side_looks[0];
    }
    slot.owned = owned;
}

void Pool::look_at_sides(Slot& slot, SlotIndex index, Time now, Output& out) {
    if (frozen_ || !slot.next_look || now < *slot.next_look) return;
    touch(index);
    ++slot.looks;
    slot.next_look.reset();
    if (slot.looks < side_looks.size()) slot.next_look = now + side_looks[slot.looks];
    out.actions.push_back(LookAtSides{Seat{index_, index}});
}

/// The next worker of the seat sits down where something waits, so there has to be one.
void Pool::see_sides(const SidesSeen& event, Time now, Output& out) {
    const auto index = number(event.seat.slot);
    if (frozen_ || index >= slots_.size()) return;
    Slot& slot = slots_[index];
    std::uint32_t waiting = 0;
    for (const Side side : {Side::a, Side::b}) {
        if ((slot.owned & bit_of(side)) == 0)
            waiting += event.waiting[static_cast<std::size_t>(side)];
    }
    if (waiting == 0) {
        slot.left = 0;
        return;
    }
    if (slot.off) {
        if (waiting != slot.left) out.records.push_back(QueueLeft{event.seat, waiting});
        slot.left = waiting;
        return;
    }
    if (slot.current.state() == State::serving) {
        slot.current.mark_due(context(event.seat.slot, slot.current, now, out), Reason::left_queue,
                              waiting, 0);
    }
    // Until it is taken: a successor may fail, and who starts now sits on the other side.
    touch(event.seat.slot);
    slot.looks = static_cast<std::uint8_t>(side_looks.size() - 1);
    slot.next_look = now + side_looks[1];
}

}  // namespace reeve::core
