// How a pool changes: another configuration, another number of workers, an operator's word.
#include <algorithm>
#include <utility>

#include "core/pool.hpp"

namespace reeve::core {
namespace {

SlotIndex slot_index(std::size_t index) noexcept {
    return SlotIndex{static_cast<std::uint32_t>(index)};
}

/// How the worker ended, if that was found in this turn.
void add_cause(ReloadFailure& failure, const Output& out) {
    for (auto record = out.records.rbegin(); record != out.records.rend(); ++record) {
        if (const auto* died = std::get_if<WorkerDied>(&*record)) {
            if (died->about.incarnation != failure.about.incarnation) continue;
            failure.status = died->status;
            return;
        }
        if (const auto* spawn = std::get_if<SpawnFailure>(&*record)) {
            if (spawn->about.incarnation != failure.about.incarnation) continue;
            failure.how = spawn->reason;
            return;
        }
    }
}

/// It has shown that it is not fit, dead or alive.
bool is_unfit(const Worker& worker) noexcept {
    return worker.failures() > 0 || worker.state() == State::failed || worker.is_failing() ||
           (worker.state() == State::draining && worker.reason() == Reason::start_timeout);
}

}  // namespace

void Pool::open() {
    stage_ = Stage::open;
    if (!changeover_) return;
    changeover_->stage = Stage::open;
    adopt(changeover_->to);
}

/// Lets this generation's policy decide over the pool.
void Pool::adopt(Generation generation) {
    for (const Edition& edition : editions_) {
        if (edition.generation != generation) continue;
        policy_ = edition.policy;
        after_ = edition.after;
    }
    touch_all();
}

void Pool::prepare() { (changeover_ ? changeover_->stage : stage_) = Stage::preparing; }

void Pool::begin_change(const PoolConfig& config, Generation to, bool as_new, Time now) {
    changeover_ = Changeover{.from = as_new ? Generation{} : generation_,
                             .to = to,
                             .wanted_before = wanted_,
                             .began = now,
                             .had_started = stage_ == Stage::open};
    last_generation_ = to;
    if (as_new) return;
    if (stage_ == Stage::waiting) {
        for (Slot& slot : slots_) slot.generation = to;
    }
    editions_.push_back({to, config.policy, config.after});
    gave_up_ = false;
}

/// Seats where nobody serves have nothing to lose, so they go first; all others follow by roll().
void Pool::advance_change(Time now) {
    const Changeover& change = *changeover_;
    if (change.stage != Stage::open) return;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        const Generation target = change.back ? change.from : change.to;
        const auto idles = [](const Worker& worker) {
            return worker.state() == State::backoff || worker.state() == State::failed;
        };
        const bool stale = slot.successor && slot.successor->generation() != target;
        if (stale && idles(*slot.successor)) {
            touch(slot_index(i));
            slot.successor.reset();
        }
        const bool idle = idles(slot.current);
        if (slot.off || slot.successor || slot.generation == target || !idle) continue;
        if (change.back && slot.current.generation() == target) continue;
        touch(slot_index(i));
        slot.generation = target;
        slot.current = Worker{};
    }
    if (!change.proven && !change.back) prove(now);
}

/// Looks whether the new generation has shown that it works.
void Pool::prove(Time now) {
    Changeover& change = *changeover_;
    const auto proves = [&](const Worker& worker) {
        if (worker.generation() != change.to || worker.state() != State::serving) return false;
        // Who has come to the end of its quota has lived as long as it ever will.
        const bool lived = worker.due_since() && worker.due_reason() != Reason::flood;
        return lived || now - worker.ready_at() >= hold_of(worker);
    };
    // Where nobody is to be replaced nobody can prove anything.
    bool empty = true;
    for (std::size_t i = 0; i < slots_.size() && i < policy_.workers; ++i) {
        empty = empty && slots_[i].off;
    }
    change.proven = empty || std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
                        return proves(slot.current) || (slot.successor && proves(*slot.successor));
                    });
    if (!change.proven) return;
    // From here on whoever is lost comes back as one of the new generation.
    for (Slot& slot : slots_) slot.generation = change.to;
    wanted_ = std::max(wanted_, policy_.workers);
}

bool Pool::is_outdated(SlotIndex slot) const noexcept {
    const Generation own = slots_[number(slot)].current.generation();
    // A way back that could not be gone to its end is gone on with.
    if (!changeover_) return own != generation_;
    if (changeover_->stage != Stage::open) return false;
    const Generation target = changeover_->back ? changeover_->from : changeover_->to;
    // Those that will not be wanted stay until the end, but not beside who must be alone.
    const bool counts = changeover_->back || number(slot) < policy_.workers || is_alone();
    return counts && own != target;
}

/// Whether one more seat may go over to a generation that has yet to prove itself.
bool Pool::may_pilot() const noexcept {
    if (!changeover_ || changeover_->proven || changeover_->back) return true;
    const auto pilots = std::count_if(slots_.begin(), slots_.end(), [&](const Slot& slot) {
        return slot.generation == changeover_->to ||
               (slot.successor && slot.successor->generation() == changeover_->to);
    });
    const std::uint32_t limit = is_alone() ? wanted_ : policy_.max_surge;
    return static_cast<std::uint64_t>(pilots) < std::max(limit, 1U);
}

/// How long a successor has to be ready before its predecessor goes.
Duration Pool::hold_of(const Worker& successor) const {
    const PoolPolicy& policy = policy_of(successor.generation());
    const bool pilot = changeover_ && !changeover_->proven && !changeover_->back &&
                       successor.generation() == changeover_->to;
    return pilot ? std::max(policy.ready_for, policy.stable_after) : policy.ready_for;
}

std::optional<Time> Pool::proof_deadline() const {
    std::optional<Time> first;
    if (frozen_ || !changeover_ || changeover_->proven || changeover_->back) return first;
    for (const Slot& slot : slots_) {
        if (slot.current.generation() != changeover_->to) continue;
        if (slot.current.state() != State::serving) continue;
        sooner(first, slot.current.ready_at() + hold_of(slot.current));
    }
    return first;
}

Generation Pool::successor_generation(const Slot& slot) const noexcept {
    if (slot.successor && has_process(slot.successor->state())) return slot.successor->generation();
    if (!changeover_ || changeover_->stage != Stage::open) return slot.generation;
    if (changeover_->back) return changeover_->from;
    return slot.roll_reason == Reason::reload || changeover_->proven ? changeover_->to
                                                                     : slot.generation;
}

std::optional<ReloadFailure> Pool::change_failure(const Output& out) const {
    if (!changeover_ || changeover_->back) return std::nullopt;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const Slot& slot = slots_[i];
        const auto look = [&](const Worker& worker) -> std::optional<ReloadFailure> {
            if (worker.generation() != changeover_->to || !is_unfit(worker)) return std::nullopt;
            ReloadFailure failure{.about = {Seat{index_, slot_index(i)}, worker.incarnation()},
                                  .generation = changeover_->to,
                                  .reason = worker.reason()};
            add_cause(failure, out);
            return failure;
        };
        if (auto failure = look(slot.current)) return failure;
        if (slot.successor) {
            if (auto failure = look(*slot.successor)) return failure;
        }
        for (const Worker& worker : slot.leaving) {
            if (auto failure = look(worker)) return failure;
        }
    }
    return std::nullopt;
}

bool Pool::change_done() const noexcept {
    if (!changeover_) return true;
    const Changeover& change = *changeover_;
    if (change.back) {
        // Where the generation before cannot be had any more either, nobody waits for it.
        const auto fails = [&](const Worker& worker) {
            return worker.generation() == change.from && worker.failures() > 0;
        };
        const bool hopeless = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
            return fails(slot.current) || (slot.successor && fails(*slot.successor));
        });
        if (hopeless) return true;
        return std::all_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
            const bool leaves = slot.successor && slot.successor->generation() == change.to;
            return !leaves &&
                   (slot.current.generation() != change.to || !has_process(slot.current.state()));
        });
    }
    if (!change.proven) return false;
    for (std::size_t i = 0; i < slots_.size() && i < policy_.workers; ++i) {
        const Slot& slot = slots_[i];
        if (slot.off && (slot.held || held_)) continue;
        if (slot.off || slot.successor || slot.current.generation() != change.to ||
            slot.current.state() != State::serving) {
            return false;
        }
    }
    return slots_.size() >= policy_.workers || held_;
}

void Pool::roll_back(Time now, Output& out) {
    Changeover& change = *changeover_;
    if (change.from == Generation{}) return remove(now, out);
    change.back = true;
    change.stage = Stage::open;
    // Who had nothing to serve has nothing to keep, and begins anew as the generation before.
    if (!change.had_started) stage_ = Stage::waiting;
    adopt(change.from);
    wanted_ = change.wanted_before;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        touch(slot_index(i));
        slot.generation = change.from;
        if (slot.successor && slot.successor->generation() == change.to) {
            slot.successor->retire(context(slot_index(i), *slot.successor, now, out),
                                   Reason::rollback);
            if (has_process(slot.successor->state())) {
                slot.leaving.push_back(std::move(*slot.successor));
            }
            slot.successor.reset();
        }
        Worker& worker = slot.current;
        if (worker.generation() != change.to || slot.off) continue;
        if (!has_process(worker.state())) {
            worker = Worker{};
        } else if (worker.state() != State::serving || !change.had_started) {
            worker.vacate(context(slot_index(i), worker, now, out), Reason::rollback);
        }
    }
}

void Pool::commit(Time now, Output& out) {
    const Changeover change = *std::exchange(changeover_, std::nullopt);
    const bool back = change.back;
    generation_ = back ? change.from : change.to;
    if (!back) {
        wanted_ = policy_.workers;
        enforcement_said_ = false;
        out.actions.push_back(KeepGeneration{index_, generation_});
    }
    for (Slot& slot : slots_) slot.generation = generation_;
    out.records.push_back(PoolReload{index_, generation_, !back, now - change.began});
    touch_all();
}

void Pool::forget_editions(Output& out) {
    if ((editions_.size() == 1 && !removed_) || changeover_) return;
    std::erase_if(editions_, [&](const Edition& edition) {
        if (edition.generation == generation_ && !removed_) return false;
        const bool used = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
            const auto holds = [&](const Worker& worker) {
                return worker.generation() == edition.generation && has_process(worker.state());
            };
            return holds(slot.current) || (slot.successor && holds(*slot.successor)) ||
                   std::any_of(slot.leaving.begin(), slot.leaving.end(), holds);
        });
        if (!used) out.actions.push_back(EndGeneration{index_, edition.generation});
        return !used;
    });
}

/// Lets a seat go that is wanted no more, and takes one up again that is.
void Pool::settle_wanted(Slot& slot, SlotIndex index, Time now, Output& out) {
    const bool wanted = !held_ && !slot.held && number(index) < wanted_;
    if (wanted == !slot.off) return;
    if (!wanted) {
        touch(index);
        slot.off = true;
        const Reason reason = held_ || slot.held ? Reason::stopped : Reason::scale;
        if (slot.successor) {
            slot.successor->retire(context(index, *slot.successor, now, out), reason);
            if (has_process(slot.successor->state())) {
                slot.leaving.push_back(std::move(*slot.successor));
            }
            slot.successor.reset();
        }
        slot.current.retire(context(index, slot.current, now, out), reason);
        if (has_process(slot.current.state())) slot.side = other(slot.current.side());
        return;
    }
    if (has_process(slot.current.state())) {
        if (is_alone() || draining() >= max_draining() || !has_free_side(slot)) return;
        slot.leaving.push_back(std::move(slot.current));
    }
    touch(index);
    slot.current = Worker{};
    slot.off = false;
}

/// Makes seats that are wanted, and forgets those at the end that nobody holds any more.
void Pool::resize() {
    const std::size_t before = slots_.size();
    if (!held_ && slots_.size() < wanted_) {
        Slot fresh;
        fresh.generation = changeover_ && changeover_->proven && !changeover_->back
                               ? changeover_->to
                               : generation_;
        slots_.resize(wanted_, fresh);
    }
    while (slots_.size() > wanted_ && slots_.back().off && slots_.back().leaving.empty() &&
           !has_process(slots_.back().current.state()) && slots_.back().owned == 0 &&
           !slots_.back().next_look) {
        slots_.pop_back();
    }
    if (slots_.size() == before) return;
    due_.assign(slots_.size(), std::nullopt);
    is_touched_.assign(slots_.size(), false);
    touched_.clear();
    touch_all();
}

void Pool::scale(std::uint32_t workers, Output& out) {
    out.records.push_back(Scale{index_, wanted_, workers});
    wanted_ = workers;
    complete_said_ = false;
}

void Pool::hold(std::optional<SlotIndex> slot, bool held, Output& out) {
    out.records.push_back(PoolHold{index_, slot, held});
    if (slot) {
        slots_[number(*slot)].held = held;
    } else {
        held_ = held;
        for (Slot& each : slots_) each.held = each.held && held;
    }
    if (!held) revive(slot);
}

/// Gives another chance, at once, to those that failed for good or wait after failures.
void Pool::revive(std::optional<SlotIndex> slot) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Worker& worker = slots_[i].current;
        if ((slot && number(*slot) != i) || slots_[i].off) continue;
        if (worker.state() != State::backoff && worker.state() != State::failed) continue;
        touch(slot_index(i));
        worker = Worker{};
    }
}

void Pool::restart(std::optional<SlotIndex> slot, Time now, Output& out) {
    revive(slot);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if ((slot && number(*slot) != i) || slots_[i].off) continue;
        touch(slot_index(i));
        slots_[i].no_roll_before.reset();
        request_rotation(slot_index(i), now, out);
    }
}

void Pool::signal(std::optional<SlotIndex> slot, int number_of_signal, Output& out) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (slot && number(*slot) != i) continue;
        const auto send = [&](const Worker& worker) {
            if (worker.state() != State::serving && worker.state() != State::starting) return;
            out.actions.push_back(
                Signal{worker.incarnation(), number_of_signal, Signal::Target::worker});
        };
        send(slots_[i].current);
        if (slots_[i].successor) send(*slots_[i].successor);
    }
}

void Pool::remove(Time now, Output& out) {
    changeover_.reset();
    removed_ = true;
    out.records.push_back(PoolRemoved{index_});
    stop(StopMode::graceful, now, out);
}

}  // namespace reeve::core
