// Folds records; a record that says nothing about the past is passed over.
#include "daemon/history.hpp"

#include <algorithm>
#include <csignal>
#include <limits>

namespace reeve::daemon {
namespace {

void add(std::uint64_t& sum, std::uint64_t more) noexcept {
    const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - sum;
    sum += std::min(room, more);
}

/// It left as it was asked to, for a reason that is no fault of its own.
bool is_planned(const core::WorkerDied& record) noexcept {
    const auto* killed = std::get_if<core::KilledBy>(&record.status);
    if (killed != nullptr && killed->signal == SIGKILL) return false;
    switch (record.reason) {
        case core::Reason::requests:
        case core::Reason::lifetime:
        case core::Reason::memory:
        case core::Reason::own_drain:
        case core::Reason::requested:
        case core::Reason::left_queue:
        case core::Reason::reload:
        case core::Reason::rollback:
        case core::Reason::scale:
        case core::Reason::stopped:
        case core::Reason::stop: return true;
        case core::Reason::none:
        case core::Reason::start:
        case core::Reason::crash:
        case core::Reason::boot_failure:
        case core::Reason::start_timeout:
        case core::Reason::hang:
        case core::Reason::request_timeout:
        case core::Reason::flood:
        case core::Reason::core_dump: return false;
    }
    return false;
}

}  // namespace

void add(core::Counters& sum, const core::Counters& more) noexcept {
    add(sum.requests, more.requests);
    add(sum.connections, more.connections);
    add(sum.errors, more.errors);
    add(sum.latency_sum_ns, more.latency_sum_ns);
    for (std::size_t i = 0; i < sum.latency_counts.size(); ++i) {
        add(sum.latency_counts[i], more.latency_counts[i]);
    }
}

std::string_view name(ReloadResult result) noexcept {
    switch (result) {
        case ReloadResult::success: return "success";
        case ReloadResult::rolled_back: return "rolled_back";
        case ReloadResult::invalid: return "invalid";
    }
    return "unknown";
}

bool is_restart(const core::Transition& record) noexcept {
    if (record.to != core::State::starting) return false;
    switch (record.reason) {
        case core::Reason::none:
        case core::Reason::start:
        case core::Reason::scale:
        case core::Reason::stopped:
        case core::Reason::stop: return false;
        case core::Reason::crash:
        case core::Reason::boot_failure:
        case core::Reason::start_timeout:
        case core::Reason::hang:
        case core::Reason::request_timeout:
        case core::Reason::requests:
        case core::Reason::lifetime:
        case core::Reason::memory:
        case core::Reason::flood:
        case core::Reason::own_drain:
        case core::Reason::requested:
        case core::Reason::left_queue:
        case core::Reason::core_dump:
        case core::Reason::reload:
        case core::Reason::rollback: return true;
    }
    return false;
}

void History::note(const core::Record& record, const Names& names, WallTime time,
                   core::Duration seen) {
    if (const auto* moved = std::get_if<core::Transition>(&record)) {
        if (is_restart(*moved)) ++pools_[names.pool(moved->about.seat.pool)].restarts;
    } else if (const auto* died = std::get_if<core::WorkerDied>(&record)) {
        note_death(*died, names, time, seen);
    } else if (std::holds_alternative<core::ReloadStart>(record)) {
        failure_.clear();
    } else if (std::holds_alternative<core::ReloadFailure>(record)) {
        failure_ = render(record, names).message;
    } else if (const auto* pool = std::get_if<core::PoolReload>(&record)) {
        PoolHistory& past = pools_[names.pool(pool->pool)];
        const auto result = pool->succeeded ? ReloadResult::success : ReloadResult::rolled_back;
        past.last_reload = {result, time, pool->took, pool->succeeded ? "" : failure_};
        past.diverged = !pool->succeeded;
    } else if (const auto* all = std::get_if<core::Reload>(&record)) {
        const auto result = all->succeeded ? ReloadResult::success : ReloadResult::rolled_back;
        last_reload_ = {result, time, all->took, all->succeeded ? "" : failure_};
        // A reload of one pool leaves the others as far from the files as they were.
        diverged_ = !all->succeeded || std::ranges::any_of(pools_, [](const auto& each) {
            return each.second.diverged;
        });
    }
}

void History::note_death(const core::WorkerDied& record, const Names& names, WallTime time,
                         core::Duration seen) {
    PoolHistory& past = pools_[names.pool(record.about.seat.pool)];
    const std::uint32_t slot = number(record.about.seat.slot);
    ++past.deaths;
    add(past.counters, record.counters);
    past.cpu_time[slot] += std::max(record.cpu_time, seen);
    if (is_planned(record)) return;
    past.last_death = Death{slot,
                            names.pid(record.about.incarnation),
                            record.status,
                            std::string{death_cause(record)},
                            record.reason,
                            time,
                            names.last_output(record.about.incarnation)};
}

void History::note_invalid_reload(const std::vector<std::string>& pools, const std::string& why,
                                  WallTime time) {
    last_reload_ = {ReloadResult::invalid, time, {}, why};
    diverged_ = true;
    for (const std::string& pool : pools) {
        PoolHistory& past = pools_[pool];
        past.last_reload = last_reload_;
        past.diverged = true;
    }
}

void History::note_unchanged(WallTime time) {
    last_reload_ = {ReloadResult::success, time, {}, {}};
    diverged_ = false;
    for (auto& [pool, past] : pools_) past.diverged = false;
}

const PoolHistory& History::of(const std::string& pool) const {
    static const PoolHistory nothing;
    const auto found = pools_.find(pool);
    return found == pools_.end() ? nothing : found->second;
}

void History::keep_only(const std::vector<std::string>& pools) {
    std::erase_if(pools_, [&](const auto& each) {
        return std::ranges::find(pools, each.first) == pools.end();
    });
}

}  // namespace reeve::daemon
