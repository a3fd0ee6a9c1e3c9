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

void Supervisor::command(CommandId id, const ScaleCommand& command, Time, Output& out) {
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

void Supervisor::command(CommandId id, const StartCommand& command, Time, Output& out) {
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

void Supervisor::command(CommandId id, const StopCommand& command, Time, Output& out) {
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

void Supervisor::command(CommandId id, const SignalCommand& command, Time now, Output& out) {
    if (refuse(id, false, out)) return;
    const auto found = find(id, command.target, out);
    if (found.empty()) return;
    const std::size_t before = out.actions.size();
    for (const PoolIndex index : found) {
        pools_[number(index)].signal(command.target.slot, command.signal, now, out);
    }
    const std::size_t sent = out.actions.size() - before;
    out.actions.push_back(
        Reply{id, sent == 0 ? Verdict::unchanged : Verdict::done,
              "sent to " + std::to_string(sent) + (sent == 1 ? " worker" : " workers")});
}

/// Answers those whose command has come to its end, in whatever way.
void Supervisor::settle_pending(Output& out) {
    if (pending_.empty()) return;
    std::vector<Reply> replies;
    if (phase_ != StopPhase::running) {
        for (const Pending& each : pending_) {
            const bool answered = std::any_of(replies.begin(), replies.end(),
                                              [&](const Reply& r) { return r.command == each.id; });
            if (!answered) replies.push_back({each.id, Verdict::conflict, "reeve is stopping"});
        }
        pending_.clear();
    }
    std::vector<CommandId> failed;
    std::vector<std::pair<CommandId, std::string>> met;
    std::erase_if(pending_, [&](const Pending& each) {
        const Pool& pool = pools_[number(each.pool)];
        bool is_met = true;
        bool is_hopeless = pool.removed();
        for_each_slot(pool, each.slot, [&](const Slot& slot) {
            if (each.until == Pending::Until::gone) {
                is_met = is_met && is_gone(slot);
                return;
            }
            if (slot.off) {
                is_met = is_met && (slot.held || is_gone(slot));
                return;
            }
            const auto is_new = [&](const Worker& worker) {
                return worker.incarnation() > each.since;
            };
            const bool fresh = each.until == Pending::Until::up || is_new(slot.current);
            is_met = is_met && fresh && slot.current.state() == State::serving;
            for (const Worker* worker :
                 {&slot.current, slot.successor ? &*slot.successor : nullptr}) {
                if (worker == nullptr) continue;
                is_hopeless = is_hopeless || worker->state() == State::failed ||
                              (is_new(*worker) && worker->failures() > 0);
            }
        });
        if (each.until == Pending::Until::up && !each.slot) {
            is_met = is_met && pool.ready() == pool.wanted();
        }
        const std::string who = seat_text(pool, each.slot);
        if (is_hopeless) {
            replies.push_back({each.id, Verdict::failed,
                               who + ": a new worker ended before it was stable; reeve keeps "
                                     "trying"});
            failed.push_back(each.id);
        } else if (is_met) {
            const bool gone = each.until == Pending::Until::gone;
            met.emplace_back(each.id, who + (gone ? " is stopped"
                                                  : ": " + std::to_string(pool.ready()) + " of " +
                                                        std::to_string(pool.wanted()) + " ready"));
        }
        return is_hopeless || is_met;
    });
    for (const CommandId id : failed) {
        std::erase_if(pending_, [&](const Pending& each) { return each.id == id; });
    }
    for (auto& [id, text] : met) {
        const auto same = [&](const auto& each) { return each.id == id; };
        const bool waits = std::any_of(pending_.begin(), pending_.end(), same) ||
                           std::find(failed.begin(), failed.end(), id) != failed.end();
        const auto said = std::find_if(replies.begin(), replies.end(),
                                       [&](const Reply& reply) { return reply.command == id; });
        if (waits) continue;
        if (said != replies.end()) {
            said->text += "; " + text;
        } else {
            replies.push_back({id, Verdict::done, text});
        }
    }
    for (Reply& reply : replies) out.actions.emplace_back(std::move(reply));
}

/// Opens pools whose turn it has come to start, or to change.
void Supervisor::open_stages(Time, Output& out) {
    if (phase_ != StopPhase::running) return;
    for (Pool& pool : pools_) {
        const bool changes = pool.changeover().has_value();
        const Stage stage = changes ? pool.changeover()->stage : pool.stage();
        if (pool.removed() || stage != Stage::waiting) continue;
        const bool starts = pool.stage() != Stage::open;
        const bool blocked =
            starts && std::any_of(pools_.begin(), pools_.end(), [&](const Pool& other) {
                const auto& after = pool.after();
                return !other.removed() && !other.is_up() &&
                       std::find(after.begin(), after.end(), other.name()) != after.end();
            });
        if (blocked) continue;
        if (!pool.next_policy().has_before_start) {
            pool.open();
            continue;
        }
        pool.prepare();
        const Generation generation = changes ? pool.changeover()->to : pool.generation();
        out.actions.push_back(
            RunBeforeStart{pool.index(), generation, pool.next_policy().before_start_timeout});
    }
}

void Supervisor::end_preparation(const BeforeStartEnded& event, Time now, Output& out) {
    if (number(event.pool) >= pools_.size()) return;
    Pool& pool = pools_[number(event.pool)];
    const bool changes = pool.changeover().has_value();
    const Stage stage = changes ? pool.changeover()->stage : pool.stage();
    const Generation awaited = changes ? pool.changeover()->to : pool.generation();
    if (stage != Stage::preparing || event.generation != awaited) return;
    out.records.push_back(BeforeStart{event.pool, event.succeeded, event.how});
    if (event.succeeded) return pool.open();
    if (changes) {
        return fail_reload(ReloadFailure{.about = {Seat{event.pool, {}}, Incarnation::none},
                                         .generation = awaited,
                                         .reason = Reason::boot_failure,
                                         .status = {},
                                         .how = event.how},
                           now, out);
    }
    // Nothing may start on what was not prepared.
    out.records.push_back(PoolGaveUp{event.pool, 1, true});
    exit_code_ = 3;
    stop(StopMode::graceful, now, out);
}

void Supervisor::command(CommandId id, const ReloadCommand& command, Time now, Output& out) {
    if (refuse(id, true, out)) return;
    for (const Pool& pool : pools_) {
        if (pool.removed() || pool.stage() != Stage::preparing) continue;
        out.actions.push_back(
            Reply{id, Verdict::conflict,
                  "before_start of " + pool.name() + " is running: try again when it ended"});
        return;
    }
    ReloadUnderWay reload{.id = id, .config = command.config, .began = now};
    const auto& wanted = command.config->pools;
    for (const Pool& pool : pools_) {
        const bool named = std::any_of(wanted.begin(), wanted.end(), [&](const PoolConfig& each) {
            return each.name == pool.name();
        });
        if (!named && !pool.removed()) reload.removed.push_back(pool.index());
    }
    for (std::uint32_t i = 0; i < wanted.size(); ++i) {
        const auto known = std::find_if(pools_.begin(), pools_.end(), [&](const Pool& pool) {
            return pool.name() == wanted[i].name && !pool.removed();
        });
        const bool is_new = known == pools_.end();
        if (!is_new && !command.roll[i]) continue;
        const PoolIndex index = is_new ? add_pool(wanted[i]) : known->index();
        Pool& pool = pools_[number(index)];
        const Generation to =
            is_new ? pool.generation() : Generation{number(pool.last_generation()) + 1};
        pool.begin_change(wanted[i], to, is_new, now);
        reload.members.push_back(index);
        out.actions.push_back(BeginGeneration{index, to, id, i});
    }
    if (reload.members.empty() && reload.removed.empty()) {
        take_over(*command.config);
        out.actions.push_back(Reply{id, Verdict::unchanged, "no pool is to be rolled"});
        return;
    }
    // Whoever waited for these pools waits for something that will not be any more.
    for (const PoolIndex index : reload.members) {
        wait_for(CommandId::none, {index}, Target{}, Pending::Until::up, out);
    }
    out.records.push_back(ReloadStart{static_cast<std::uint32_t>(reload.members.size())});
    reload_ = std::move(reload);
}

/// The seat of a pool that has left is free for one of the same name, so that names and not reloads
/// count.
PoolIndex Supervisor::add_pool(const PoolConfig& config) {
    const auto past = std::find_if(pools_.begin(), pools_.end(), [&](const Pool& pool) {
        return pool.removed() && pool.name() == config.name && pool.processes() == 0;
    });
    if (past == pools_.end()) {
        const PoolIndex index{static_cast<std::uint32_t>(pools_.size())};
        pools_.emplace_back(config, index, seed_);
        return index;
    }
    const PoolIndex index = past->index();
    *past = Pool{config, index, seed_, Generation{number(past->last_generation()) + 1}};
    return index;
}

void Supervisor::continue_reload(Time now, Output& out) {
    if (!reload_) return;
    if (phase_ != StopPhase::running) {
        out.actions.push_back(Reply{reload_->id, Verdict::conflict, "reeve is stopping"});
        reload_.reset();
        return;
    }
    if (reload_->back) return;
    for (const PoolIndex index : reload_->members) {
        if (const auto failure = pools_[number(index)].change_failure(out)) {
            return fail_reload(*failure, now, out);
        }
    }
}

void Supervisor::fail_reload(const ReloadFailure& failure, Time now, Output& out) {
    if (!reload_ || reload_->back) return;
    out.records.push_back(failure);
    reload_->back = true;
    for (const PoolIndex index : reload_->members) pools_[number(index)].roll_back(now, out);
}

/// Ends the reload once every pool has arrived, here or there; whether it did.
bool Supervisor::finish_reload(Time now, Output& out) {
    if (!reload_) return false;
    const bool done =
        std::all_of(reload_->members.begin(), reload_->members.end(),
                    [&](PoolIndex index) { return pools_[number(index)].change_done(); });
    if (!done) return false;
    const ReloadUnderWay reload = *std::exchange(reload_, std::nullopt);
    for (const PoolIndex index : reload.members) {
        Pool& pool = pools_[number(index)];
        if (pool.changeover()) pool.commit(now, out);
    }
    if (!reload.back) {
        for (const PoolIndex index : reload.removed) pools_[number(index)].remove(now, out);
        take_over(*reload.config);
    }
    const auto pools = static_cast<std::uint32_t>(reload.members.size());
    out.records.push_back(Reload{!reload.back, pools, now - reload.began});
    out.actions.push_back(Reply{
        reload.id, reload.back ? Verdict::failed : Verdict::done,
        reload.back ? "rolled back: the generation before serves on"
                    : std::to_string(pools) + (pools == 1 ? " pool" : " pools") + " reloaded"});
    return true;
}

void Supervisor::take_over(const Config& config) {
    stop_delay_ = config.stop_delay;
    queue_grace_ = config.queue_grace;
}

}  // namespace reeve::core
