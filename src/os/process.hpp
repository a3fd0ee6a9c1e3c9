// What /proc shows of a process and the tree below it: bounded, cheap, never trusted to be there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

#include "core/time.hpp"
#include "os/pidfd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// Most processes of one tree that are looked at.
inline constexpr std::size_t tree_size_max = 256;

/// Tells one process and one program image in it from the next that has the same pid.
struct ProcessStamp {
    std::uint64_t start_ticks = 0;  ///< since boot; constant while the process lives
    std::uint64_t image = 0;        ///< changes on exec; 0 when it may not be seen
    friend bool operator==(const ProcessStamp&, const ProcessStamp&) = default;
};

/// ESRCH or ENOENT when it is gone; true for all readers here.
[[nodiscard]] Result<ProcessStamp> process_stamp(pid_t pid) noexcept;

/// Direct children, by all threads. Empty when there are none or the process is gone.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

/// `pid` first, then everybody below it, breadth first, at most `tree_size_max`.
[[nodiscard]] std::vector<pid_t> tree_of(pid_t pid);

/// Resident set of one process.
[[nodiscard]] Result<std::uint64_t> resident_bytes(pid_t pid) noexcept;

/// Sum of the resident sets of the tree below and with `pid`; shared pages count once for each
/// process.
[[nodiscard]] Result<std::uint64_t> tree_resident_bytes(pid_t pid);

/// The kernel is writing a core file of it now.
[[nodiscard]] Result<bool> core_dumping(pid_t pid) noexcept;

/// What the threads of a process have consumed and whether they do anything now. Two equal ones
/// with `asleep` mean that it did nothing in between; without it they stop at the first busy
/// thread.
struct Activity {
    std::uint64_t cpu_ns = 0;  ///< run time of all living threads
    std::uint64_t slices = 0;  ///< how often they got a CPU
    bool asleep = false;       ///< none runs, wants to run, is stopped or in D state
    friend bool operator==(const Activity&, const Activity&) = default;
};

/// Of the process and all its threads (at most 64 of them).
[[nodiscard]] Result<Activity> activity(pid_t pid) noexcept;

/// One thread at one moment.
struct ThreadDescription {
    pid_t tid = 0;
    std::string name;     ///< printable characters only
    char state = '?';     ///< as in ps: R, S, D, T, t, Z, X
    std::string wchan;    ///< kernel function it sleeps in; empty = none or not permitted
    std::string syscall;  ///< "epoll_wait", "syscall 291", "running", "not permitted"
    std::string stack;    ///< kernel frames joined by " < "; "not permitted"
};

struct ProcessDescription {
    std::size_t threads_total = 0;
    std::vector<ThreadDescription> threads;  ///< the main thread first
    /// "thread 12 python3 S in futex (futex_wait_queue), stack: not permitted; ...; and 31 more"
    [[nodiscard]] std::string text() const;
};

/// The main thread, and others until there are `others` of them or `budget` is used up: fifty
/// workers may hang at once. A process that is gone has no threads.
[[nodiscard]] ProcessDescription describe_process(pid_t pid, std::size_t others = 8,
                                                  core::Duration budget = std::chrono::microseconds{
                                                      200});

/// To the child's group and to everybody else below it. The number of processes outside the group
/// that were signalled. Only before the child is reaped.
[[nodiscard]] Result<std::size_t> signal_tree(const Child& child, int number);

}  // namespace reeve::os
