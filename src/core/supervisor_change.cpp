// What operators want changed: commands, the reload of all pools, and who waits for the end of it.
#include <algorithm>
#include <utility>

#include "core/limits.hpp"
#include "core/supervisor.hpp"

namespace reeve::core {
namespace {

std::string seat_text(const Pool& pool, std::optional<SlotIndex> slot) {
    return slot ? pool.name() + "/" + std::to_string(number(*slot)) : pool.name();
}

/// Calls `visit` for the slots that the command is about.
template <typename Visit>
void for_each_slot(const Pool& pool, std::optional<SlotIndex> slot, Visit&& visit) {
    for (std::size_t i = 0; i < pool.slots().size(); ++i) {
        if (!slot || number(*slot) == i) visit(pool.slots()[i]);
    }
}

bool is_gone(const Slot& slot) {
    return !has_process(slot.current.state()) && !slot.successor && slot.leaving.empty();
}

}  // namespace

/// Whether the command has to be refused now, which is said.
bool Supervisor::refuse(CommandId id, bool changes, Output& out) const {
    const char* why = nullptr;
    if (phase_ != StopPhase::running) why = "reeve is stopping";
    if (why == nullptr && changes && reload_)
        why = "a reload is under way: try again when it ended";
    if (why == nullptr) return false;
    out.actions.push_back(Reply{id, Verdict::conflict, why});
    return true;
}

/// The pools that the target names; an unknown one is answered, and nothing returned.
std::vector<PoolIndex> Supervisor::find(CommandId id, const Target& target, Output& out) const {
    std::vector<PoolIndex> found;
    std::string names;
    for (const Pool& pool : pools_) {
        if (pool.removed()) continue;
        names += (names.empty() ? "" : ", ") + pool.name();
        if (target.pool.empty() || pool.name() == target.pool) found.push_back(pool.index());
    }
    if (found.empty()) {
        out.actions.push_back(
            Reply{id, Verdict::unknown, "no pool " + target.pool + "; there are: " + names});
    } else if (target.slot) {
        const Pool& pool = pools_[number(found.front())];
        if (number(*target.slot) >= pool.slots().size()) {
            out.actions.push_back(Reply{id, Verdict::unknown,
                                        "no slot " + seat_text(pool, target.slot) + "; there are " +
                                            std::to_string(pool.slots().size()) + ", from 0"});
            found.clear();
        }
    }
    return found;
}

/// One answer for all the pools of a command: the last to be done gives it.
void Supervisor::wait_for(CommandId id, const std::vector<PoolIndex>& pools, const Target& target,
                          Pending::Until until, Output& out) {
    for (const PoolIndex pool : pools) {
        const auto same = [&](const Pending& earlier) {
            return earlier.pool == pool &&
                   (!earlier.slot || !target.slot || number(*earlier.slot) == number(*target.slot));
        };
        std::vector<CommandId> overtaken;
        for (const Pending& earlier : pending_) {
            if (same(earlier) && earlier.id != id) overtaken.push_back(earlier.id);
        }
        for (const CommandId old : overtaken) {
            const auto size = pending_.size();
            std::erase_if(pending_, [&](const Pending& each) { return each.id == old; });
            if (size == pending_.size()) continue;
            out.actions.push_back(Reply{old, Verdict::conflict, "a later command took its place"});
        }
        if (id == CommandId::none) continue;
        pending_.push_back({id, pool, target.slot, until, Incarnation{last_incarnation_}});
    }
}

void Supervisor::command(CommandId id, const ScaleCommand& command, Time /*now*/, Output& out) {
    if (refuse(id, true, out)) return;
    const auto found = find(id, Target{command.pool, {}}, out);
    if (found.empty()) return;
    if (found.size() > 1) {
        out.actions.push_back(
            Reply{id, Verdict::invalid, "there are several pools: say which one, as in web=4"});
        return;
    }
    Pool& pool = pools_[number(found.front())];
    const std::int64_t before = pool.scaled();
    const std::int64_t wanted = command.relative ? before + command.amount : command.amount;
    if (wanted < 0 || wanted > workers_max || (command.relative && wanted < 1)) {
        out.actions.push_back(Reply{id, Verdict::invalid,
                                    pool.name() + " has " + std::to_string(before) + " workers: " +
                                        std::to_string(wanted) + " is out of range"});
        return;
    }
    if (wanted == before) {
        out.actions.push_back(
            Reply{id, Verdict::unchanged,
                  pool.name() + " wants " + std::to_string(before) + " workers already"});
        return;
    }
    pool.scale(static_cast<std::uint32_t>(wanted), out);
    wait_for(id, found, Target{command.pool, {}}, Pending::Until::up, out);
}

void Supervisor::command(CommandId id, const StartCommand& command, Time /*now*/, Output& out) {
    if (refuse(id, true, out)) return;
    const auto found = find(id, command.target, out);
    for (const PoolIndex index : found) {
        Pool& pool = pools_[number(index)];
        if (command.target.slot && pool.held()) {
            out.actions.push_back(
                Reply{id, Verdict::invalid,
                      pool.name() + " is stopped as a whole: start " + pool.name()});
            return;
        }
        pool.hold(command.target.slot, false, out);
    }
    if (!found.empty()) wait_for(id, found, command.target, Pending::Until::up, out);
}

void Supervisor::command(CommandId id, const StopCommand& command, Time /*now*/, Output& out) {
    if (refuse(id, true, out)) return;
    const auto found = find(id, command.target, out);
    for (const PoolIndex index : found) {
        pools_[number(index)].hold(command.target.slot, true, out);
    }
    if (!found.empty()) wait_for(id, found, command.target, Pending::Until::gone, out);
}

void Supervisor::command(CommandId id, const RestartCommand& command, Time now, Output& out) {
    if (refuse(id, true, out)) return;
    const auto found = find(id, command.target, out);
    for (const PoolIndex index : found) {
        const Pool& pool = pools_[number(index)];
        bool held = pool.held();
        if (command.target.slot) held |= pool.slots()[number(*command.target.slot)].held;
        if (!held) continue;
        out.actions.push_back(
            Reply{id, Verdict::invalid,
                  seat_text(pool, command.target.slot) + " is stopped: start it instead"});
        return;
    }
    for (const PoolIndex index : found) {
        pools_[number(index)].restart(command.target.slot, now, out);
    }
    if (!found.empty()) wait_for(id, found, command.target, Pending::Until::replaced, out);
}

void Supervisor::command(CommandId id, const SignalCommand& command, Time /*now*/, Output& out) {
    if (refuse(id, false, out)) return;
    const auto found = find(id, command.target, out);
    if (found.empty()) return;
    const std::size_t before = out.actions.size();
    for (const PoolIndex index : found) {
        pools_[number(index)].signal(command.target.slot, command.signal, out);
    }
    const std::size_t sent = out.actions.size() - before;
    out.actions.push_back(
        Reply{id, sent == 0 ? Verdict::unchanged : Verdict::done,
              "sent to " + std::to_string(sent) + (sent == 1 ? " worker" : " workers")});
}

/// What has become of what the command wants of this pool; nothing while it is under way.
std::optional<Reply> Supervisor::judge(const Pending& pending) const {
    const Pool& pool = pools_[number(pending.pool)];
    const bool goes = pending.until == Pending::Until::gone;
    bool is_met = true;
    bool is_hopeless = pool.removed();
    const auto is_new = [&](const Worker& worker) { return worker.incarnation() > pending.since; };
    const auto fails = [&](const Worker& worker) {
        return worker.state() == State::failed || (is_new(worker) && worker.failures() > 0);
    };
    for_each_slot(pool, pending.slot, [&](const Slot& slot) {
        if (goes || slot.off) {
            is_met = is_met && (is_gone(slot) || (!goes && slot.held));
            return;
        }
        const bool fresh = pending.until == Pending::Until::up || is_new(slot.current);
        is_met = is_met && fresh && slot.current.state() == State::serving;
        is_hopeless =
            is_hopeless || fails(slot.current) || (slot.successor && fails(*slot.successor));
    });
    if (pending.until == Pending::Until::up && !pending.slot) {
        is_met = is_met && pool.ready() == pool.wanted();
    }
    const std::string who = seat_text(pool, pending.slot);
    if (is_hopeless) {
        return Reply{pending.id, Verdict::failed,
                     who + ": a new worker ended before it was stable; reeve keeps trying"};
    }
    if (!is_met) return std::nullopt;
    return Reply{pending.id, Verdict::done,
                 goes ? who + " is stopped"
                      : who + ": " + std::to_string(pool.ready()) + " of " +
                            std::to_string(pool.wanted()) + " ready"};
}

/// What has become of the whole command; nothing while it is under way.
std::optional<Reply> Supervisor::judge(CommandId id) const {
    if (phase_ != StopPhase::running) return Reply{id, Verdict::conflict, "reeve is stopping"};
    Reply all{id, Verdict::done, {}};
    bool over = true;
    for (const Pending& pending : pending_) {
        if (pending.id != id) continue;
        auto one = judge(pending);
        if (one && one->verdict == Verdict::failed) return one;
        over = over && one;
        if (one) all.text += (all.text.empty() ? "" : "; ") + one->text;
    }
    return over ? std::optional{all} : std::nullopt;
}

/// Answers those whose command has come to its end, in whatever way.
void Supervisor::settle_pending(Output& out) {
    std::vector<CommandId> ids;
    for (const Pending& pending : pending_) {
        if (ids.empty() || ids.back() != pending.id) ids.push_back(pending.id);
    }
    for (const CommandId id : ids) {
        auto reply = judge(id);
        if (!reply) continue;
        std::erase_if(pending_, [&](const Pending& pending) { return pending.id == id; });
        out.actions.emplace_back(std::move(*reply));
    }
}

}  // namespace reeve::core
