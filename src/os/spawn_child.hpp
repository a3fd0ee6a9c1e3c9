// The child's side of a spawn: raw system calls on memory that the parent prepared.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <sys/resource.h>
#include <sys/types.h>

#include "os/spawn.hpp"

namespace reeve::os {

/// What the child writes on the report pipe before it exits with 127, or with `own_table`.
struct ExecFailure {
    std::uint32_t stage = 0;
    std::int32_t error = 0;
};

/// The stage that is no failure: from here on the child has descriptors of its own.
inline constexpr std::uint32_t own_table = ~0U;

/// Where a child shares our table at first, it takes over what is below.
inline constexpr int low_numbers_end = 256;

/// A descriptor to be placed, and room for the number that it is parked at meanwhile.
struct Placement {
    int source = -1;
    int target = -1;
    int parked = -1;
};

/// Everything that `run_child` needs, allocated before clone: between clone and exec nothing may
/// allocate or lock.
struct ChildPlan {
    int report = -1;                  ///< write end of the report pipe
    int notice_channel = -1;          ///< where the bind filter is wanted; see bind_filter.hpp
    bool shares_table = false;        ///< until the child takes its own
    std::span<Placement> placements;  ///< targets 0 .. size-1; source of 0 is ignored
    const mode_t* umask = nullptr;
    const int* nice = nullptr;
    std::span<const ResourceLimit> limits;
    std::span<const unsigned long> cpus;  ///< as for sched_setaffinity; empty = ours
    const Credentials* credentials = nullptr;
    int parent_death_signal = 0;
    pid_t parent = 0;
    const char* cwd = nullptr;
    std::span<char* const> pid_slots;         ///< each with room for 12 characters in an env entry
    const char* const* candidates = nullptr;  ///< paths to try, null-terminated
    char* const* argv = nullptr;
    char* const* env = nullptr;
};

/// Takes over these groups and ids by raw calls: libc's would try to change threads that a child
/// does not have. The stage that failed, with errno.
[[nodiscard]] std::optional<SpawnStage> change_user(const Credentials& who) noexcept;

/// Becomes the new program, or reports the failure and exits. Expects all signals to be blocked.
[[noreturn]] void run_child(const ChildPlan& plan) noexcept;

}  // namespace reeve::os
