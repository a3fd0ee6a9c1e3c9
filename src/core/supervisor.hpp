// The whole of what reeve decides: facts and the time go in, actions and records come out.
#pragma once

#include <cstdint>
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

    const std::vector<Pool>& pools() const noexcept { return pools_; }
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
    void stop(StopMode mode, Time now, Output& out);
    void continue_stop(Time now, Output& out);
    void end_workers(Time now, Output& out);
    void give_up_if_hopeless(Time now, Output& out);
    void leave_when_empty(Time now, Output& out);
    bool has_serving_sockets() const;
    std::uint32_t processes() const;

    std::vector<Pool> pools_;
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
