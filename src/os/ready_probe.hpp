// Whether a worker that says nothing is ready: does the kernel show that it waits for connections?
#pragma once

#include <cstdint>
#include <sys/types.h>
#include <vector>

#include "os/result.hpp"

namespace reeve::os {

enum class Readiness {
    accepting,  ///< waits for connections on one of the sockets
    quiet,      ///< all threads sleep and no CPU was used since the last look
    busy,
};

struct ProbeResult {
    Readiness readiness = Readiness::busy;
    /// false: descriptors or system calls may not be looked at, so `accepting` cannot be seen
    bool permitted = true;
};

/// Looks at one worker's process tree. Cheap enough for every 5 ms: only while the worker is
/// starting.
///
/// "Accepting" is: one of the sockets is in an epoll set of the tree, watched for input; or a
/// thread waits in accept, or in poll or select with it; or a process without an epoll set has a
/// connection that came in by it, for under load nobody waits in accept for long. A worker that
/// waits by io_uring is not seen: it shows as quiet.
class ReadyProbe {
public:
    /// `sockets`: inodes of the listening sockets that the worker was given (Listener::inode).
    ReadyProbe(pid_t pid, std::vector<ino_t> sockets) : pid_{pid}, sockets_{std::move(sockets)} {}

    /// ESRCH or ENOENT when the process is gone.
    [[nodiscard]] Result<ProbeResult> look();

private:
    pid_t pid_;
    std::vector<ino_t> sockets_;
    std::uint64_t last_cpu_ns_ = 0;
    bool looked_ = false;
};

}  // namespace reeve::os
