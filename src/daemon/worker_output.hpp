// A worker's stderr: copied on, and its end kept for the record of its death.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/config.hpp"
#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "os/fd.hpp"

namespace reeve::daemon {

/// How much of the end is kept.
inline constexpr std::size_t output_tail_max = 8UL * 1024;

/// Reads one stderr pipe until its end, which may be long after the worker's: its children may hold
/// it.
class WorkerOutput : public std::enable_shared_from_this<WorkerOutput> {
public:
    WorkerOutput(Log& log, core::WorkerOutput mode, std::string pool, std::uint32_t slot,
                 os::Fd pipe);

    /// Begins to read; the object lives until the end of the pipe or close().
    void start(Loop& loop);
    void set_pid(pid_t pid) noexcept { pid_ = pid; }
    /// Reads what is there now.
    void drain();
    /// Whole lines from the end of what was written, at most a few KiB.
    std::string tail() const;
    bool ended() const noexcept { return !pipe_; }
    void close();

private:
    void take(std::string_view bytes);
    void put_line(std::string_view line);

    Log& log_;
    core::WorkerOutput mode_;
    std::string pool_;
    std::uint32_t slot_;
    pid_t pid_ = 0;
    os::Fd pipe_;
    Watch readable_;
    std::string tail_;
    std::string line_;  ///< an unfinished one, for prefix and json
};

}  // namespace reeve::daemon
