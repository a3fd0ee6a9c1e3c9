// A supervisor on a test bench: a clock that the test turns, and short ways to say and to find.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/supervisor.hpp"

namespace reeve::core::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A policy under which nothing happens by itself, so that each test switches on what it is about.
inline PoolPolicy calm_policy(std::uint32_t workers = 1) {
    PoolPolicy policy;
    policy.workers = workers;
    policy.ready = ReadyBy::native;
    policy.ready_for = milliseconds{100};
    policy.backoff_min = seconds{1};
    policy.backoff_max = seconds{8};
    return policy;
}

inline Config config_of(std::initializer_list<PoolPolicy> policies) {
    Config config;
    for (const PoolPolicy& policy : policies) {
        PoolConfig& pool = config.pools.emplace_back();
        pool.name = "pool" + std::to_string(config.pools.size());
        pool.policy = policy;
    }
    return config;
}

class Bench {
public:
    explicit Bench(const Config& config, std::uint64_t seed = 1) : supervisor(config, seed) {}
    explicit Bench(const PoolPolicy& policy) : Bench(config_of({policy})) {}

    Supervisor supervisor;
    Time now{seconds{1000}};
    Output last;                  ///< of the newest turn
    std::vector<Record> records;  ///< of all turns
    std::vector<Action> actions;

    /// One turn of the loop, now.
    const Output& turn(std::vector<Event> events = {}) {
        last = supervisor.turn(std::move(events), now);
        records.insert(records.end(), last.records.begin(), last.records.end());
        actions.insert(actions.end(), last.actions.begin(), last.actions.end());
        return last;
    }

    /// Lets time pass, with a Tick whenever the supervisor wants one and never late.
    void pass(Duration duration) {
        const Time end = now + duration;
        while (true) {
            const auto due = supervisor.next_deadline();
            if (!due || *due > end) break;
            now = std::max(now, *due);
            turn({Tick{}});
        }
        now = end;
    }

    /// Lets time pass without any turn: reeve is away.
    void be_away(Duration duration) { now += duration; }

    const Pool& pool(std::size_t index = 0) const { return supervisor.pools()[index]; }
    const Slot& slot(std::size_t index = 0) const { return pool().slots()[index]; }
    const Worker& current(std::size_t index = 0) const { return slot(index).current; }
    State state(std::size_t index = 0) const { return current(index).state(); }
    Incarnation incarnation(std::size_t index = 0) const { return current(index).incarnation(); }

    /// Starts every worker that is starting and makes it ready.
    void bring_up() {
        turn();
        std::vector<Event> events;
        for (const Pool& each : supervisor.pools()) {
            for (const Slot& seat : each.slots()) add_boot(seat.current, events);
        }
        turn(std::move(events));
    }

    /// The successor of this slot boots and says that it is ready.
    void boot_successor(std::size_t index = 0) {
        std::vector<Event> events;
        if (slot(index).successor) add_boot(*slot(index).successor, events);
        turn(std::move(events));
    }

    void exit(Incarnation who, ExitStatus status = ExitedWith{1}) {
        turn({Exited{.incarnation = who, .status = status}});
    }

    static void add_boot(const Worker& worker, std::vector<Event>& events) {
        if (worker.state() != State::starting) return;
        events.emplace_back(Spawned{worker.incarnation()});
        events.emplace_back(SaidReady{worker.incarnation()});
    }

    /// A beat of process 1 of a worker, sent now.
    Beat beat(Incarnation who, std::uint64_t requests = 0, Phase phase = Phase::serving) {
        return beat_of({1, 1}, who, requests, phase);
    }
    Beat beat_of(ProcessKey process, Incarnation who, std::uint64_t requests = 0,
                 Phase phase = Phase::serving) {
        BeatFrame frame;
        frame.process = process;
        frame.sequence = ++sequence_;
        frame.phase = phase;
        frame.sent = now;
        frame.counters.requests = requests;
        return Beat{who, frame};
    }

private:
    std::uint64_t sequence_ = 0;
};

template <typename Wanted, typename Variant>
std::vector<Wanted> all_of(const std::vector<Variant>& list) {
    std::vector<Wanted> found;
    for (const Variant& each : list) {
        if (const auto* one = std::get_if<Wanted>(&each)) found.push_back(*one);
    }
    return found;
}

template <typename Wanted, typename Variant>
std::size_t count(const std::vector<Variant>& list) {
    return all_of<Wanted>(list).size();
}

/// The only one of its kind in the list; nothing where there is none or more than one.
template <typename Wanted, typename Variant>
std::optional<Wanted> only(const std::vector<Variant>& list) {
    auto found = all_of<Wanted>(list);
    if (found.size() != 1) return std::nullopt;
    return found.front();
}

inline std::size_t signals_sent(const std::vector<Action>& actions, int signal) {
    const auto all = all_of<Signal>(actions);
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const Signal& s) { return s.signal == signal; }));
}

}  // namespace reeve::core::test
