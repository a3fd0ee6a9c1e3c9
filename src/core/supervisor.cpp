// One turn: sort the facts by meaning, apply each to its worker, then bring actual to desired.
#include "core/supervisor.hpp"

#include <algorithm>
#include <utility>

#include "core/limits.hpp"

namespace reeve::core {
namespace {

struct RankOf {
    int operator()(const StopRequested&) const noexcept { return 0; }
    int operator()(const QueuesEmpty&) const noexcept { return 0; }
    int operator()(const Beat&) const noexcept { return 2; }
    int operator()(const Notified&) const noexcept { return 2; }
    int operator()(const BeatsEnded&) const noexcept { return 2; }
    int operator()(const SaidSlow&) const noexcept { return 2; }
    int operator()(const Garbage&) const noexcept { return 2; }
    int operator()(const Spawned&) const noexcept { return 1; }
    int operator()(const SpawnFailed&) const noexcept { return 3; }
    int operator()(const Exited&) const noexcept { return 3; }
    int operator()(const Greeted&) const noexcept { return 4; }
    int operator()(const SaidReady&) const noexcept { return 4; }
    int operator()(const Probed&) const noexcept { return 4; }
    int operator()(const Examined&) const noexcept { return 5; }
    int operator()(const Sampled&) const noexcept { return 5; }
    int operator()(const QueueSeen&) const noexcept { return 5; }
    int operator()(const SidesSeen&) const noexcept { return 5; }
    int operator()(const HookEnded&) const noexcept { return 5; }
    int operator()(const BeforeStartEnded&) const noexcept { return 5; }
    int operator()(const RotationRequested&) const noexcept { return 6; }
    int operator()(const Commanded&) const noexcept { return 6; }
    int operator()(const Tick&) const noexcept { return 7; }
};

}  // namespace

namespace {

bool comes_after(const Pool& later, const Pool& earlier) {
    return std::find(later.after().begin(), later.after().end(), earlier.name()) !=
           later.after().end();
}

}  // namespace

int rank(const Event& event) noexcept { return std::visit(RankOf{}, event); }

/// Leads each event to whom it is about.
struct Supervisor::Apply final : Registry {
    Supervisor& self;
    Time now;
    Output& out;
    std::vector<Incarnation> dying;  ///< their exits wait in the same turn

    Apply(Supervisor& supervisor, Time at, Output& output)
        : self(supervisor), now(at), out(output) {}

    Incarnation make_incarnation(Seat seat) override {
        const std::uint64_t next = ++self.last_incarnation_;
        self.homes_.emplace(next, seat);
        return Incarnation{next};
    }

    void operator()(const StopRequested& event) { self.stop(event.mode, now, out); }
    void operator()(const QueuesEmpty&) {
        if (self.phase_ == StopPhase::emptying) self.end_workers(now, out);
    }
    void operator()(const RotationRequested& event) {
        if (number(event.seat.pool) < self.pools_.size()) {
            self.pools_[number(event.seat.pool)].request_rotation(event.seat.slot, now, out);
        }
    }
    void operator()(const SidesSeen& event) {
        if (number(event.seat.pool) < self.pools_.size()) {
            self.pools_[number(event.seat.pool)].see_sides(event, now, out);
        }
    }
    void operator()(const Commanded& event) {
        std::visit([&](const auto& command) { self.command(event.id, command, now, out); },
                   event.command);
    }
    void operator()(const BeforeStartEnded& event) { self.end_preparation(event, now, out); }
    void operator()(const Tick&) {
        for (Pool& pool : self.pools_) pool.on_time(now, out);
        self.continue_stop(now, out);
    }

    /// What is dead already neither becomes ready nor hangs: only the counters of its last beats
    /// count.
    static void tell(Worker& worker, const Context& context, const Beat& event, bool dead) {
        dead ? worker.on_last(context, event) : worker.on(context, event);
    }
    static void tell(Worker& worker, const Context& context, const Notified& event, bool dead) {
        if (!dead) worker.on(context, event);
    }
    template <typename WorkerEvent>
    static void tell(Worker& worker, const Context& context, const WorkerEvent& event, bool) {
        worker.on(context, event);
    }

    template <typename WorkerEvent>
    void operator()(const WorkerEvent& event) {
        const auto home = self.homes_.find(number(event.incarnation));
        Pool* pool = nullptr;
        Worker* worker = nullptr;
        if (home != self.homes_.end()) {
            pool = &self.pools_[number(home->second.pool)];
            worker = pool->find(event.incarnation, home->second.slot);
        }
        if (worker == nullptr) {
            ++self.stale_events_;
            return;
        }
        const bool dead = std::find(dying.begin(), dying.end(), event.incarnation) != dying.end();
        tell(*worker, pool->context(home->second.slot, *worker, now, out), event, dead);
        if (!has_process(worker->state())) self.homes_.erase(home);
    }
};

Supervisor::Supervisor(const Config& config, std::uint64_t seed)
    : seed_(seed), stop_delay_(config.stop_delay), queue_grace_(config.queue_grace) {
    pools_.reserve(config.pools.size());
    for (std::size_t i = 0; i < config.pools.size(); ++i) {
        pools_.emplace_back(config.pools[i], PoolIndex{static_cast<std::uint32_t>(i)}, seed);
    }
}

Output Supervisor::turn(std::vector<Event> events, Time now) {
    Output out;
    const Duration late = absence(now);
    const Duration unseen = std::min(quiet(), late);
    last_turn_ = now;
    std::stable_sort(events.begin(), events.end(),
                     [](const Event& a, const Event& b) { return rank(a) < rank(b); });

    Apply apply{*this, now, out};
    for (const Event& event : events) {
        if (const auto* exited = std::get_if<Exited>(&event)) {
            apply.dying.push_back(exited->incarnation);
        }
    }
    bool forgiven = late <= lateness_tolerated;
    if (!forgiven) note_absence(late, unseen, out);
    for (const Event& event : events) {
        // Signs of life that waited count first; what is left after them is held against reeve, not
        // the workers.
        if (!forgiven && rank(event) > rank(Beat{})) {
            forgiven = true;
            forgive_lateness(late, now);
        }
        std::visit(apply, event);
    }
    if (!forgiven) forgive_lateness(late, now);
    if (phase_ != StopPhase::left) {
        open_stages(out);
        continue_reload(now, out);
        for (Pool& pool : pools_) pool.reconcile(now, apply, out);
        if (finish_reload(now, out)) {
            open_stages(out);
            for (Pool& pool : pools_) pool.reconcile(now, apply, out);
        }
        for (Pool& pool : pools_) pool.forget_editions(out);
        settle_pending(out);
        stop_pools(now, out);
        if (phase_ != StopPhase::running) count_kills(out);
        give_up_if_hopeless(now, out);
        leave_when_empty(now, out);
    }
    for (Record& record : out.records) {
        if (auto* transition = std::get_if<Transition>(&record)) {
            const Pool& pool = pools_[number(transition->about.seat.pool)];
            transition->ready = pool.ready();
            transition->wanted = pool.wanted();
        }
    }
    next_deadline_ = find_deadline();
    return out;
}

/// How long reeve did nothing although something was due. A turn ends an absence, so that none
/// counts twice.
Duration Supervisor::absence(Time now) const {
    if (!next_deadline_) return Duration::zero();
    const Time since = last_turn_ ? std::max(*next_deadline_, *last_turn_) : *next_deadline_;
    return std::max(now - since, Duration::zero());
}

/// How long before anything was due an absence may have begun without being noticed.
Duration Supervisor::quiet() const {
    if (!next_deadline_ || !last_turn_) return Duration::zero();
    return std::max(*next_deadline_ - *last_turn_, Duration::zero());
}

void Supervisor::count_kills(const Output& out) {
    const auto kills = std::count_if(out.records.begin(), out.records.end(), [](const Record& r) {
        return std::holds_alternative<Kill>(r);
    });
    killed_ += static_cast<std::uint32_t>(kills);
}

void Supervisor::note_absence(Duration late, Duration unseen, Output& out) {
    out.records.push_back(Lateness{late});
    for (Pool& pool : pools_) pool.extend(late + unseen);
}

void Supervisor::forgive_lateness(Duration late, Time now) {
    for (Pool& pool : pools_) pool.forgive(late, now);
}

bool Supervisor::has_serving_sockets() const {
    return std::any_of(pools_.begin(), pools_.end(), [](const Pool& pool) {
        return pool.policy().has_sockets && pool.ready() > 0;
    });
}

std::uint32_t Supervisor::processes() const {
    std::uint32_t count = 0;
    for (const Pool& pool : pools_) count += pool.processes();
    return count;
}

/// A second request hurries the first; a stop never relaxes.
void Supervisor::stop(StopMode mode, Time now, Output& out) {
    if (phase_ == StopPhase::left) return;
    const bool first = phase_ == StopPhase::running;
    if (!first) {
        const auto next = static_cast<StopMode>(
            std::min(static_cast<int>(mode_) + 1, static_cast<int>(StopMode::immediate)));
        mode = std::max(mode, next);
    } else {
        stop_began_ = now;
    }
    mode_ = mode;
    Duration deadline = mode == StopMode::graceful ? stop_delay_ : Duration::zero();
    if (mode == StopMode::graceful && has_serving_sockets()) deadline += queue_grace_;
    Duration leave{};
    for (const Pool& pool : pools_) {
        leave = std::max(
            leave, mode == StopMode::graceful ? leave_time(pool, 0) : pool.policy().kill_grace);
    }
    if (mode == StopMode::immediate) leave = Duration::zero();
    out.records.push_back(StopStart{mode, processes(), deadline + leave});
    for (Pool& pool : pools_) pool.freeze(now, out);

    if (mode != StopMode::graceful) return end_workers(now, out);
    phase_ = StopPhase::delaying;
    phase_deadline_ = now + stop_delay_;
    continue_stop(now, out);
}

void Supervisor::continue_stop(Time now, Output& out) {
    if (phase_ == StopPhase::delaying && now >= phase_deadline_) {
        if (!has_serving_sockets()) return end_workers(now, out);
        phase_ = StopPhase::emptying;
        phase_deadline_ = now + queue_grace_;
        out.actions.push_back(RefuseConnections{});
    }
    if (phase_ == StopPhase::emptying && now >= phase_deadline_) {
        if (queue_grace_ > Duration::zero()) out.records.push_back(QueueGraceOver{queue_grace_});
        end_workers(now, out);
    }
}

void Supervisor::end_workers(Time now, Output& out) {
    if (phase_ == StopPhase::running || phase_ == StopPhase::delaying) {
        out.actions.push_back(RefuseConnections{});
    }
    phase_ = StopPhase::ending;
    stop_pools(now, out);
    if (mode_ == StopMode::graceful) return;
    for (Pool& pool : pools_) pool.stop(mode_, now, out);
}

/// A graceful stop ends a pool only when those are gone that come after it.
void Supervisor::stop_pools(Time now, Output& out) {
    if (phase_ != StopPhase::ending) return;
    for (Pool& pool : pools_) {
        if (pool.stopping()) continue;
        const bool needed = std::any_of(pools_.begin(), pools_.end(), [&](const Pool& other) {
            return other.processes() != 0 && comes_after(other, pool);
        });
        if (!needed) pool.stop(mode_, now, out);
    }
}

/// How long a pool may take to leave, those included that it waits for.
Duration Supervisor::leave_time(const Pool& pool, std::uint32_t depth) const {
    Duration longest{};
    for (const Pool& other : pools_) {
        if (depth < pools_.size() && comes_after(other, pool)) {
            longest = std::max(longest, leave_time(other, depth + 1));
        }
    }
    return longest + pool.longest_leave();
}

/// A typo in a command must not look alive: reeve ends while no pool has ever been ready and all
/// have given up.
void Supervisor::give_up_if_hopeless(Time now, Output& out) {
    if (phase_ != StopPhase::running) return;
    // A pool that waits for one that cannot be had cannot be had either.
    const bool hopeless =
        std::any_of(pools_.begin(), pools_.end(),
                    [](const Pool& pool) { return pool.gave_up(); }) &&
        std::all_of(pools_.begin(), pools_.end(), [](const Pool& pool) {
            return pool.removed() ||
                   ((pool.gave_up() || pool.stage() == Stage::waiting) && !pool.ever_ready());
        });
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        const Pool& pool = pools_[i];
        if (pool.removed() || pool.stage() == Stage::waiting) continue;
        const bool told_to_exit = pool.policy().on_give_up == OnGiveUp::exit &&
                                  ((pool.gave_up() && !pool.ever_ready()) || pool.is_down());
        if (!hopeless && !told_to_exit) continue;
        std::uint32_t failures = 0;
        for (const Slot& slot : pool.slots()) failures += slot.current.failures();
        out.records.push_back(PoolGaveUp{PoolIndex{static_cast<std::uint32_t>(i)}, failures, true});
        exit_code_ = 3;
    }
    if (exit_code_ == 3) stop(StopMode::graceful, now, out);
}

void Supervisor::leave_when_empty(Time now, Output& out) {
    if (phase_ == StopPhase::running || processes() != 0) return;
    phase_ = StopPhase::left;
    out.records.push_back(Stopped{exit_code_, now - stop_began_, killed_});
    out.actions.push_back(Leave{exit_code_});
}

std::optional<Time> Supervisor::find_deadline() {
    if (phase_ == StopPhase::left) return std::nullopt;
    std::optional<Time> first;
    if (phase_ == StopPhase::delaying || phase_ == StopPhase::emptying) first = phase_deadline_;
    for (Pool& pool : pools_) {
        const auto deadline = pool.next_deadline();
        if (deadline && (!first || *deadline < *first)) first = deadline;
    }
    return first;
}

}  // namespace reeve::core
