// Seeded fleets that operators change all the time: reloads good and bad, scaling, stops, restarts.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/supervisor.hpp"
#include "sim/checker.hpp"
#include "sim/random.hpp"
#include "sim/trace.hpp"

namespace reeve::sim {
namespace {

using core::CommandId;
using core::Duration;
using core::Generation;
using core::Incarnation;
using core::PoolIndex;
using core::State;
using core::Time;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// How the workers of one generation are.
enum class Fate { good, spawn_fails, dies_at_once, never_ready, dies_young, fatal };

struct Process {
    core::Seat seat;
    core::Side side{};
    Generation generation{};
    std::optional<Time> ready_at;
    bool executed = false;
    bool leaving = false;
};

struct Fact {
    Time at;
    std::uint64_t number = 0;
    core::Event event;
    bool operator<(const Fact& other) const noexcept {
        return at != other.at ? at > other.at : number > other.number;
    }
};

/// What the records and actions say of a pool.
struct PoolTrack {
    std::string name;
    std::map<Generation, Fate> fates;
    std::set<Generation> begun;
    std::set<Generation> prepared;
    std::uint32_t wanted = 0;
    bool changing = false;   ///< a reload, or any other command of which nobody knows the end yet
    bool disturbed = false;  ///< a worker of the generation in force died by itself
};

core::PoolPolicy draw_policy(Random& random, core::Accept accept) {
    core::PoolPolicy policy;
    policy.accept = accept;
    policy.workers = random.from_to(1, 5);
    policy.liveness = core::Liveness::none;
    policy.ready = core::ReadyBy::native;
    policy.timeout = Duration::zero();
    policy.start_timeout = random.from_to(seconds{1}, seconds{3});
    policy.graceful_timeout = random.from_to(milliseconds{100}, seconds{3});
    policy.stable_after = random.from_to(milliseconds{50}, seconds{3});
    policy.backoff_min = milliseconds{50};
    policy.backoff_max = random.from_to(milliseconds{100}, seconds{2});
    policy.max_surge = random.from_to(0, 2);
    policy.max_unavailable = random.from_to(0, 2);
    if (policy.max_surge == 0 && policy.max_unavailable == 0) policy.max_unavailable = 1;
    policy.max_draining = random.chance(70) ? 0 : random.from_to(1, 3);
    policy.start_concurrency = random.chance(70) ? 0 : random.from_to(1, 2);
    policy.give_up_after = 3;
    policy.fatal_exit_codes = {7};
    policy.has_sockets = random.chance(50);
    policy.has_before_start = random.chance(20);
    if (random.chance(20)) {
        policy.update = core::Update::recreate;
        policy.workers = random.from_to(1, 2);
    }
    if (random.chance(20)) policy.max_lifetime = random.from_to(seconds{2}, seconds{6});
    // Where a queue runs empty first, and one goes at a time, there would always be one to go.
    if (accept == core::Accept::per_worker) policy.max_lifetime *= 8;
    return policy;
}

class Fleet {
public:
    Fleet(std::uint64_t seed, bool verbose) : verbose_(verbose), random_(seed) {
        if (random_.chance(50)) accept_ = core::Accept::per_worker;
        const std::uint32_t pools = random_.from_to(1, 3);
        for (std::uint32_t i = 0; i < pools; ++i) config_.pools.push_back(draw_pool(i));
        config_.queue_grace = milliseconds{10};
        supervisor_ = std::make_unique<core::Supervisor>(config_, random_.next());
        for (std::uint32_t i = 0; i < pools; ++i) {
            track(PoolIndex{i}, config_.pools[i], Generation{1}, Fate::good);
        }
    }

    std::uint64_t run();

private:
    core::PoolConfig draw_pool(std::uint32_t number) {
        core::PoolConfig pool;
        pool.name = "pool" + std::to_string(number);
        pool.policy = draw_policy(random_, accept_);
        if (number > 0 && random_.chance(40)) {
            pool.after.push_back("pool" + std::to_string(random_.below(number)));
        }
        return pool;
    }
    void track(PoolIndex pool, const core::PoolConfig& config, Generation generation, Fate fate) {
        PoolTrack& track = pools_[pool];
        track.name = config.name;
        track.fates[generation] = fate;
        track.begun.insert(generation);
        if (!config.policy.has_before_start) track.prepared.insert(generation);
        configs_[{pool, generation}] = config;
    }

    void plan(core::Event event, Duration in) {
        facts_.push({now_ + in, ++fact_number_, std::move(event)});
    }
    void command();
    void give(core::Command wanted);
    core::Command draw_command();
    core::ReloadCommand draw_reload();
    std::string draw_name() {
        return "pool" + std::to_string(random_.below(config_.pools.size() + 1));
    }
    void turn(const std::vector<core::Event>& events);
    bool step(std::optional<Time> before = {});
    void quiet_down();
    /// In one of its generations: then it changes like one.
    [[nodiscard]] bool is_singleton(PoolIndex pool) const {
        const auto& begun = pools_.at(pool).begun;
        return std::any_of(begun.begin(), begun.end(), [&](Generation generation) {
            return configs_.at({pool, generation}).policy.update == core::Update::recreate;
        });
    }
    void demand(bool holds, const char* checker, const std::string& what) const {
        if (!holds) throw Violation(checker, what + " at " + text_of(now_));
    }

    template <typename Other>
    void act(const Other&) {}
    void act(const core::Spawn& action);
    void act(const core::Signal& action);
    void act(const core::BeginGeneration& action);
    void act(const core::EndGeneration& action);
    void act(const core::RunBeforeStart& action);
    void act(const core::RefuseConnections&) { plan(core::QueuesEmpty{}, milliseconds{1}); }
    void act(const core::Reply& action);
    void act(const core::LookAtQueue& action);
    void act(const core::LookAtSides& action) { plan(core::SidesSeen{action.seat, {}}, {}); }
    void act(const core::Steer& action) { places_[action.pool] = action.places; }
    void act(const core::Leave&) { left_ = true; }

    void check(const core::Output& out);
    void check_pool(const core::Pool& pool);
    void check_places(const core::Pool& pool);
    void check_reload(const core::Reload& record);
    void check_pilot(const core::Rotation& record);
    void leave(Incarnation who, Process& process);

    bool verbose_;
    Random random_;
    core::Accept accept_ = core::Accept::shared;  ///< no reload changes it
    core::Config config_;                         ///< the one in force
    std::unique_ptr<core::Supervisor> supervisor_;
    Time now_{seconds{100}};
    std::priority_queue<Fact> facts_;
    std::uint64_t fact_number_ = 0;
    std::map<Incarnation, Process> processes_;
    std::map<PoolIndex, PoolTrack> pools_;
    std::map<PoolIndex, std::vector<core::Place>> places_;
    std::map<std::pair<PoolIndex, Generation>, core::PoolConfig> configs_;
    std::map<CommandId, Time> unanswered_;
    std::uint64_t last_command_ = 0;
    CommandId reload_id_{};
    std::shared_ptr<const core::Config> next_;
    std::vector<Fate> next_fates_;
    std::map<PoolIndex, Generation> in_force_before_;
    std::map<PoolIndex, std::uint32_t> ready_before_;  ///< the latest turn
    TraceHash hash_;
    bool calm_ = false;   ///< nobody commands any more
    bool cured_ = false;  ///< the latest reload succeeded
    bool stopping_ = false;
    bool left_ = false;
    std::uint64_t reloads_ = 0;
};

/// Another configuration: other numbers and bounds, pools more or fewer, and workers of any fate.
core::ReloadCommand Fleet::draw_reload() {
    auto next = std::make_shared<core::Config>(config_);
    core::ReloadCommand command;
    for (core::PoolConfig& pool : next->pools) {
        if (random_.chance(50)) pool.policy.workers = random_.from_to(1, 5);
        if (random_.chance(20)) pool.policy = draw_policy(random_, accept_);
    }
    if (next->pools.size() > 1 && random_.chance(15)) {
        const std::string gone = next->pools.back().name;
        next->pools.pop_back();
        for (core::PoolConfig& pool : next->pools) std::erase(pool.after, gone);
    }
    if (next->pools.size() < 4 && random_.chance(15)) {
        next->pools.push_back(draw_pool(static_cast<std::uint32_t>(next->pools.size())));
    }
    next_fates_.clear();
    for (std::size_t i = 0; i < next->pools.size(); ++i) {
        command.roll.push_back(calm_ || random_.chance(80));
        const bool good = calm_ || random_.chance(60);
        next_fates_.push_back(good ? Fate::good : static_cast<Fate>(random_.from_to(1, 5)));
    }
    next_ = next;
    command.config = next;
    return command;
}

core::Command Fleet::draw_command() {
    core::Target target{draw_name(), {}};
    if (random_.chance(40)) {
        target.slot = core::SlotIndex{static_cast<std::uint32_t>(random_.below(5))};
    }
    switch (random_.below(7)) {
        case 0:
            return core::ScaleCommand{target.pool, static_cast<std::int64_t>(random_.below(7)),
                                      false};
        case 1: return core::ScaleCommand{target.pool, random_.chance(50) ? 1 : -1, true};
        case 2: return core::StopCommand{target};
        case 3: return core::StartCommand{target};
        case 4: return core::RestartCommand{target};
        case 5: return core::SignalCommand{target, 10};
        default: return draw_reload();
    }
}

void Fleet::command() {
    core::Command wanted = draw_command();
    // As the shell does: nothing is made ready for a second reload.
    const bool reload = std::holds_alternative<core::ReloadCommand>(wanted);
    if (!reload || !supervisor_->reloading()) give(std::move(wanted));
}

void Fleet::give(core::Command wanted) {
    const CommandId id{++last_command_};
    if (std::holds_alternative<core::ReloadCommand>(wanted)) {
        reload_id_ = id;
        in_force_before_.clear();
        for (const core::Pool& pool : supervisor_->pools()) {
            in_force_before_[pool.index()] = pool.generation();
        }
    }
    unanswered_[id] = now_;
    turn({core::Commanded{id, std::move(wanted)}});
}

void Fleet::turn(const std::vector<core::Event>& events) {
    for (const core::Pool& pool : supervisor_->pools()) ready_before_[pool.index()] = pool.ready();
    const core::Output out = supervisor_->turn(events, now_);
    hash_.add(out, now_);
    if (verbose_) {
        for (const auto& event : events) {
            std::printf("%s   > %s\n", text_of(now_).c_str(), text_of(event).c_str());
        }
        for (const auto& record : out.records) {
            std::printf("%s     %s\n", text_of(now_).c_str(), text_of(record).c_str());
        }
        for (const auto& action : out.actions) {
            std::printf("%s   < %s\n", text_of(now_).c_str(), text_of(action).c_str());
        }
    }
    for (const core::Action& action : out.actions) {
        std::visit([&](const auto& each) { act(each); }, action);
    }
    check(out);
}

void Fleet::act(const core::Spawn& action) {
    PoolTrack& pool = pools_[action.seat.pool];
    demand(!stopping_, "stop", "a spawn while reeve stops");
    demand(pool.begun.contains(action.generation), "generation",
           "a spawn of one that is not there");
    demand(pool.prepared.contains(action.generation), "before_start", "a spawn before it ran");
    const core::PoolConfig& config = configs_.at({action.seat.pool, action.generation});
    if (config.policy.update == core::Update::recreate) {
        for (const auto& [who, process] : processes_) {
            const bool other =
                process.seat.pool == action.seat.pool &&
                (process.seat.slot == action.seat.slot || process.generation != action.generation);
            demand(!other, "recreate", "a second one beside " + std::to_string(number(who)));
        }
    }
    const Fate fate = pool.fates.at(action.generation);
    Process& process = processes_[action.incarnation];
    process.seat = action.seat;
    process.generation = action.generation;
    process.side = action.side;
    const Duration exec = random_.from_to(Duration::zero(), milliseconds{3});
    if (fate == Fate::spawn_fails) {
        return plan(core::SpawnFailed{action.incarnation, "no such file"}, exec);
    }
    plan(core::Spawned{action.incarnation}, exec);
    const auto exit = [&](int code, Duration in) {
        plan(core::Exited{.incarnation = action.incarnation, .status = core::ExitedWith{code}}, in);
    };
    if (fate == Fate::dies_at_once) return exit(1, exec + milliseconds{2});
    if (fate == Fate::fatal) return exit(7, exec + milliseconds{2});
    if (fate == Fate::never_ready) return;
    const Duration boot = exec + random_.from_to(milliseconds{1}, milliseconds{300});
    plan(core::SaidReady{action.incarnation}, boot);
    if (fate == Fate::dies_young) exit(1, boot + config.policy.stable_after / 2);
}

void Fleet::act(const core::Signal& action) {
    const auto found = processes_.find(action.incarnation);
    if (found == processes_.end() || action.signal == 10) return;
    leave(action.incarnation, found->second);
}

void Fleet::leave(Incarnation who, Process& process) {
    if (std::exchange(process.leaving, true)) return;
    const auto& config = configs_.at({process.seat.pool, process.generation});
    plan(core::Exited{.incarnation = who, .status = core::KilledBy{15, false}},
         random_.from_to(Duration::zero(), config.policy.graceful_timeout / 2));
}

void Fleet::act(const core::BeginGeneration& action) {
    demand(action.command == reload_id_, "generation", "begun by nobody");
    ++reloads_;
    track(action.pool, next_->pools[action.position], action.generation,
          next_fates_[action.position]);
}

void Fleet::act(const core::EndGeneration& action) {
    PoolTrack& pool = pools_[action.pool];
    demand(pool.begun.erase(action.generation) == 1, "generation", "ended twice");
    for (const auto& [who, process] : processes_) {
        demand(process.seat.pool != action.pool || process.generation != action.generation,
               "generation", "ended while one of it lives");
    }
}

void Fleet::act(const core::RunBeforeStart& action) {
    PoolTrack& pool = pools_[action.pool];
    demand(!pool.prepared.contains(action.generation), "before_start", "it runs twice");
    const bool good = calm_ || action.generation == Generation{1} || random_.chance(85);
    if (good) pool.prepared.insert(action.generation);
    plan(core::BeforeStartEnded{action.pool, action.generation, good, "it ended"},
         random_.from_to(milliseconds{1}, milliseconds{500}));
}

void Fleet::act(const core::Reply& action) {
    demand(unanswered_.erase(action.command) == 1, "reply", "nobody asked, or it is the second");
    if (action.command != reload_id_) return;
    reload_id_ = CommandId::none;
    using core::Verdict;
    cured_ = action.verdict == Verdict::done;
    if (cured_ || action.verdict == Verdict::unchanged) config_ = *next_;
}

/// What a reload has come to: everybody is of the new generation, or of the one before.
void Fleet::check_reload(const core::Reload& record) {
    for (const core::Pool& pool : supervisor_->pools()) {
        if (pool.removed()) continue;
        demand(!pool.changeover(), "reload", "it is over and a pool still changes");
        const auto before = in_force_before_.find(pool.index());
        if (!record.succeeded) {
            demand(before != in_force_before_.end(), "rollback", "an added pool is still there");
            demand(pool.generation() == before->second, "rollback",
                   "another generation than before");
        }
        for (const core::Slot& slot : pool.slots()) {
            if (slot.off || !has_process(slot.current.state())) continue;
            // There is no way back to what cannot be started any more.
            const Fate fate = pools_.at(pool.index()).fates.at(pool.generation());
            if (!record.succeeded && fate != Fate::good) continue;
            demand(slot.current.generation() == pool.generation(), "reload",
                   "a worker of another generation is left in " + pool.name());
        }
    }
}

void Fleet::act(const core::LookAtQueue& action) {
    core::QueueSeen seen{.incarnation = action.incarnation};
    seen.waiting = random_.chance(10) ? 1 : 0;
    seen.busy = random_.chance(20) ? 1 : 0;
    plan(seen, random_.from_to(Duration::zero(), milliseconds{3}));
}

/// Connections go where one of the generation sits that they are meant for, if anybody serves.
void Fleet::check_places(const core::Pool& pool) {
    if (accept_ == core::Accept::shared || stopping_ || pool.removed()) return;
    demand(!places_[pool.index()].empty(), "steering", "connections go nowhere");
    if (pool.ready() == 0) return;
    for (const core::Place& place : places_[pool.index()]) {
        const bool sits = std::any_of(processes_.begin(), processes_.end(), [&](const auto& each) {
            const Process& process = each.second;
            return process.seat == core::Seat{pool.index(), place.slot} &&
                   process.side == place.side && process.generation == place.generation &&
                   process.ready_at && !process.leaving;
        });
        demand(sits, "steering", "connections go to who does not serve in " + pool.name());
    }
}

void Fleet::check_pool(const core::Pool& pool) {
    const core::PoolPolicy& policy = pool.policy();
    std::size_t staying = 0;
    for (const core::Slot& slot : pool.slots()) {
        const auto stays = [](const core::Worker& worker) {
            return worker.state() == State::starting || worker.state() == State::serving;
        };
        staying += stays(slot.current) ? 1 : 0;
        staying += slot.successor && stays(*slot.successor) ? 1 : 0;
        demand(!slot.off || !stays(slot.current), "scale",
               "one works in a seat that is not wanted");
        demand(!pool.held() || !stays(slot.current), "stop", "one works in a pool that is stopped");
    }
    std::uint32_t surge = policy.max_surge;
    // A bound that a reload has taken back held for those that were begun under it.
    for (const auto& [key, config] : configs_) {
        if (key.first == pool.index()) surge = std::max(surge, config.policy.max_surge);
    }
    std::size_t most = pool.scaled() + surge;
    if (pool.changeover()) most = std::max(most, pool.changeover()->wanted_before + most);
    demand(staying <= most, "max_surge", "too many in " + pool.name());
}

/// Whom a new generation replaces goes only when one of it has been stable.
void Fleet::check_pilot(const core::Rotation& record) {
    if (record.reason != core::Reason::reload) return;
    const auto successor = processes_.find(record.successor);
    demand(successor != processes_.end(), "pilot", "the successor is gone");
    const auto& [seat, generation] =
        std::pair{successor->second.seat, successor->second.generation};
    const core::PoolPolicy& policy = configs_.at({seat.pool, generation}).policy;
    if (policy.max_lifetime > Duration::zero()) return;
    const bool proven = std::any_of(processes_.begin(), processes_.end(), [&](const auto& entry) {
        const Process& process = entry.second;
        return process.seat.pool == record.about.seat.pool &&
               process.generation == successor->second.generation && process.ready_at &&
               now_ - *process.ready_at >= policy.stable_after;
    });
    demand(proven, "pilot", "an old worker goes before a new one was stable");
}

void Fleet::check(const core::Output& out) {
    for (const core::Pool& pool : supervisor_->pools()) {
        if (!pool.removed()) check_pool(pool);
    }
    for (const core::Record& record : out.records) {
        if (const auto* ready = std::get_if<core::WorkerReady>(&record)) {
            processes_[ready->about.incarnation].ready_at = now_;
        }
        if (const auto* rotation = std::get_if<core::Rotation>(&record)) check_pilot(*rotation);
        if (const auto* reload = std::get_if<core::Reload>(&record)) check_reload(*reload);
        const auto* transition = std::get_if<core::Transition>(&record);
        if (transition == nullptr || transition->to != State::draining) continue;
        const core::Pool& pool = supervisor_->pools()[number(transition->about.seat.pool)];
        const bool planned = transition->reason == core::Reason::reload ||
                             transition->reason == core::Reason::lifetime ||
                             transition->reason == core::Reason::requested;
        if (!planned || is_singleton(pool.index())) continue;
        // Somebody who died, or was taken back in the same turn, is not missed by a replacement.
        const bool all_good =
            std::all_of(pools_[pool.index()].fates.begin(), pools_[pool.index()].fates.end(),
                        [](const auto& fate) { return fate.second == Fate::good; });
        if (!all_good) continue;
        const std::uint32_t before = std::min(ready_before_[pool.index()], pool.wanted());
        demand(pool.ready() + pool.policy().max_unavailable >= before, "max_unavailable",
               "too few are ready in " + pool.name());
    }
    for (const core::Pool& pool : supervisor_->pools()) check_places(pool);
    for (const auto& [id, since] : unanswered_) {
        demand(now_ - since < seconds{400}, "reply", "an answer is owed for very long");
    }
}

/// Lets happen what comes next; false where there is nothing, or nothing before that time.
bool Fleet::step(std::optional<Time> before) {
    auto next = supervisor_->next_deadline();
    if (!facts_.empty() && (!next || facts_.top().at < *next)) next = facts_.top().at;
    if (!next || (before && *next >= *before)) return false;
    now_ = std::max(now_, *next);
    std::vector<core::Event> events;
    while (!facts_.empty() && facts_.top().at <= now_) {
        core::Event event = facts_.top().event;
        facts_.pop();
        if (const auto* spawned = std::get_if<core::Spawned>(&event)) {
            if (!processes_.contains(spawned->incarnation)) continue;
        }
        if (const auto* exited = std::get_if<core::Exited>(&event)) {
            if (processes_.erase(exited->incarnation) == 0) continue;
        }
        if (const auto* failed = std::get_if<core::SpawnFailed>(&event)) {
            if (processes_.erase(failed->incarnation) == 0) continue;
        }
        events.push_back(std::move(event));
    }
    const auto due = supervisor_->next_deadline();
    if (due && *due <= now_) events.emplace_back(core::Tick{});
    turn(events);
    return true;
}

/// Nobody commands any more: what was stopped is started, every answer comes, all are ready.
void Fleet::quiet_down() {
    const Time end = now_ + seconds{600};
    const auto wait_for_answers = [&] {
        while (!unanswered_.empty()) {
            demand(step(), "reply", "nobody waits for anything, and an answer is owed");
            demand(now_ < end, "reply", "an answer never comes");
        }
    };
    calm_ = true;
    wait_for_answers();
    for (const core::Pool& pool : supervisor_->pools()) {
        if (pool.removed()) continue;
        give(core::StartCommand{{pool.name(), {}}});
    }
    wait_for_answers();
    const auto prepares = [](const core::Pool& pool) {
        return !pool.removed() && pool.stage() == core::Stage::preparing;
    };
    while (std::any_of(supervisor_->pools().begin(), supervisor_->pools().end(), prepares)) {
        demand(step(), "before_start", "nobody waits for it to end");
    }
    // Where the workers of a pool that was stopped turn out to be bad, a good reload cures it.
    give(draw_reload());
    wait_for_answers();
    demand(cured_, "reload", "one to good workers fails");
    const auto ready = [&] {
        return std::all_of(supervisor_->pools().begin(), supervisor_->pools().end(),
                           [](const core::Pool& pool) {
                               const bool ages = pool.policy().max_lifetime > Duration::zero();
                               return pool.removed() || ages || pool.ready() == pool.wanted();
                           });
    };
    while (!ready()) {
        demand(step(), "liveness", "nobody waits for anything, and not all are ready");
        demand(now_ < end, "liveness", "does not converge");
    }
}

std::uint64_t Fleet::run() {
    turn({});
    const Time trouble_ends = now_ + random_.from_to(seconds{5}, seconds{60});
    Time next_command = now_ + random_.from_to(Duration::zero(), seconds{5});
    while (now_ < trouble_ends && supervisor_->stop_phase() == core::StopPhase::running) {
        if (!step(next_command)) {
            now_ = next_command;
            command();
            next_command = now_ + random_.from_to(milliseconds{1}, seconds{6});
        }
    }
    const bool running = supervisor_->stop_phase() == core::StopPhase::running;
    if (running && random_.chance(70)) quiet_down();
    turn({core::StopRequested{core::StopMode::graceful}});
    stopping_ = true;
    const Time end = now_ + seconds{200};
    while (!left_) {
        demand(step(), "leave", "nobody waits for anything, and reeve is still there");
        demand(now_ < end, "leave", "the stop takes too long");
    }
    demand(processes_.empty(), "leave", "a process is left behind");
    demand(unanswered_.empty(), "reply", "reeve left without an answer");
    return hash_.value();
}

}  // namespace
}  // namespace reeve::sim

int main(int argc, char** argv) {
    std::uint64_t first = 1;
    std::uint64_t count = 5000;
    bool verbose = false;
    if (const char* seeds = std::getenv("REEVE_SIM_SEEDS"))
        count = std::strtoull(seeds, nullptr, 10);
    for (int i = 1; i < argc; ++i) {
        const bool has_value = i + 1 < argc;
        if (std::strcmp(argv[i], "--seed") == 0 && has_value) {
            first = std::strtoull(argv[++i], nullptr, 10);
            count = 1;
        } else if (std::strcmp(argv[i], "--seeds") == 0 && has_value) {
            count = std::strtoull(argv[++i], nullptr, 10);
        } else if (std::strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else {
            std::fprintf(stderr, "usage: %s [--seeds N] [--seed SEED] [--verbose]\n", argv[0]);
            return 2;
        }
    }
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        try {
            const auto hash = reeve::sim::Fleet(seed, verbose).run();
            if (seed % 16 == 0 && reeve::sim::Fleet(seed, false).run() != hash) {
                throw reeve::sim::Violation("determinism", "the same seed gives another trace");
            }
        } catch (const reeve::sim::Violation& violation) {
            std::printf("seed %llu: %s\nreproduce: %s --seed %llu --verbose\n",
                        static_cast<unsigned long long>(seed), violation.what(), argv[0],
                        static_cast<unsigned long long>(seed));
            return 1;
        }
    }
    std::printf("%llu changed fleets, no violation\n", static_cast<unsigned long long>(count));
    return 0;
}
