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
    Pool(const PoolConfig& config, PoolIndex index, std::uint64_t seed);

    /// The machine of this incarnation in that slot, or null.
    Worker* find(Incarnation incarnation, SlotIndex slot);
    /// What it takes to change a worker of that slot.
    Context context(SlotIndex slot, Time now, Output& out);

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

    /// When on_time has something to do. Looks only at the slots that were touched since it was
    /// asked last.
    std::optional<Time> next_deadline();

    [[nodiscard]] const PoolPolicy& policy() const noexcept { return policy_; }
    [[nodiscard]] const std::vector<Slot>& slots() const noexcept { return slots_; }
    [[nodiscard]] Generation generation() const noexcept { return generation_; }
    [[nodiscard]] std::uint32_t wanted() const noexcept { return policy_.workers; }
    [[nodiscard]] std::uint32_t ready() const noexcept;
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
    void replace_lost(Slot& slot, SlotIndex index, Time now, Output& out);
    void promote(Slot& slot, SlotIndex index, Time now, Output& out);
    void replace_failing(Slot& slot, SlotIndex index, Time now, Output& out);
    void start_waiting(Time now, Registry& registry, Output& out);
    void roll(Time now, Registry& registry, Output& out);
    bool begin_roll(SlotIndex index, Time now, Registry& registry, Output& out);
    void judge(Time now, Output& out);
    void say_not_enforced(Time now, Output& out);
    [[nodiscard]] std::optional<Time> enforcement_check() const;
    void touch(SlotIndex slot);
    void touch_all();
    [[nodiscard]] std::optional<Time> deadline_of(const Slot& slot) const;
    [[nodiscard]] std::uint32_t starting() const noexcept;
    [[nodiscard]] std::uint32_t surge_used() const noexcept;
    [[nodiscard]] std::uint32_t draining() const noexcept;
    [[nodiscard]] std::uint32_t failing() const noexcept;
    [[nodiscard]] std::uint32_t max_draining() const noexcept;
    [[nodiscard]] bool may_start() const noexcept;
    [[nodiscard]] bool has_room_beside() const noexcept;

    PoolPolicy policy_;
    std::string name_;
    PoolIndex index_{};
    std::uint64_t seed_ = 0;
    Generation generation_{1};
    std::vector<Slot> slots_;
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
