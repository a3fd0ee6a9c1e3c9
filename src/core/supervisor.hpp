// The whole of what reeve decides: facts and the time go in, actions and records come out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/config.hpp"
#include "core/event.hpp"
#include "core/output.hpp"
#include "core/pool.hpp"

namespace reeve::core {

/// How far a stop has come.
enum class StopPhase : std::uint8_t { running, delaying, emptying, ending, left };

/// A command whose end somebody waits for.
struct Pending {
    enum class Until : std::uint8_t { up, replaced, gone };
    CommandId id{};
    PoolIndex pool{};
    std::optional<SlotIndex> slot;
    Until until = Until::up;
    Incarnation since{};  ///< the newest incarnation when the command was given
};

/// A reload under way.
struct ReloadUnderWay {
    CommandId id{};
    std::shared_ptr<const Config> config;
    std::vector<PoolIndex> members{};  ///< pools that are rolled
    std::vector<PoolIndex> removed{};  ///< pools that leave if it succeeds
    Time began{};
    bool back = false;
};

/// A value: copying it is a snapshot, and a copy fed the same events has the same future.
class Supervisor {
public:
    /// `seed` decides every jitter. Nothing happens before the first turn.
    Supervisor(const Config& config, std::uint64_t seed);

    /// Applies everything that one turn of the loop found, in the order of rank(), then makes
    /// actual meet desired. `now` never goes back. Events of an incarnation that is gone are
    /// counted and dropped.
    Output turn(std::vector<Event> events, Time now);

    /// When a Tick is wanted at the latest; nothing while nobody waits for the time.
    std::optional<Time> next_deadline() const noexcept { return next_deadline_; }

    /// By index; some may be removed.
    const std::vector<Pool>& pools() const noexcept { return pools_; }
    bool reloading() const noexcept { return reload_.has_value(); }
    StopPhase stop_phase() const noexcept { return phase_; }
    std::uint64_t stale_events() const noexcept { return stale_events_; }

private:
    friend struct Inspector;  ///< the explorer compares whole states
    struct Apply;

    Duration absence(Time now) const;
    Duration quiet() const;
    std::optional<Time> find_deadline();
    void count_kills(const Output& out);
    void note_absence(Duration late, Duration unseen, Output& out);
    void forgive_lateness(Duration late, Time now);
    void command(CommandId id, const ReloadCommand& command, Time now, Output& out);
    void command(CommandId id, const ScaleCommand& command, Time now, Output& out);
    void command(CommandId id, const StartCommand& command, Time now, Output& out);
    void command(CommandId id, const StopCommand& command, Time now, Output& out);
    void command(CommandId id, const RestartCommand& command, Time now, Output& out);
    void command(CommandId id, const SignalCommand& command, Time now, Output& out);
    bool refuse(CommandId id, bool changes, Output& out) const;
    std::vector<PoolIndex> find(CommandId id, const Target& target, Output& out) const;
    void wait_for(CommandId id, const std::vector<PoolIndex>& pools, const Target& target,
                  Pending::Until until, Output& out);
    std::optional<Reply> judge(const Pending& pending) const;
    std::optional<Reply> judge(CommandId id) const;
    void settle_pending(Output& out);
    void open_stages(Output& out);
    void end_preparation(const BeforeStartEnded& event, Time now, Output& out);
    PoolIndex add_pool(const PoolConfig& config);
    void continue_reload(Time now, Output& out);
    void fail_reload(const ReloadFailure& failure, Time now, Output& out);
    bool finish_reload(Time now, Output& out);
    void take_over(const Config& config);
    void stop(StopMode mode, Time now, Output& out);
    void stop_pools(Time now, Output& out);
    Duration leave_time(const Pool& pool, std::uint32_t depth) const;
    void continue_stop(Time now, Output& out);
    void end_workers(Time now, Output& out);
    void give_up_if_hopeless(Time now, Output& out);
    void leave_when_empty(Time now, Output& out);
    bool has_serving_sockets() const;
    std::uint32_t processes() const;

    std::vector<Pool> pools_;
    std::uint64_t seed_ = 0;
    std::optional<ReloadUnderWay> reload_;
    std::vector<Pending> pending_;
    Duration stop_delay_{};
    Duration queue_grace_{};
    std::unordered_map<std::uint64_t, Seat> homes_;
    std::uint64_t last_incarnation_ = 0;
    std::uint64_t stale_events_ = 0;

    StopPhase phase_ = StopPhase::running;
    StopMode mode_ = StopMode::graceful;
    Time phase_deadline_{};
    Time stop_began_{};
    int exit_code_ = 0;
    std::uint32_t killed_ = 0;
    std::optional<Time> last_turn_;
    std::optional<Time> next_deadline_;  ///< only a turn changes it
};

}  // namespace reeve::core
