// The reload of all pools, and the stages in which a pool starts or changes.
#include <algorithm>
#include <utility>

#include "core/supervisor.hpp"

namespace reeve::core {

/// Opens pools whose turn it has come to start, or to change.
void Supervisor::open_stages(Output& out) {
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
