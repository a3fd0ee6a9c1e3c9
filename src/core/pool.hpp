// A pool: slots whose actual workers are brought to what is wanted after every turn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "core/output.hpp"
#include "core/worker.hpp"

namespace reeve::core {

/// A seat and the processes that hold it: the one that serves, its successor, and those on their
/// way out.
struct Slot {
    Worker current;
    std::optional<Worker> successor;
    Reason roll_reason = Reason::none;  ///< why the successor exists
    std::vector<Worker> leaving;
    std::optional<Time> no_roll_before;  ///< after a successor that failed for good
    Generation generation{};             ///< what the seat is started as the next time
    bool held = false;                   ///< an operator stopped it
    bool off = false;        ///< nobody is wanted here: held, or beyond the wanted number
    Side side = Side::a;     ///< where whoever begins in this seat sits down; a successor beside it
    std::uint8_t owned = 0;  ///< sides that a process has, one bit each
    std::uint8_t looks = 0;  ///< at what was left behind, so far
    std::optional<Time> next_look;
    std::uint32_t left = 0;  ///< connections that were left behind, as far as that was said
};

/// One configuration of a pool that some worker may still be of.
struct Edition {
    Generation generation{};
    PoolPolicy policy;
    std::vector<std::string> after;
};

/// What a pool waits for before it starts anything.
enum class Stage : std::uint8_t { waiting, preparing, open };

/// A reload of one pool while it is under way. The first workers of the new generation are pilots:
/// whom they replace stays until they have been stable, so that a generation that dies young finds
/// the one before it still serving.
struct Changeover {
    Generation from{};  ///< 0 where the reload brought the pool
    Generation to{};
    std::uint32_t wanted_before = 0;
    Time began{};
    Stage stage = Stage::waiting;
    bool had_started = false;
    bool proven = false;  ///< a worker of the new generation has been stable
    bool back = false;    ///< it has failed: everybody returns to `from`
};

/// Gives out incarnations and remembers where each lives; implemented by the supervisor.
class Registry {
public:
    virtual Incarnation make_incarnation(Seat seat) = 0;

protected:
    ~Registry() = default;
};

class Pool {
public:
    Pool(const PoolConfig& config, PoolIndex index, std::uint64_t seed,
         Generation generation = Generation{1});

    /// The machine of this incarnation in that slot, or null.
    Worker* find(Incarnation incarnation, SlotIndex slot);
    /// What it takes to change this worker, which sits in that slot.
    Context context(SlotIndex slot, const Worker& worker, Time now, Output& out);

    void on_time(Time now, Output& out);
    void extend(Duration late);
    void forgive(Duration late, Time now);
    /// Somebody asks for a planned replacement of this slot's worker.
    void request_rotation(SlotIndex slot, Time now, Output& out);
    /// Brings actual to desired. Called once at the end of each turn, also while stopping.
    void reconcile(Time now, Registry& registry, Output& out);
    void stop(StopMode mode, Time now, Output& out);
    /// From here on nothing is started and nothing is replaced.
    void freeze(Time now, Output& out);
    /// Lets the workers start, which wait until then: what they need is there.
    void open();
    /// The pool's before_start command runs.
    void prepare();

    /// Begins to bring the workers to another configuration. `as_new`: the pool itself is new.
    void begin_change(const PoolConfig& config, Generation to, bool as_new, Time now);
    /// Returns to the generation before, if it ever began to leave it.
    void roll_back(Time now, Output& out);
    /// The new generation is the one in force.
    void commit(Time now, Output& out);
    /// Who of the new generation is not fit, as a record; nothing while all is well.
    [[nodiscard]] std::optional<ReloadFailure> change_failure(const Output& out) const;
    /// Every worker is of the generation that the changeover leads to, and serves.
    [[nodiscard]] bool change_done() const noexcept;
    [[nodiscard]] const std::optional<Changeover>& changeover() const noexcept {
        return changeover_;
    }
    /// Forgets generations that nobody is of any more.
    void forget_editions(Output& out);

    /// Wants so many workers until the next reload.
    void scale(std::uint32_t workers, Output& out);
    /// Stops, or lets run again, the pool or one seat of it.
    void hold(std::optional<SlotIndex> slot, bool held, Output& out);
    /// Replaces the workers, or one, and gives another chance to those that fail.
    void restart(std::optional<SlotIndex> slot, Time now, Output& out);
    void signal(std::optional<SlotIndex> slot, int number, Output& out);
    /// What waits where nobody accepts.
    void see_sides(const SidesSeen& event, Time now, Output& out);
    /// The configuration names it no more: its workers leave and nobody comes.
    void remove(Time now, Output& out);

    /// When on_time has something to do. Looks only at the slots that were touched since it was
    /// asked last.
    std::optional<Time> next_deadline();

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] PoolIndex index() const noexcept { return index_; }
    [[nodiscard]] const std::vector<std::string>& after() const noexcept { return after_; }
    [[nodiscard]] const PoolPolicy& policy() const noexcept { return policy_; }
    /// What decides once a changeover under way has begun.
    [[nodiscard]] const PoolPolicy& next_policy() const noexcept {
        return changeover_ ? policy_of(changeover_->to) : policy_;
    }
    [[nodiscard]] const std::vector<Slot>& slots() const noexcept { return slots_; }
    [[nodiscard]] Generation generation() const noexcept { return generation_; }
    /// The highest generation that was ever begun.
    [[nodiscard]] Generation last_generation() const noexcept { return last_generation_; }
    /// Workers wanted now: as configured, or as scaled since, less those that were stopped.
    [[nodiscard]] std::uint32_t wanted() const noexcept;
    /// The same, those that were stopped included.
    [[nodiscard]] std::uint32_t scaled() const noexcept { return wanted_; }
    [[nodiscard]] std::uint32_t configured() const noexcept { return policy_.workers; }
    [[nodiscard]] bool held() const noexcept { return held_; }
    [[nodiscard]] bool removed() const noexcept { return removed_; }
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }
    [[nodiscard]] Stage stage() const noexcept { return stage_; }
    [[nodiscard]] std::uint32_t ready() const noexcept;
    /// Old workers that are on their way out.
    [[nodiscard]] std::uint32_t draining() const noexcept;
    /// It has started, and those may start now that come after it.
    [[nodiscard]] bool is_up() const noexcept {
        return stage_ == Stage::open && (held_ || is_available());
    }
    /// As many are ready as it takes to call the pool available.
    [[nodiscard]] bool is_available() const noexcept;
    [[nodiscard]] std::uint32_t processes() const noexcept;
    [[nodiscard]] bool degraded() const noexcept { return degraded_; }
    [[nodiscard]] bool ever_ready() const noexcept { return ever_ready_; }
    /// min_ready workers have been ready at the same time at least once.
    [[nodiscard]] bool has_been_available() const noexcept { return available_said_; }
    /// Its boots failed too often before it was ever ready.
    [[nodiscard]] bool gave_up() const noexcept { return gave_up_; }
    /// No worker is ready and every slot fails again and again.
    [[nodiscard]] bool is_down() const noexcept;
    /// The longest any present process may take to leave.
    [[nodiscard]] Duration longest_leave() const noexcept;

private:
    friend struct Inspector;  ///< the explorer compares whole states
    void revive(std::optional<SlotIndex> slot);
    void settle_wanted(Slot& slot, SlotIndex index, Time now, Output& out);
    void resize();
    void advance_change(Time now);
    void prove(Time now);
    /// Its worker is of another generation than the changeover under way leads to.
    [[nodiscard]] bool is_outdated(SlotIndex slot) const noexcept;
    [[nodiscard]] bool may_pilot() const noexcept;
    [[nodiscard]] Duration hold_of(const Worker& successor) const;
    [[nodiscard]] std::optional<Time> proof_deadline() const;
    [[nodiscard]] Generation successor_generation(const Slot& slot) const noexcept;
    [[nodiscard]] const PoolPolicy& policy_of(Generation generation) const noexcept;
    void adopt(Generation generation);
    [[nodiscard]] bool others_alive(Generation generation) const noexcept;
    [[nodiscard]] bool is_alone() const noexcept;
    [[nodiscard]] std::uint32_t max_surge() const noexcept;
    [[nodiscard]] std::uint32_t max_unavailable() const noexcept;
    void replace_lost(Slot& slot, SlotIndex index, Time now, Output& out);
    void promote(Slot& slot, SlotIndex index, Time now, Output& out);
    void replace_failing(Slot& slot, SlotIndex index, Time now, Output& out);
    void start_waiting(Time now, Registry& registry, Output& out);
    void roll(Time now, Registry& registry, Output& out);
    bool begin_roll(SlotIndex index, Time now, Registry& registry, Output& out);
    void judge(Time now, Output& out);
    void say_not_enforced(Time now, Output& out);
    [[nodiscard]] std::optional<Time> enforcement_check() const;
    [[nodiscard]] bool steers() const noexcept { return policy_.accept == Accept::per_worker; }
    [[nodiscard]] bool has_free_side(const Slot& slot) const noexcept;
    [[nodiscard]] std::vector<Place> places() const;
    void steer(Output& out);
    void note_owners(Slot& slot, SlotIndex index, Time now);
    void look_at_sides(Slot& slot, SlotIndex index, Time now, Output& out);
    void touch(SlotIndex slot);
    void touch_all();
    [[nodiscard]] std::optional<Time> deadline_of(const Slot& slot) const;
    [[nodiscard]] std::uint32_t starting() const noexcept;
    [[nodiscard]] std::uint32_t surge_used() const noexcept;
    [[nodiscard]] std::uint32_t failing() const noexcept;
    [[nodiscard]] std::uint32_t max_draining() const noexcept;
    [[nodiscard]] bool may_start() const noexcept;
    [[nodiscard]] bool has_room_beside() const noexcept;

    PoolPolicy policy_;  ///< what decides over the pool; a worker's own edition decides over it
    std::string name_;
    std::vector<std::string> after_;
    PoolIndex index_{};
    std::uint64_t seed_ = 0;
    Generation generation_{1};
    Generation last_generation_{1};
    std::vector<Edition> editions_;
    std::optional<Changeover> changeover_;
    std::uint32_t wanted_ = 0;
    Stage stage_ = Stage::waiting;
    bool held_ = false;
    bool removed_ = false;
    bool stopping_ = false;
    std::vector<Slot> slots_;
    std::vector<Place> places_;             ///< where new connections go
    std::vector<std::optional<Time>> due_;  ///< by slot; stale for those in touched_
    std::vector<std::uint32_t> touched_;    ///< slots whose workers may have changed, each once
    std::vector<bool> is_touched_;
    std::optional<Time> began_;
    bool frozen_ = false;
    bool ever_ready_ = false;
    bool available_said_ = false;
    bool complete_said_ = false;
    bool degraded_ = false;
    bool gave_up_ = false;
    bool waiting_said_ = false;
    bool enforcement_said_ = false;
};

}  // namespace reeve::core
