// What simulated processes do by themselves, and what they do when the core acts on them.
#include "sim/world.hpp"

#include <algorithm>
#include <utility>

namespace reeve::sim {
namespace {

using core::Duration;
using core::Time;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t packets_per_pipe = 4;
constexpr std::uint32_t packets_of_a_flood = 250;
constexpr Duration answer_delay_max = milliseconds{4};

}  // namespace

World::World(const core::Config& config, std::uint64_t seed) : config_(config), random_(seed) {
    for (std::size_t i = 0; i < config.pools.size(); ++i) {
        troubles_.push_back(make_trouble(random_));
    }
}

const core::PoolPolicy& World::policy(const Process& process) const {
    return config_.pools[number(process.seat.pool)].policy;
}

Process* World::find(core::Incarnation who) {
    const auto found = processes_.find(who);
    return found == processes_.end() || !found->second.alive ? nullptr : &found->second;
}

void World::plan(Kind kind, core::Incarnation who, Time at, std::uint32_t part,
                 core::ExitStatus status) {
    queue_.push(Fact{at, random_.next(), ++facts_, kind, who, part, status});
}

void World::schedule(core::Event event, Time at) {
    scheduled_.push_back(std::move(event));
    plan(Kind::event, core::Incarnation::none, at,
         static_cast<std::uint32_t>(scheduled_.size() - 1));
}

std::optional<Time> World::next_news() const {
    if (!inbox_.empty()) return Time{};
    if (queue_.empty()) return std::nullopt;
    return queue_.top().at;
}

std::vector<core::Event> World::read_news(Time now) {
    while (!queue_.empty() && queue_.top().at <= now) {
        const Fact fact = queue_.top();
        queue_.pop();
        happen(fact);
    }
    for (auto& [who, process] : processes_) process.unread = 0;
    return std::exchange(inbox_, {});
}

void World::freeze(Duration duration) {
    std::vector<Fact> facts;
    for (; !queue_.empty(); queue_.pop()) facts.push_back(queue_.top());
    for (Fact& fact : facts) {
        fact.at += duration;
        queue_.push(fact);
    }
}

void World::happen(const Fact& fact) {
    if (fact.kind == Kind::event) {
        inbox_.push_back(scheduled_[fact.part]);
    } else if (fact.kind == Kind::stale) {
        // What was on its way when the process ended.
        if (fact.part == 0) inbox_.emplace_back(core::SaidReady{fact.who});
        if (fact.part == 1) inbox_.emplace_back(core::Spawned{fact.who});
        if (fact.part == 2) inbox_.emplace_back(core::HookEnded{fact.who});
        if (fact.part == 3) {
            core::BeatFrame frame;
            frame.sequence = 1'000'000;
            frame.sent = fact.at;
            inbox_.emplace_back(core::Beat{fact.who, frame});
        }
    } else if (Process* process = find(fact.who)) {
        happen_to(*process, fact);
        if (!process->alive) processes_.erase(fact.who);
    }
}

void World::happen_to(Process& process, const Fact& fact) {
    switch (fact.kind) {
        case Kind::executed:
            process.executed = true;
            inbox_.emplace_back(core::Spawned{process.incarnation});
            return boot(process, fact.at);
        case Kind::spawn_failed:
            process.alive = false;
            inbox_.emplace_back(core::SpawnFailed{process.incarnation, "exec: no such file"});
            return;
        case Kind::greeted:
            if (process.hung) return;
            inbox_.emplace_back(core::Greeted{process.incarnation, process.ways.drains, false});
            return;
        case Kind::booted:
            process.booted = true;
            left_behind_[{process.seat, process.side}] = false;
            if (process.ways.says_ready) {
                inbox_.emplace_back(core::SaidReady{process.incarnation, process.ways.ready_sign});
            }
            return plan_life(process, fact.at);
        case Kind::beat: return beat(process, fact);
        case Kind::hang:
            process.hung = process.ways.hangs_wholly;
            for (BeatingProcess& one : process.beating) one.silent = process.hung;
            if (!process.beating.empty()) process.beating.back().silent = true;
            if (process.ways.dumps_core) {
                process.dumping = true;
                process.hung = true;
                plan(Kind::exit, process.incarnation, fact.at + process.ways.dump_takes, 0,
                     core::KilledBy{11, true});
            }
            return;
        case Kind::flood: return flood(process, fact.at);
        case Kind::garbage:
            inbox_.emplace_back(core::Garbage{process.incarnation,
                                              random_.chance(70) ? core::Garbage::Channel::heartbeat
                                                                 : core::Garbage::Channel::control,
                                              1 + random_.below(random_.chance(20) ? 500 : 3)});
            return plan(Kind::garbage, process.incarnation, fact.at + milliseconds{700});
        case Kind::stuck: process.stuck_since = fact.at; return;
        case Kind::pipe_end:
            if (process.pipe_open) inbox_.emplace_back(core::BeatsEnded{process.incarnation});
            process.pipe_open = false;
            return;
        case Kind::own_drain:
            process.leaving = true;
            if (process.ways.feeds_every) {
                inbox_.emplace_back(
                    core::Notified{.incarnation = process.incarnation, .stopping = true});
            }
            return;
        case Kind::feed:
            if (process.hung || process.leaving) return;
            inbox_.emplace_back(core::Notified{.incarnation = process.incarnation, .alive = true});
            return plan(Kind::feed, process.incarnation, fact.at + *process.ways.feeds_every);
        case Kind::trigger:
            process.hung = true;
            inbox_.emplace_back(core::Notified{.incarnation = process.incarnation, .hung = true});
            return;
        case Kind::exit: return die(process, fact);
        case Kind::stale:
        case Kind::event: return;
    }
}

void World::boot(Process& process, Time at) {
    const Ways& ways = process.ways;
    if (ways.greets) plan(Kind::greeted, process.incarnation, at + milliseconds{1});
    if (ways.boots_in) {
        plan(Kind::booted, process.incarnation, at + *ways.boots_in);
    } else {
        plan_life(process, at);
    }
    const std::uint32_t processes = ways.crowds ? 20 : ways.beating;
    for (std::uint32_t i = 0; i < processes; ++i) {
        process.beating.push_back(BeatingProcess{{i + 1, 1}, 0, 0, false});
        const Duration first =
            ways.beats_while_booting ? milliseconds{2} : ways.boots_in.value_or(seconds{1});
        plan(Kind::beat, process.incarnation, at + first, i);
    }
}

void World::plan_life(const Process& process, Time from) {
    const Ways& ways = process.ways;
    const auto who = process.incarnation;
    if (ways.hangs_after) plan(Kind::hang, who, from + *ways.hangs_after);
    if (ways.feeds_every) plan(Kind::feed, who, from);
    if (ways.triggers_after) plan(Kind::trigger, who, from + *ways.triggers_after);
    if (ways.dies_after) plan(Kind::exit, who, from + *ways.dies_after, 0, ways.dies_with);
    if (ways.floods_after) plan(Kind::flood, who, from + *ways.floods_after);
    if (ways.garbage_after) plan(Kind::garbage, who, from + *ways.garbage_after);
    if (ways.request_stuck_after) plan(Kind::stuck, who, from + *ways.request_stuck_after);
    if (ways.pipe_ends_after) plan(Kind::pipe_end, who, from + *ways.pipe_ends_after);
    if (ways.drains_itself_after) plan(Kind::own_drain, who, from + *ways.drains_itself_after);
}

void World::send_beat(Process& process, BeatingProcess& one, Time at, core::Phase phase) {
    if (!process.pipe_open || process.unread >= packets_per_pipe) return;
    ++process.unread;
    core::BeatFrame frame;
    frame.process = one.key;
    frame.sequence = ++one.sequence;
    frame.phase = phase;
    frame.sent = at;
    frame.in_flight = process.stuck_since ? 1 : 0;
    frame.oldest = process.stuck_since;
    frame.counters.requests = one.requests;
    inbox_.emplace_back(core::Beat{process.incarnation, frame});
}

void World::beat(Process& process, const Fact& fact) {
    if (process.hung || process.beating.size() <= fact.part) return;
    BeatingProcess& one = process.beating[fact.part];
    const Duration every = process.ways.beat_every;
    plan(Kind::beat, process.incarnation, fact.at + std::max<Duration>(every, milliseconds{10}),
         fact.part);
    if (one.silent || random_.chance(process.ways.skips_beats)) return;
    if (process.booted) one.requests += process.ways.requests_per_beat;
    if (process.ways.restarts_counters && random_.chance(10)) {
        one.requests = 0;
        one.key.image += 1;
        one.sequence = 0;
    }
    const core::Phase phase = process.leaving  ? core::Phase::draining
                              : process.booted ? core::Phase::serving
                                               : core::Phase::starting;
    send_beat(process, one, fact.at, phase);
}

void World::flood(Process& process, Time at) {
    if (process.beating.empty()) process.beating.push_back(BeatingProcess{{1, 1}, 0, 0, false});
    for (std::uint32_t i = 0; i < packets_of_a_flood && process.pipe_open; ++i) {
        process.unread = 0;
        send_beat(process, process.beating.front(), at, core::Phase::serving);
    }
}

void World::die(Process& process, const Fact& fact) {
    process.alive = false;
    if (policy(process).accept == core::Accept::per_worker && random_.chance(10)) {
        left_behind_[{process.seat, process.side}] = true;
    }
    core::Exited exited;
    exited.incarnation = process.incarnation;
    exited.status = random_.chance(1) ? core::ExitStatus{core::Lost{10}} : fact.status;
    inbox_.emplace_back(exited);
    if (random_.chance(30)) {
        plan(Kind::stale, process.incarnation, fact.at + milliseconds{random_.below(50)},
             static_cast<std::uint32_t>(random_.below(4)));
    }
}

void World::leave(Process& process, Time now) {
    if (process.leaving) return;
    process.leaving = true;
    const core::ExitStatus status = process.executed && random_.chance(70)
                                        ? core::ExitStatus{core::ExitedWith{0}}
                                        : core::ExitStatus{core::KilledBy{15, false}};
    if (process.ways.leaves_in && !process.hung) {
        plan(Kind::exit, process.incarnation, now + *process.ways.leaves_in, 0, status);
    }
}

void World::execute(const std::vector<core::Action>& actions, Time now) {
    for (const core::Action& action : actions) {
        std::visit([&](const auto& each) { act(each, now); }, action);
    }
}

void World::act(const core::Spawn& action, Time now) {
    Process& process = processes_[action.incarnation];
    process = Process{};
    process.incarnation = action.incarnation;
    process.seat = action.seat;
    process.side = action.side;
    process.born = now;
    const Trouble& trouble = troubles_[number(action.seat.pool)];
    process.ways = make_ways(random_, policy(process), trouble, troubled_);
    if (troubled_ && trouble.cursed && number(action.seat.slot) == 0) {
        process.ways.dies_after = milliseconds{1};
        process.ways.boots_in.reset();
        process.ways.dies_with = core::ExitedWith{1};
    }
    plan(process.ways.spawn_fails ? Kind::spawn_failed : Kind::executed, action.incarnation,
         now + process.ways.exec_after);
}

void World::act(const core::Signal& action, Time now) {
    Process* process = find(action.incarnation);
    if (process == nullptr) return;
    if (action.signal == 9) {
        return plan(Kind::exit, action.incarnation, now + process->ways.killed_in, 0,
                    core::KilledBy{9, false});
    }
    if (action.signal == policy(*process).hang_signal) {
        if (!process->ways.aborts_in || process->dumping) return;
        if (process->ways.dumps_core) {
            process->dumping = true;
            return plan(Kind::exit, action.incarnation, now + process->ways.dump_takes, 0,
                        core::KilledBy{6, true});
        }
        return plan(Kind::exit, action.incarnation, now + *process->ways.aborts_in, 0,
                    core::KilledBy{6, false});
    }
    leave(*process, now);
}

void World::act(const core::Drain& action, Time now) {
    if (Process* process = find(action.incarnation)) leave(*process, now);
}

void World::act(const core::Probe& action, Time now) {
    const Process* process = find(action.incarnation);
    if (process == nullptr || !random_.chance(process->ways.answers_probes)) return;
    const bool accepts = process->booted && process->beating.empty();
    const auto view = accepts                   ? core::Probed::View::accepting
                      : process->ways.busy_boot ? core::Probed::View::busy
                                                : core::Probed::View::quiet;
    schedule(core::Probed{action.incarnation, view},
             now + random_.from_to(Duration::zero(), answer_delay_max));
}

void World::act(const core::Examine& action, Time now) {
    const Process* process = find(action.incarnation);
    if (process == nullptr || !random_.chance(process->ways.answers_probes)) return;
    auto finding = core::Examined::Finding::alive;
    const bool known = action.process == core::ProcessKey{} ||
                       std::any_of(process->beating.begin(), process->beating.end(),
                                   [&](const auto& one) { return one.key == action.process; });
    if (!known) finding = core::Examined::Finding::gone;
    if (process->dumping) finding = core::Examined::Finding::dumping_core;
    schedule(core::Examined{action.incarnation, action.process, finding},
             now + random_.from_to(Duration::zero(), answer_delay_max));
}

void World::act(const core::LookAtQueue& action, Time now) {
    Process* process = find(action.incarnation);
    if (process == nullptr) return;
    if (!process->hung) ++process->ran;
    core::QueueSeen seen{.incarnation = action.incarnation, .ran = process->ran};
    // For who is idle nothing waits, and it need not run; for who is hung something soon does.
    const bool stands = process->hung || (process->ways.queue_stands && !action.busy);
    seen.waiting = stands || random_.chance(15) ? 1 : 0;
    seen.busy = random_.chance(20) ? 1 : 0;
    if (random_.chance(3)) seen.ran.reset();
    schedule(seen, now + random_.from_to(Duration::zero(), answer_delay_max));
}

bool World::has_left(core::PoolIndex pool) const {
    return std::any_of(left_behind_.begin(), left_behind_.end(), [&](const auto& entry) {
        const auto& [place, left] = entry;
        if (!left || place.first.pool != pool) return false;
        return std::none_of(processes_.begin(), processes_.end(), [&, at = place](const auto& one) {
            return one.second.alive && one.second.seat == at.first && one.second.side == at.second;
        });
    });
}

void World::act(const core::LookAtSides& action, Time now) {
    core::SidesSeen seen{.seat = action.seat};
    for (const core::Side side : {core::Side::a, core::Side::b}) {
        const auto found = left_behind_.find({action.seat, side});
        if (found != left_behind_.end() && found->second) {
            seen.waiting[static_cast<std::size_t>(side)] = 2;
        }
    }
    schedule(seen, now + random_.from_to(Duration::zero(), answer_delay_max));
}

void World::act(const core::Sample& action, Time now) {
    const Process* process = find(action.incarnation);
    if (process == nullptr) return;
    const auto age = std::chrono::duration_cast<milliseconds>(now - process->born).count();
    const std::uint64_t bytes =
        500 + process->ways.bytes_per_second * static_cast<std::uint64_t>(age) / 1000;
    schedule(core::Sampled{action.incarnation, bytes},
             now + random_.from_to(Duration::zero(), answer_delay_max));
}

void World::act(const core::RunHangHook& action, Time now) {
    const Process* process = find(action.incarnation);
    if (process == nullptr || !process->ways.hook_takes) return;
    schedule(core::HookEnded{action.incarnation}, now + *process->ways.hook_takes);
}

void World::act(const core::IgnoreBeats& action, Time) {
    if (Process* process = find(action.incarnation)) process->pipe_open = false;
}

void World::act(const core::RefuseConnections&, Time now) {
    if (random_.chance(70)) {
        schedule(core::QueuesEmpty{}, now + random_.from_to(Duration::zero(), seconds{2}));
    }
}

void World::act(const core::Leave& action, Time) {
    left_ = true;
    exit_code_ = action.exit_code;
}

}  // namespace reeve::sim
