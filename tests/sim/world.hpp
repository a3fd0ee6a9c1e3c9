// A simulated machine under the core: processes that behave and misbehave, and the shell's part.
#pragma once

#include <cstdint>
#include <map>
#include <queue>
#include <utility>
#include <vector>

#include "core/supervisor.hpp"
#include "sim/random.hpp"
#include "sim/ways.hpp"

namespace reeve::sim {

/// One process that beats, within a worker's tree.
struct BeatingProcess {
    core::ProcessKey key;
    std::uint64_t sequence = 0;
    std::uint64_t requests = 0;
    bool silent = false;
};

struct Process {
    core::Incarnation incarnation{};
    core::Seat seat;
    core::Side side{};
    Ways ways;
    core::Time born{};
    bool alive = true;
    bool executed = false;
    bool booted = false;
    bool hung = false;
    bool leaving = false;
    bool dumping = false;
    bool pipe_open = true;
    std::uint32_t unread = 0;  ///< packets that wait in its pipe
    std::optional<core::Time> stuck_since;
    std::uint64_t ran = 0;  ///< rises with each look, while it is not hung
    std::vector<BeatingProcess> beating;
};

class World {
public:
    World(const core::Config& config, std::uint64_t seed);

    /// When the machine has news; nothing when nothing is going to happen by itself.
    [[nodiscard]] std::optional<core::Time> next_news() const;
    /// Everything that happened until `now` and was not read yet, as the shell finds it.
    std::vector<core::Event> read_news(core::Time now);
    /// Does what the core wants.
    void execute(const std::vector<core::Action>& actions, core::Time now);
    /// Workers that are started from now on are good ones.
    void end_trouble() { troubled_ = false; }
    /// Nothing of the machine ran for this long.
    void freeze(core::Duration duration);
    /// Puts an event of the outside world at a time.
    void schedule(core::Event event, core::Time at);

    [[nodiscard]] bool left() const noexcept { return left_; }
    [[nodiscard]] int exit_code() const noexcept { return exit_code_; }
    [[nodiscard]] const std::map<core::Incarnation, Process>& processes() const noexcept {
        return processes_;
    }
    /// Connections wait in this pool where nobody accepts them.
    [[nodiscard]] bool has_left(core::PoolIndex pool) const;
    Random& random() noexcept { return random_; }

private:
    enum class Kind : std::uint8_t {
        executed,
        spawn_failed,
        greeted,
        booted,
        beat,
        hang,
        flood,
        garbage,
        stuck,
        pipe_end,
        own_drain,
        feed,
        trigger,
        exit,
        stale,
        event
    };

    /// Something that is going to happen to a process, or to the machine.
    struct Fact {
        core::Time at;
        std::uint64_t tie = 0;
        std::uint64_t number = 0;
        Kind kind{};
        core::Incarnation who{};
        std::uint32_t part = 0;  ///< which of its processes; which of the scheduled events
        core::ExitStatus status;
    };
    struct Later {
        bool operator()(const Fact& a, const Fact& b) const noexcept {
            if (a.at != b.at) return a.at > b.at;
            return a.tie != b.tie ? a.tie > b.tie : a.number > b.number;
        }
    };

    void plan(Kind kind, core::Incarnation who, core::Time at, std::uint32_t part = 0,
              core::ExitStatus status = {});
    void happen(const Fact& fact);
    void happen_to(Process& process, const Fact& fact);
    void boot(Process& process, core::Time at);
    void plan_life(const Process& process, core::Time from);
    void beat(Process& process, const Fact& fact);
    void send_beat(Process& process, BeatingProcess& one, core::Time at, core::Phase phase);
    void flood(Process& process, core::Time at);
    void die(Process& process, const Fact& fact);
    void leave(Process& process, core::Time now);

    void act(const core::Spawn& action, core::Time now);
    void act(const core::Signal& action, core::Time now);
    void act(const core::Drain& action, core::Time now);
    void act(const core::Steer&, core::Time) {}
    void act(const core::LookAtQueue& action, core::Time now);
    void act(const core::LookAtSides& action, core::Time now);
    void act(const core::Probe& action, core::Time now);
    void act(const core::Examine& action, core::Time now);
    void act(const core::Sample& action, core::Time now);
    void act(const core::Describe&, core::Time) {}
    void act(const core::RunHangHook& action, core::Time now);
    void act(const core::RunDegradedHook&, core::Time) {}
    void act(const core::IgnoreBeats& action, core::Time now);
    // Nobody reloads or commands in these worlds: see change.cpp.
    void act(const core::BeginGeneration&, core::Time) {}
    void act(const core::EndGeneration&, core::Time) {}
    void act(const core::KeepGeneration&, core::Time) {}
    void act(const core::RunBeforeStart&, core::Time) {}
    void act(const core::Reply&, core::Time) {}
    void act(const core::RefuseConnections&, core::Time now);
    void act(const core::Leave& action, core::Time now);

    Process* find(core::Incarnation who);
    [[nodiscard]] const core::PoolPolicy& policy(const Process& process) const;

    core::Config config_;
    Random random_;
    std::vector<Trouble> troubles_;
    bool troubled_ = true;
    bool left_ = false;
    int exit_code_ = 0;
    std::uint64_t facts_ = 0;
    std::map<core::Incarnation, Process> processes_;
    std::map<std::pair<core::Seat, core::Side>, bool> left_behind_;
    std::priority_queue<Fact, std::vector<Fact>, Later> queue_;
    std::vector<core::Event> scheduled_;
    std::vector<core::Event> inbox_;
};

}  // namespace reeve::sim
