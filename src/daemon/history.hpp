// What has happened so far: records folded into sums that only grow and into the latest events.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/beat.hpp"
#include "core/record.hpp"
#include "daemon/render.hpp"

namespace reeve::daemon {

using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The end of a process that failed, that nobody had asked to leave, or that had to be killed.
struct Death {
    std::uint32_t slot = 0;
    pid_t pid = 0;
    core::ExitStatus status;
    std::string cause;  ///< "exit_code", "oom", ...: see death_cause()
    core::Reason reason{};
    WallTime time{};
    std::string last_output;
};

enum class ReloadResult : std::uint8_t { success, rolled_back, invalid };

std::string_view name(ReloadResult result) noexcept;

struct LastReload {
    ReloadResult result{};
    WallTime time{};
    core::Duration took{};
    std::string why;  ///< empty after a success
};

/// Of one pool, since reeve began.
struct PoolHistory {
    std::uint64_t restarts = 0;  ///< starts in place of a process that was there before
    std::uint64_t deaths = 0;
    core::Counters counters;  ///< of the dead: what the living count comes on top
    std::map<std::uint32_t, core::Duration> cpu_time;  ///< of the dead, by slot
    std::optional<Death> last_death;
    std::optional<LastReload> last_reload;
    bool diverged = false;  ///< the newest configuration was refused: it runs an older one
};

/// Whether this start stands for a restart in the counts.
bool is_restart(const core::Transition& record) noexcept;

/// Adds without going over the end: workers may send any number.
void add(core::Counters& sum, const core::Counters& more) noexcept;

class History {
public:
    /// `seen`: the CPU time that the dead was last seen to have used, with those below it.
    void note(const core::Record& record, const Names& names, WallTime time,
              core::Duration seen = {});

    /// A new configuration could not be read, or not be carried out: nothing was changed by it.
    void note_invalid_reload(const std::vector<std::string>& pools, const std::string& why,
                             WallTime time);
    /// A reload found that what runs is what the files say: it succeeded without doing anything.
    void note_unchanged(WallTime time);

    /// Of a pool of which there is no record yet: all zero.
    [[nodiscard]] const PoolHistory& of(const std::string& pool) const;
    /// Of the whole daemon, whatever pools it was about.
    [[nodiscard]] const std::optional<LastReload>& last_reload() const noexcept {
        return last_reload_;
    }
    [[nodiscard]] bool diverged() const noexcept { return diverged_; }
    /// Forgets the pools that are not among these.
    void keep_only(const std::vector<std::string>& pools);

private:
    void note_death(const core::WorkerDied& record, const Names& names, WallTime time,
                    core::Duration seen);

    std::map<std::string, PoolHistory> pools_;
    std::optional<LastReload> last_reload_;
    std::string failure_;  ///< why the reload under way goes back
    bool diverged_ = false;
};

}  // namespace reeve::daemon
