// The promises of the core, checked after every turn: a fold of its records and actions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/limits.hpp"
#include "core/supervisor.hpp"

namespace reeve::sim {

/// A promise was broken; `checker` names it.
struct Violation : std::runtime_error {
    Violation(std::string name, const std::string& what, std::optional<core::Seat> where = {})
        : std::runtime_error(name + ": " + what), checker(std::move(name)), seat(where) {}
    std::string checker;
    std::optional<core::Seat> seat;
};

class Checker {
public:
    /// `config` has to outlive it.
    explicit Checker(const core::Config& config);

    /// To be called before and after each turn.
    void before(const std::vector<core::Event>& events, core::Time now,
                const core::Supervisor& supervisor);
    void after(const core::Output& out, const core::Supervisor& supervisor);

    [[nodiscard]] bool left() const noexcept { return left_; }
    [[nodiscard]] std::uint64_t spawns() const noexcept { return spawns_; }
    [[nodiscard]] std::uint64_t rotations() const noexcept { return rotations_; }
    [[nodiscard]] std::uint64_t hangs() const noexcept { return hangs_; }

private:
    struct Stream {
        std::uint64_t sequence = 0;
        core::Time fed{};
        int absences = 0;
        core::Duration late{};
    };

    /// One process, as the records tell of it.
    struct Track {
        core::Seat seat;
        core::State state = core::State::down;
        core::Time since{};            ///< when it entered the state
        core::Duration patience{};     ///< how long it may stay there
        core::Duration forgiven_at{};  ///< sum of all absences at that time
        core::Time ready_at{};
        bool was_ready = false;
        bool triggered = false;
        bool says_stopping = false;
        bool pleaded = false;  ///< for more time, in this state
        std::uint64_t quota = 0;
        std::uint64_t requests = 0;
        std::map<std::uint64_t, Stream> streams;
        core::Side side{};
        bool served_until_drain = false;  ///< behind its own socket, and not told to leave since
        std::optional<core::Time> empty_since;  ///< its queue, as it was seen
        bool settled = false;                   ///< so for long enough
        std::optional<core::Time> stuck_since;
        std::uint64_t ran = 0;
    };

    struct SlotTrack {
        std::size_t waits_in_a_row = 0;  ///< back-offs among in_a_row
        std::uint32_t failures = 0;      ///< deaths since something in the slot was stable
        bool several = false;  ///< more than one machine has been in it: who failed is unclear
        std::vector<core::Time> in_a_row;  ///< deaths before Ready, with no Ready between them
    };

    struct PoolTrack {
        std::vector<SlotTrack> slots;
        std::vector<std::uint64_t> quotas;
        bool degraded = false;
        bool was_ready = false;
        bool complete = false;
        std::vector<core::Place> places;  ///< where new connections go
    };

    [[noreturn]] void fail(const char* checker, const std::string& what, core::Seat seat) const;
    void demand(bool holds, const char* checker, const char* what, core::Seat seat) const {
        if (!holds) fail(checker, what, seat);
    }

    void see(const core::Event& event);
    void see_beat(const core::Beat& event);
    void see_queue(const core::QueueSeen& event);
    void see_notice(const core::Notified& event);

    // One overload for each record that says something of a promise; the others are only counted.
    template <typename Other>
    void on(const Other&) {}
    void on(const core::Transition& record);
    void on(const core::WorkerReady& record);
    void on(const core::WorkerDied& record);
    void on(const core::SpawnFailure& record);
    void on(const core::Backoff& record);
    void on(const core::SlotFailed& record);
    void on(const core::Hang& record);
    void on(const core::RequestTimeout& record);
    void on(const core::CoreDump& record);
    void on(const core::Kill& record);
    void on(const core::RotationDue& record);
    void on(const core::RotationStart& record);
    void on(const core::Rotation& record);
    void on(const core::PoolReady& record);
    void on(const core::PoolDegraded& record);
    void on(const core::PoolRecovered& record);
    void on(const core::PoolGaveUp& record);
    void on(const core::Lateness& record);
    void on(const core::StopStart& record);
    void on(const core::Stopped& record);

    // And one for each action.
    template <typename Other>
    void act(const Other& action);
    void act(const core::Spawn& action);
    void act(const core::Signal& action);
    void act(const core::IgnoreBeats& action);
    void act(const core::Drain& action);
    void act(const core::Steer& action);
    void act(const core::LookAtSides&) {}
    void act(const core::RunDegradedHook&) {}
    // What operators change is looked at by change.cpp.
    void act(const core::BeginGeneration&) {}
    void act(const core::EndGeneration&) {}
    void act(const core::KeepGeneration&) {}
    void act(const core::RunBeforeStart&) {}
    void act(const core::Reply&) {}
    void act(const core::RefuseConnections&);
    void act(const core::Leave& action);

    void check_edge(const core::Transition& record, const Track& track);
    void check_drain(const core::Transition& record, const Track& track);
    void check_kill(core::Incarnation who, const Track& track, core::State from);
    [[nodiscard]] core::Duration patience(const core::Transition& record) const;
    void died(core::Incarnation who, bool ready, bool asked, core::Duration served);
    void forget_row(core::Seat seat);
    void check_failures();
    void check_pools();
    void check_slot(const core::Pool& pool, const core::Slot& slot, core::Seat seat);
    std::size_t check_workers(const core::Pool& pool, const core::Slot& slot, core::Seat seat);
    void check_told(const Track& track) const;
    void check_sides(const core::Pool& pool, const core::Slot& slot, core::Seat seat) const;
    void check_steering(const core::Pool& pool, core::PoolIndex index) const;
    void check_bounds(const core::Pool& pool, core::PoolIndex index) const;
    void check_deadline();
    void check_overstay() const;
    [[nodiscard]] core::Time limit(const Track& track) const {
        return track.since + track.patience + (forgiven_ - track.forgiven_at);
    }

    /// What may have been added because the worker asked for more time.
    [[nodiscard]] static core::Duration granted(const Track& track) {
        return track.pleaded ? track.patience * (core::extension_factor_max - 1) : core::Duration{};
    }

    [[nodiscard]] const core::PoolPolicy& policy(core::Seat seat) const {
        return config_->pools[number(seat.pool)].policy;
    }
    Track* find(core::Incarnation who);
    Track& must_find(core::Incarnation who, const char* checker, core::Seat seat);

    const core::Config* config_;
    std::map<core::Incarnation, Track> tracks_;
    std::map<std::pair<core::Seat, core::Incarnation>, core::Time> waits_;
    std::vector<PoolTrack> pools_;
    core::Incarnation newest_{};
    core::Duration forgiven_{};
    std::optional<core::Time> last_turn_;
    bool stopping_ = false;
    bool refused_ = false;
    bool left_ = false;
    bool gave_up_ = false;
    core::StopMode mode_ = core::StopMode::graceful;
    std::uint32_t kills_ = 0;
    std::uint64_t spawns_ = 0;
    std::uint64_t rotations_ = 0;
    std::uint64_t hangs_ = 0;
    int turns_without_progress_ = 0;

    // Of the turn under way.
    core::Time now_{};
    core::Duration late_{};
    core::Duration unseen_{};  ///< how much earlier the absence may have begun
    core::Time delay_over_{};  ///< of the back-off that was recorded last
    bool stopping_before_ = false;
    bool ticked_ = false;
    bool stop_asked_ = false;
    bool hurried_ = false;
    const core::Supervisor* supervisor_ = nullptr;
    std::set<core::Incarnation> dead_;
    std::set<core::Incarnation> mourned_;  ///< their deaths are recorded
    std::set<core::Incarnation> hooked_;
    std::set<core::Incarnation> beaten_;
    std::set<core::Incarnation> hung_;
    std::set<core::Incarnation> promoted_;
    std::set<core::Incarnation> vacated_;
    std::map<core::Seat, int> deaths_here_;
    std::map<core::Seat, int> stable_deaths_;
    std::map<core::Seat, int> backoffs_;
    std::set<core::Seat> boot_failures_;
};

}  // namespace reeve::sim
